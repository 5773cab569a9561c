# cython: language_level=3
"""The number of documents in a collection. The documents are counted once, and writes then update the number.

Compiled because every insert and delete updates the number.
"""

from libc.stdint cimport int64_t


cdef class DocumentCount:
    """The number of documents in a collection, if known.

    Successive catalog objects of one collection share the same count, because a write may finish after its collection's definition was
    replaced. Once known, the number remains known.

    While the number is unknown, the result of a counting scan is stored only if the scan saw every commit. This is the case if no commit
    is in progress and the latest commit ended before the scan's transaction began. `RecoveryUnit.serial` defines the order of
    transactions.

    Threads: the GIL guards all fields, because this code holds it throughout.
    """

    def __cinit__(self):
        self.changed_at = -1

    @property
    def value(self):
        """The number of documents, or None."""
        return self.number if self.is_known else None

    def remember(self, int64_t value, int64_t serial):
        """Store the document count from a scan, unless the scan may have missed a commit.

        Arguments:
            serial: the serial of the scan's transaction.
        """
        if not self.is_known and self.changed_at < serial and self.pending == 0:
            self.number, self.is_known = value, True

    cpdef begin_change(self):
        """Record that a commit begins while the number is unknown. A concurrent scan may or may not see this commit."""
        self.pending += 1

    cpdef cancel_change(self):
        """Record that a commit announced by `begin_change` has failed."""
        self.pending -= 1

    cpdef end_change(self, int64_t difference, int64_t newest):
        """Record that the commit announced by `begin_change` has succeeded and changed the number of documents by `difference`.

        Arguments:
            newest: the serial of the newest transaction, read after the commit. That transaction and older ones may have missed the
                commit.
        """
        self.pending -= 1
        self.changed_at = max(self.changed_at, newest)
        self.change(difference)

    cpdef change(self, int64_t difference):
        """Add `difference` after a commit that began when the number was known."""
        if self.is_known:
            self.number += difference
