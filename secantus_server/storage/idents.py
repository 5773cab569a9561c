"""Allocation of idents, the numbers of collections and indexes. An ident is never reused, even after a crash."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from secantus_server.storage._unit import RecoveryUnit
from secantus_server.storage.keys import IDENT_MARK
from secantus_server.storage.tables import META
from secantus_server.system._threads import Lock

#: The number of idents reserved by one write. A restart skips the unused ones.
_BLOCK: Final = 256
_FIRST: Final = 1


class Idents:
    """An allocator of idents, which returns them in ascending order.

    Arguments:
        transaction: a function that opens a transaction as a context manager.
        persistent: whether the store outlives the process. If so, an upper bound on the idents in use is stored in `meta`.
    """

    def __init__(self, transaction: Callable[[], AbstractContextManager[RecoveryUnit]], *, persistent: bool) -> None:
        self._transaction = transaction
        self._persistent = persistent
        self._lock = Lock()
        with transaction() as unit:
            mark = unit.get(META, IDENT_MARK)
        self.next = int.from_bytes(mark, "big") if mark else _FIRST
        self._reserved_to = self.next

    def take(self) -> int:
        """Allocate and return the next ident."""
        with self._lock:
            if self._persistent and self.next == self._reserved_to:
                self._reserve()
            ident = self.next
            self.next += 1
            return ident

    def _reserve(self) -> None:
        """Reserve a block of idents by writing its upper bound, so that the log contains the bound before any use of these idents."""
        mark = self._reserved_to + _BLOCK
        with self._transaction() as unit:
            unit.put(META, IDENT_MARK, mark.to_bytes(4, "big"))
        self._reserved_to = mark
