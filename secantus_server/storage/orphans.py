"""Entries that nobody can reach any more - of dropped collections and indexes - and their removal in small batches."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from secantus_server.storage._unit import RecoveryUnit
from secantus_server.storage.errors import DamagedData, WriteConflict
from secantus_server.storage.keys import IdentRange, orphan_bounds, unpack_range
from secantus_server.storage.tables import META, OPLOG, WITH_IDENTS
from secantus_server.system._clock import monotonic

#: Keys removed in one transaction: about a quarter of a millisecond, for which a restore may have to wait.
_BATCH: Final = 256
#: Keys removed before their pages are rewritten, and live entries that this may walk over: about a millisecond.
_SWEEP_AFTER: Final = 2048
_NO_LIMIT: Final = (1 << 31) - 1


class Orphans:
    """The idents to be removed. The list is kept in `meta` too, so that a restart forgets none.

    Arguments:
        sweeper: a unit that rewrites the pages it leaves. A removed key keeps its memory, and is in the way of scans, until its page is
            rewritten, and in a store in memory nothing but this does that before the cache is full. None for a directory.
    """

    def __init__(self, sweeper: RecoveryUnit | None) -> None:
        self._sweeper = sweeper
        self._ranges: deque[IdentRange] = deque()
        self._removed = 0
        self._unswept: dict[int, IdentRange] = {}

    def __len__(self) -> int:
        return len(self._ranges)

    @property
    def hold_memory(self) -> bool:
        """Whether there are entries to remove, or pages to rewrite where some were removed."""
        return bool(self._ranges or self._unswept)

    def load(self, unit: RecoveryUnit) -> None:
        """Reads the list that an earlier process left."""
        self.add(unpack_range(key) for key, _ in unit.scan(META, *orphan_bounds()))

    def add(self, ranges: Iterable[IdentRange]) -> None:
        """Takes over idents whose rows in `meta` are committed."""
        self._ranges.extend(ranges)

    def purge(self, unit: RecoveryUnit, budget_ms: float, is_wanted_elsewhere: Callable[[], bool]) -> bool:
        """Removes entries for about so many milliseconds, or until somebody else wants to work; tells whether some are left."""
        deadline = monotonic() + budget_ms / 1000
        while self._ranges:
            self._purge_batch(unit, self._ranges[0])
            if self._sweeper is not None and self._removed >= _SWEEP_AFTER:
                self._sweep(self._sweeper)
            if monotonic() >= deadline or is_wanted_elsewhere():
                break
        return bool(self._ranges)

    def reclaim(self, unit: RecoveryUnit) -> None:
        """Remove all entries, and rewrite every page of the tables that hold documents, where keys may have been removed or changed."""
        self.purge(unit, math.inf, lambda: False)
        if self._sweeper is not None:
            for table in (*WITH_IDENTS, OPLOG):
                self._sweeper.sweep(table, b"", None, _NO_LIMIT)
            self._forget_swept()

    def _purge_batch(self, unit: RecoveryUnit, orphan: IdentRange) -> None:
        """One batch in one transaction; the range's row goes with its last entry."""
        unit.begin()
        try:
            removed = unit.purge(orphan.table, *orphan.bounds(), _BATCH)
            if removed < _BATCH:
                unit.remove(META, orphan.meta_key())
            unit.commit()
        except DamagedData:
            # Entries behind the damage stay; their row in `meta` makes the next start try again.
            unit.rollback()
            self._ranges.popleft()
            return
        except WriteConflict:
            # A straggler writes to an ident dropped under it: what it leaves is removed at the next turn.
            if unit.in_transaction:
                unit.rollback()
            self._ranges.rotate(-1)
            return
        self._note(orphan, removed)
        if removed < _BATCH:
            self._ranges.popleft()

    def _note(self, orphan: IdentRange, removed: int) -> None:
        """Remembers where keys were removed."""
        self._removed += removed
        before = self._unswept.get(orphan.table, orphan)
        self._unswept[orphan.table] = IdentRange(orphan.table, min(before.low, orphan.low), max(before.high, orphan.high))

    def _sweep(self, sweeper: RecoveryUnit) -> None:
        """Rewrite the pages where keys were removed."""
        for table, swept in self._unswept.items():
            sweeper.sweep(table, *swept.bounds(), _SWEEP_AFTER)
        self._forget_swept()

    def _forget_swept(self) -> None:
        self._unswept.clear()
        self._removed = 0
