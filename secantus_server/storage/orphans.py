"""Removal of the entries of dropped collections and indexes ("orphans") in small batches."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from secantus_server.diagnostics.crash_points import reach
from secantus_server.storage._unit import RecoveryUnit
from secantus_server.storage.errors import DamagedData, WriteConflict
from secantus_server.storage.keys import IdentRange, orphan_bounds, unpack_range
from secantus_server.storage.tables import META, OPLOG, WITH_IDENTS
from secantus_server.system._clock import monotonic

#: The number of keys removed in one transaction, which takes about a quarter of a millisecond. A restore of a directory may wait that long.
_BATCH: Final = 256
#: The same for a store in memory, whose restores do not wait. A larger batch takes the GIL from running commands less often.
_BATCH_IN_MEMORY: Final = 2048
#: The number of keys removed before their pages are rewritten. Rewriting also reads about as
#: many live entries, and takes about a millisecond.
_SWEEP_AFTER: Final = 2048
_NO_LIMIT: Final = (1 << 31) - 1


class Orphans:
    """The ranges of dropped idents whose entries must be removed.

    A store in a directory also lists them in `meta`, so that they survive a restart. A store in memory merges successive ranges instead.
    Each restore drops the idents that follow those of the restore before it. Their few entries are removed in one transaction.

    Arguments:
        purger: the recovery unit that removes the entries.
        sweeper: a recovery unit that rewrites each page after visiting it, or None for a store in a directory. A removed key occupies
            memory and slows down scans until its page is rewritten. In an in-memory store, WiredTiger rewrites pages only when the cache
            is nearly full.

    Threads: any thread may call `add`. The engine's purge lock guards everything else.
    """

    def __init__(self, purger: RecoveryUnit, sweeper: RecoveryUnit | None) -> None:
        self._purger = purger
        self._sweeper = sweeper
        self._batch = _BATCH if sweeper is None else _BATCH_IN_MEMORY
        # Ranges move from `_added` to `_ranges`. For a moment they are in both, so that no thread sees a store without orphans.
        self._added: deque[IdentRange] = deque()
        self._ranges: deque[IdentRange] = deque()
        self._removed = 0
        self._unswept: dict[int, IdentRange] = {}

    def __len__(self) -> int:
        return len(self._added) + len(self._ranges)

    @property
    def hold_memory(self) -> bool:
        """Whether there are entries to remove, or pages to rewrite after a removal."""
        return bool(len(self) or self._unswept)

    def load(self, unit: RecoveryUnit) -> None:
        """Load the ranges that an earlier process has listed in `meta`."""
        self.add(unpack_range(key) for key, _ in unit.scan(META, *orphan_bounds()))

    def add(self, ranges: Iterable[IdentRange]) -> None:
        """Add ranges. If the store is in a directory, their rows in `meta` have been committed."""
        self._added.extend(ranges)

    def purge(self, budget_ms: float, is_wanted_elsewhere: Callable[[], bool]) -> bool:
        """Remove entries for about `budget_ms`, or until another thread needs the store. Return whether any entries remain."""
        deadline = monotonic() + budget_ms / 1000
        while self._take_added():
            self._purge_batch(self._purger, self._ranges[0])
            if self._sweeper is not None and self._removed >= _SWEEP_AFTER:
                self._sweep(self._sweeper)
            if monotonic() >= deadline or is_wanted_elsewhere():
                break
        return len(self) > 0

    def _take_added(self) -> bool:
        """Move the added ranges to those that are being purged, and return whether there are any."""
        # Other threads only append.
        count = len(self._added)
        if count:
            added = [self._added[place] for place in range(count)]
            self._ranges.extend(added if self._sweeper is None else merged(added))
            for _ in range(count):
                self._added.popleft()
        return bool(self._ranges)

    def reclaim(self) -> None:
        """Remove all orphaned entries, and rewrite all pages of the tables of documents, indexes and the oplog."""
        self.purge(math.inf, lambda: False)
        if self._sweeper is not None:
            for table in (*WITH_IDENTS, OPLOG):
                self._sweeper.sweep(table, b"", None, _NO_LIMIT)
            self._forget_swept()

    def _purge_batch(self, unit: RecoveryUnit, orphan: IdentRange) -> None:
        """Remove one batch of entries in one transaction. In a directory, the last batch also removes the range's row in `meta`."""
        unit.begin()
        try:
            removed = unit.purge(orphan.table, *orphan.bounds(), self._batch)
            if removed < self._batch and self._sweeper is None:
                unit.remove(META, orphan.meta_key())
            reach("purge")
            unit.commit()
        except DamagedData:
            # The entries after the damage stay. The row in `meta` also stays, so the next start tries again.
            unit.rollback()
            self._ranges.popleft()
            return
        except WriteConflict:
            # A transaction that began before the drop may still write to the ident. The next batch removes its entries.
            if unit.in_transaction:
                unit.rollback()
            self._ranges.rotate(-1)
            return
        except BaseException:
            if unit.in_transaction:
                unit.rollback()
            raise
        self._note(orphan, removed)
        if removed < self._batch:
            self._ranges.popleft()

    def _note(self, orphan: IdentRange, removed: int) -> None:
        """Record the number and the range of removed keys for the next `_sweep`."""
        self._removed += removed
        before = self._unswept.get(orphan.table, orphan)
        self._unswept[orphan.table] = IdentRange(orphan.table, min(before.low, orphan.low), max(before.high, orphan.high))

    def _sweep(self, sweeper: RecoveryUnit) -> None:
        """Rewrite the pages from which keys were removed."""
        for table, swept in self._unswept.items():
            sweeper.sweep(table, *swept.bounds(), _SWEEP_AFTER)
        self._forget_swept()

    def _forget_swept(self) -> None:
        self._unswept.clear()
        self._removed = 0


def merged(ranges: Iterable[IdentRange]) -> list[IdentRange]:
    """Return the ranges in the order of their tables and idents, with successive ranges of a table as one."""
    result: list[IdentRange] = []
    for one in sorted(ranges):
        last = result[-1] if result else None
        if last is not None and last.table == one.table and last.high == one.low:
            result[-1] = IdentRange(one.table, last.low, one.high)
        else:
            result.append(one)
    return result
