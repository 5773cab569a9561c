"""A cache of values that searches compute from all documents of a collection. A commit that changes the collection clears the cache."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from secantus_server.system._threads import Lock


class SearchContents:
    """A cache of values computed from all documents of a collection, such as its packed vectors.

    Successive catalog objects of one collection share the cache. A value is stored only if the scan that computed it saw every commit. It
    is returned only to transactions that see the same documents. A transaction has seen every commit if no commit is in progress and the
    latest commit ended before the transaction began. `RecoveryUnit.serial` defines the order of transactions. A transaction that has
    written must not call `find`.

    Threads: `_lock` guards all fields.
    """

    __slots__ = ("_changed_at", "_lock", "_pending", "_values")

    def __init__(self) -> None:
        self._lock = Lock()
        self._changed_at = -1
        self._pending = 0
        self._values: dict[Hashable, Any] = {}

    def find(self, key: Hashable, serial: int) -> Any:
        """Return a cached value, or None if the cache has no value that is valid for the transaction.

        Arguments:
            serial: the serial of the reader's transaction.
        """
        with self._lock:
            return self._values.get(key) if self._is_current(serial) else None

    def keep(self, key: Hashable, value: Any, serial: int) -> None:
        """Store a value in the cache, unless the scan that computed it may have missed a commit.

        Arguments:
            serial: the serial of the scan's transaction.
        """
        with self._lock:
            if self._is_current(serial):
                self._values[key] = value

    def begin_change(self) -> None:
        """Record that a commit begins. Until it ends, concurrent transactions may or may not see its changes."""
        with self._lock:
            self._pending += 1
            self._values.clear()

    def end_change(self, newest: int) -> None:
        """Record that the commit announced by `begin_change` has succeeded or failed.

        Arguments:
            newest: the serial of the newest transaction, read after the commit. That transaction and older ones may have missed the
                commit.
        """
        with self._lock:
            self._pending -= 1
            self._changed_at = max(self._changed_at, newest)

    def restored(self, newest: int) -> None:
        """Clear the cache, because the documents were restored to an earlier state. No transaction may run during the restore."""
        with self._lock:
            self._values.clear()
            self._changed_at = max(self._changed_at, newest)

    def _is_current(self, serial: int) -> bool:
        return not self._pending and self._changed_at < serial
