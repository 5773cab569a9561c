"""The number of documents in a collection. The documents are counted once, and writes then update the number."""

from __future__ import annotations

from secantus_server.system._threads import Lock


class DocumentCount:
    """The number of documents in a collection, if known.

    Successive catalog objects of one collection share the same count, because a write may finish after its collection's definition was
    replaced. Once known, the number remains known.

    While the number is unknown, the result of a counting scan is stored only if the scan saw every commit. This is the case if no commit
    is in progress and the latest commit ended before the scan's transaction began. `RecoveryUnit.serial` defines the order of
    transactions.

    Threads: `_lock` guards all fields; `value` may be read without it.
    """

    __slots__ = ("_changed_at", "_lock", "_pending", "value")

    def __init__(self) -> None:
        self._lock = Lock()
        self._changed_at = -1
        self._pending = 0
        self.value: int | None = None

    def remember(self, value: int, serial: int) -> None:
        """Store the document count from a scan, unless the scan may have missed a commit.

        Arguments:
            serial: the serial of the scan's transaction.
        """
        with self._lock:
            if self.value is None and self._changed_at < serial and not self._pending:
                self.value = value

    def begin_change(self) -> None:
        """Record that a commit begins while the number is unknown. A concurrent scan may or may not see this commit."""
        with self._lock:
            self._pending += 1

    def cancel_change(self) -> None:
        """Record that a commit announced by `begin_change` has failed."""
        with self._lock:
            self._pending -= 1

    def end_change(self, difference: int, newest: int) -> None:
        """Record that the commit announced by `begin_change` has succeeded and changed the number of documents by `difference`.

        Arguments:
            newest: the serial of the newest transaction, read after the commit. That transaction and older ones may have missed the
                commit.
        """
        with self._lock:
            self._pending -= 1
            self._changed_at = max(self._changed_at, newest)
            if self.value is not None:
                self.value += difference

    def change(self, difference: int) -> None:
        """Add `difference` after a commit that began when the number was known."""
        with self._lock:
            if self.value is not None:
                self.value += difference
