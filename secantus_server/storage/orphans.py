"""Entries that nobody can reach any more - of dropped collections and indexes - and their removal in small batches."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from typing import Final

from secantus_server.storage._unit import RecoveryUnit
from secantus_server.storage.errors import WriteConflict
from secantus_server.storage.keys import IdentRange, orphan_bounds, unpack_range
from secantus_server.storage.tables import META

#: Keys removed in one transaction: about a quarter of a millisecond, for which a restore may have to wait.
_BATCH: Final = 256


class Orphans:
    """The idents to be removed. The list is kept in `meta` too, so that a restart forgets none."""

    def __init__(self) -> None:
        self._ranges: deque[IdentRange] = deque()

    def __len__(self) -> int:
        return len(self._ranges)

    def load(self, unit: RecoveryUnit) -> None:
        """Reads the list that an earlier process left."""
        self.add(unpack_range(key) for key, _ in unit.scan(META, *orphan_bounds()))

    def add(self, ranges: Iterable[IdentRange]) -> None:
        """Takes over idents whose rows in `meta` are committed."""
        self._ranges.extend(ranges)

    def purge(self, unit: RecoveryUnit, budget_ms: float) -> bool:
        """Removes entries for about so many milliseconds; tells whether some are left."""
        deadline = time.monotonic() + budget_ms / 1000
        while self._ranges:
            self._purge_batch(unit, self._ranges[0])
            if time.monotonic() >= deadline:
                break
        return bool(self._ranges)

    def _purge_batch(self, unit: RecoveryUnit, orphan: IdentRange) -> None:
        """One batch in one transaction; the range's row goes with its last entry."""
        unit.begin()
        try:
            done = unit.purge(orphan.table, *orphan.bounds(), _BATCH) < _BATCH
            if done:
                unit.remove(META, orphan.meta_key())
            unit.commit()
        except WriteConflict:
            # A straggler writes to an ident dropped under it: what it leaves is removed at the next turn.
            self._abandon(unit)
            self._ranges.rotate(-1)
            return
        if done:
            self._ranges.popleft()

    def _abandon(self, unit: RecoveryUnit) -> None:
        """Rolls back unless the failed commit has done so."""
        if unit.in_transaction:
            unit.rollback()
