"""All open cursors of a server: lent to one command at a time, and closed when nobody used them for long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from secantus_server.clock import Clock
from secantus_server.cursors.cursor import Cursor
from secantus_server.errors import CommandError
from secantus_server.system._threads import Lock


class CursorRegistry:
    """The open cursors.

    Threads: `_lock` guards `_cursors` and the `in_use` of each.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._cursors: dict[int, Cursor] = {}

    def add(self, cursor: Cursor) -> int:
        """Keep a cursor under a new id."""
        with self._lock:
            cursor.id = self._clock.int64()
            cursor.last_used = self._clock.monotonic()
            self._cursors[cursor.id] = cursor
        return cursor.id

    @contextmanager
    def lend(self, cursor_id: int) -> Iterator[Cursor]:
        """The cursor of this id for as long as the block runs; it is closed then if it is exhausted, or on an error.

        Raises:
            CommandError: 43 CursorNotFound, or 12051 CursorInUse.
        """
        with self._lock:
            cursor = self._cursors.get(cursor_id)
            if cursor is None:
                raise CommandError(43, f"cursor id {cursor_id} not found")
            if cursor.in_use:
                raise CommandError(12051, f"cursor id {cursor_id} is already in use")
            cursor.in_use = True
        done = True
        try:
            yield cursor
            done = cursor.exhausted
        finally:
            with self._lock:
                cursor.in_use = False
                cursor.last_used = self._clock.monotonic()
            if done:
                self.kill(cursor_id)

    def peek(self, cursor_id: int) -> Cursor | None:
        """The cursor of this id without taking it, or None."""
        with self._lock:
            return self._cursors.get(cursor_id)

    def kill(self, cursor_id: int) -> bool:
        """Close a cursor; tells whether it was there."""
        with self._lock:
            cursor = self._cursors.pop(cursor_id, None)
        if cursor is None:
            return False
        if not cursor.in_use:
            cursor.close()
        return True

    def kill_where(self, condition: Callable[[Cursor], bool]) -> int:
        """Close every cursor that meets the condition; gives their number."""
        with self._lock:
            found = [cursor_id for cursor_id, cursor in self._cursors.items() if condition(cursor)]
        return sum(map(self.kill, found))

    def close_idle(self, timeout_s: float) -> int:
        """Close the cursors that nobody used for so long; gives their number."""
        oldest = self._clock.monotonic() - timeout_s
        return self.kill_where(lambda cursor: not cursor.in_use and not cursor.no_timeout and cursor.last_used < oldest)

    def open_count(self) -> int:
        """How many cursors are open."""
        with self._lock:
            return len(self._cursors)

    def all(self) -> list[Cursor]:
        """The open cursors."""
        with self._lock:
            return list(self._cursors.values())

    def open_ids(self) -> frozenset[int]:
        """The ids of the open cursors."""
        with self._lock:
            return frozenset(self._cursors)
