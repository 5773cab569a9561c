# cython: language_level=3
"""The parts of a collection that every write uses. Compiled so that the express lane reads them without attribute lookups."""

import itertools

from secantus_server.catalog._document_count cimport DocumentCount

from secantus_server.system._threads import Lock


cdef class RecordIds:
    """Hands out the RecordIds of a collection. All versions of the collection share one instance, so that no RecordId is used twice.

    Threads: `_lock` serializes the creation of the counter. Several threads may call `next` on the counter.
    """

    def __cinit__(self):
        self._lock = Lock()
        self._least = 1

    def begin(self):
        """Start the counter of a new, empty collection, so that the first document gets RecordId 1."""
        with self._lock:
            self._numbers = itertools.count(1)
            self._is_complete = True

    cpdef numbers(self, newest):
        """Return an iterator over new RecordIds, which several threads may share.

        A transaction must call this before it deletes its first document. Otherwise `newest` would not see that document, and its RecordId
        would be used again, although the transaction may abort.

        Arguments:
            newest: a function that returns the highest stored RecordId. It is called if the counter does not exist yet.
        """
        numbers = self._numbers
        if numbers is None:
            found = newest()
            with self._lock:
                if self._numbers is None:
                    self._numbers = itertools.count(max(self._least, found + 1))
                numbers = self._numbers
        return numbers

    def restored(self):
        """Let the next call of `numbers` look for the highest stored RecordId again. The caller has exclusive access to the store.

        A restore may bring back documents that had been deleted before the counter was created. That cannot happen if the counter has
        existed as long as the collection.
        """
        if self._numbers is not None and not self._is_complete:
            self._least = next(self._numbers)
            self._numbers = None


cdef class CollectionState:
    """The attributes of a collection that a write uses; the base of `collection.Collection`, which describes them."""
