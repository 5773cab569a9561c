"""Freeing of memory in an in-memory store by rewriting its pages without overwritten and removed data.

WiredTiger keeps replaced data on a page until the page is rewritten. In an in-memory store, it rewrites pages only when the store is
nearly full. Therefore a *walk* over all tables rewrites the changed pages whenever enough bytes have changed. From time to time, the C
library is also made to return the freed memory to the system.

The periodic thread performs the walks and yields to running commands. If writers produce garbage faster than the walks remove it, the
store becomes *crowded*. Each writer then performs a part of the walk before it writes (`Engine.relieve`). This bounds the memory under
load.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from secantus_server.storage._unit import RecoveryUnit
from secantus_server.storage.configuration import MEGABYTE
from secantus_server.storage.tables import NAMES
from secantus_server.system._clock import monotonic

#: A walk is due when this number of bytes has changed, or a quarter of the store if that is more.
CHANGED_ENOUGH: Final = 4 * MEGABYTE
#: The same limit while no transaction runs; a thirty-second of the store if that is more.
CHANGED_ENOUGH_WHEN_IDLE: Final = MEGABYTE // 4
#: The store is crowded once its memory exceeds the memory after the last walk by a quarter plus this number of bytes.
ROOM: Final = 16 * MEGABYTE
#: Free memory is returned to the system each time a walk has passed this number of bytes, or an eighth of the store if that is more.
GIVE_BACK_AFTER: Final = 4 * MEGABYTE
#: The number of entries in one step of a walk. A step takes half a millisecond, or two milliseconds if the pages are rewritten.
_STEP: Final = 1024


class Tidying:
    """The walks over the tables of an in-memory store, which rewrite changed pages one step at a time.

    Arguments:
        sweeper: a recovery unit that rewrites each page after visiting it.
        changed: a function that returns the number of bytes changed since the store was opened.
        memory: a function that returns the number of bytes of memory used by the store.
        has_orphans: a function that returns whether entries of dropped collections and indexes remain.
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
        # The table and the key at which the current walk continues; None between walks.
        self._place: tuple[int, bytes] | None = None
        #: The number of bytes beyond which the store is crowded.
        self.crowded_at = ROOM
        #: The number of completed walks.
        self.walks = 0

    @property
    def is_walking(self) -> bool:
        """Whether a walk is in progress."""
        return self._place is not None

    @property
    def due_at(self) -> int:
        """The value of `changed` at which the next walk is due while transactions are running."""
        return self._changed_before + max(CHANGED_ENOUGH, self._size // 4)

    def is_due(self, *, idle: bool) -> bool:
        """Return whether `run` should be called.

        Arguments:
            idle: whether no transaction is running, in which case a smaller amount of changes suffices.
        """
        due_at = self._changed_before + max(CHANGED_ENOUGH_WHEN_IDLE, self._size // 32) if idle else self.due_at
        return self._place is not None or self._changed() >= due_at

    def run(self, budget_ms: float, others_work: Callable[[], bool]) -> None:
        """Walk for about `budget_ms`, or until another transaction runs.

        A reader blocks while the page that it needs is being rewritten. If the reader holds the GIL, all other threads block, too.
        Therefore a walk yields to transactions. It does not yield if the next walk has already become due, because the memory is needed
        in that case.

        Arguments:
            budget_ms: the approximate duration.
            others_work: a function that returns whether another transaction is running.
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
        """Set the memory limit above which the store is crowded, after a walk.

        The limit is derived from the memory that the walk could not free. Changes during the walk do not count, because they may be on
        pages that the walk had already passed and that the next walk can free. Orphans do not count, either, because relieve() purges
        them.
        """
        left = max(self._met, self._memory() - (self._changed() - self._changed_before))
        crowded_at = left + left // 4 + ROOM
        self.crowded_at = min(self.crowded_at, crowded_at) if self._has_orphans() else crowded_at

    def _step(self, table: int, lower: bytes) -> tuple[int, bytes] | None:
        """Rewrite the pages of some entries. Return the position of the next step, or None at the end of the walk."""
        last, met = self._sweeper.sweep(table, lower, None, _STEP)
        self._met += met
        if self._met - self._given_back_at > max(GIVE_BACK_AFTER, self._size // 8):
            self._given_back_at = self._met
            give_back_memory()
        if last is not None:
            return table, last + b"\0"
        return (table + 1, b"") if table + 1 < len(NAMES) else None


def give_back_memory() -> None:
    """Make the C library return free memory to the system, if it is glibc. Other C libraries have no function for this."""
    # Imported here, because a module-level import would slow down each start.
    import ctypes

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
