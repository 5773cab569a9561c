"""Freeing the memory of an in-memory store: its pages are rewritten without overwritten and removed data.

WiredTiger keeps what it has replaced on a page until the page is rewritten, and in memory it rewrites pages only when the store is
nearly full. So a walk over all tables rewrites the changed pages once enough has changed. Now and then the C library returns to the system
what became free.

The periodic thread walks, and gives way to others. Writers that leave more behind than it removes make the store crowded: then the next of
them walks before it writes (`Engine.relieve`), so that the memory stays within bounds while they work.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Final

from secantus_server.storage._unit import RecoveryUnit
from secantus_server.storage.configuration import MEGABYTE
from secantus_server.storage.tables import NAMES
from secantus_server.system._clock import monotonic

#: A walk is due after so much has changed, or a quarter of the store if that is more.
CHANGED_ENOUGH: Final = 4 * MEGABYTE
#: While nobody works, it is due after this, or a thirty-second of the store.
CHANGED_ENOUGH_WHEN_IDLE: Final = MEGABYTE // 4
#: The store is crowded once its memory has grown by so much, and by a quarter, beyond what the last walk left.
ROOM: Final = 16 * MEGABYTE
#: The C library returns free memory to the system after so many bytes were walked over, or an eighth of the store.
GIVE_BACK_AFTER: Final = 4 * MEGABYTE
#: Entries walked over at a time: about half a millisecond, or two where their pages are rewritten.
_STEP: Final = 1024
_TRIM: Final = getattr(ctypes.CDLL(None), "malloc_trim", None)


class Tidying:
    """A walk over the tables of an in-memory store, one step at a time.

    Arguments:
        sweeper: a unit that rewrites the pages it leaves.
        changed: how many bytes have been changed since the store was opened.
        memory: how many bytes the store takes.
        has_orphans: whether the store still holds entries that were dropped.
    """

    def __init__(
        self, sweeper: RecoveryUnit, changed: Callable[[], int], memory: Callable[[], int], has_orphans: Callable[[], bool]
    ) -> None:
        self._sweeper = sweeper
        self._changed = changed
        self._memory = memory
        self._has_orphans = has_orphans
        self._changed_before = changed()
        self._size = 0
        self._met = 0
        self._given_back_at = 0
        # The table and the key to go on from while a walk is under way.
        self._place: tuple[int, bytes] | None = None
        #: How many bytes the store may take before it is crowded.
        self.crowded_at = ROOM
        #: How many walks have come to their end.
        self.walks = 0

    @property
    def is_walking(self) -> bool:
        """Whether a walk is under way."""
        return self._place is not None

    @property
    def due_at(self) -> int:
        """How many changed bytes make a walk due while others work."""
        return self._changed_before + max(CHANGED_ENOUGH, self._size // 4)

    def is_due(self, *, idle: bool) -> bool:
        """Whether to call `run`."""
        due_at = self._changed_before + max(CHANGED_ENOUGH_WHEN_IDLE, self._size // 32) if idle else self.due_at
        return self._place is not None or self._changed() >= due_at

    def run(self, budget_ms: float, others_work: Callable[[], bool]) -> None:
        """Walk for about `budget_ms`, or until others work.

        A reader that needs a page while it is rewritten waits for it, and with it whoever waits for the interpreter. So a walk gives way,
        unless as much has changed since it began as made it due: then its memory is needed.
        """
        deadline = monotonic() + budget_ms / 1000
        if self._place is None:
            self._place, self._met, self._given_back_at, self._changed_before = (0, b""), 0, 0, self._changed()
        while self._place is not None and (self._changed() >= self.due_at or not others_work()):
            self._place = self._step(*self._place)
            if monotonic() >= deadline:
                break
        if self._place is None:
            self._size = self._met
            self.walks += 1
            self._note_what_is_left()
            give_back_memory()

    def _note_what_is_left(self) -> None:
        """Set the bounds for what comes after a walk.

        What was changed during the walk may lie where it had been already. It does not count as left, for the next walk can remove it.
        Nor do orphans, which relieve() purges.
        """
        left = max(self._met, self._memory() - (self._changed() - self._changed_before))
        crowded_at = left + left // 4 + ROOM
        self.crowded_at = min(self.crowded_at, crowded_at) if self._has_orphans() else crowded_at

    def _step(self, table: int, lower: bytes) -> tuple[int, bytes] | None:
        """Walk over some entries; return the place to go on from."""
        last, met = self._sweeper.sweep(table, lower, None, _STEP)
        self._met += met
        if self._met - self._given_back_at > max(GIVE_BACK_AFTER, self._size // 8):
            self._given_back_at = self._met
            give_back_memory()
        if last is not None:
            return table, last + b"\0"
        return (table + 1, b"") if table + 1 < len(NAMES) else None


def give_back_memory() -> None:
    """Make the C library return free memory to the system. Only glibc has a call for it; other libraries decide themselves."""
    if _TRIM is not None:
        _TRIM(0)
