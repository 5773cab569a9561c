"""The running operations: for currentOp, killOp and time limits."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Protocol

from secantus_server.clock import Clock
from secantus_server.errors import CommandError
from secantus_server.javascript import Engine
from secantus_server.storage.errors import StorageError
from secantus_server.system._threads import get_ident


class Notes(Protocol):
    """The plans of one command; `query.plan_notes.PlanNotes` implements it."""

    def add(self, plan: Any, query: Any = None) -> None:
        """Note a plan that is about to be executed."""

    def count(self, usage: Any) -> None:
        """Add what the command has examined to the usage of its connection."""

    def resume(self) -> None:
        """Begin the next command on the cursor of the plans."""


class Operation:
    """One running command.

    Long loops call `check`; it reads plain attributes, so it needs no lock.
    """

    __slots__ = (
        "_clock", "_new_notes", "body", "connection_id", "db", "deadline", "engine", "has_cursor", "killed", "notes", "notes_lookups",
        "opid", "origin", "session", "started", "thread", "time_left", "users", "waited", "wake",
    )  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        opid: int,
        connection_id: int,
        db: str,
        body: dict[str, Any],
        users: tuple[tuple[str, str], ...],
        new_notes: Callable[[], Notes],
    ) -> None:
        self._clock = clock
        self._new_notes = new_notes
        self.opid = opid
        self.connection_id = connection_id
        self.db = db
        self.body = body
        self.users = users
        # The logical session that it runs in.
        self.session: bytes | None = None
        self.thread = get_ident()
        self.started = clock.monotonic()
        self.deadline: float | None = None
        self.killed: CommandError | None = None
        self.time_left: float | None = None
        # Seconds spent waiting for data, not counted as working time.
        self.waited = 0.0
        # Ends the wait that the operation is in; None while it is in none.
        self.wake: Callable[[], None] | None = None
        # The JavaScript engine of the command, until it ends.
        self.engine: Engine | None = None
        # Its plans, once there is one. They refer to the operation, so they are dropped when the command ends, or its cursor.
        self.notes: Any = None
        # Whether point lookups count as plans, too; the command log and the profiler ask for them.
        self.notes_lookups = False
        # Whether a cursor continues the command, and for a getMore the operation that opened its cursor.
        self.has_cursor = False
        self.origin: Operation | None = None

    def note_plan(self, plan: Any, query: Any = None) -> None:
        """Note a plan that is about to be executed.

        Arguments:
            query: the canonical query that it is the plan of, or None.
        """
        if self.notes is None:
            self.notes = self._new_notes()
        self.notes.add(plan, query)

    def keep_notes(self) -> None:
        """Keep the plans for the next commands on the command's cursor, which `take_over` them."""
        self.has_cursor = True
        if self.notes is None:
            self.notes = self._new_notes()

    def take_over(self, opener: Operation) -> None:
        """Go on with the plans of the operation that opened the cursor."""
        self.origin, self.notes = opener, opener.notes
        if self.notes is not None:
            self.notes.resume()

    def drop_notes(self) -> None:
        """Forget the plans."""
        self.notes = None

    def interrupt(self, error: CommandError) -> None:
        """Make the operation fail with an error at its next check, and end its wait."""
        self.killed = error
        wake = self.wake
        if wake is not None:
            wake()

    def limit(self, max_time_ms: int) -> None:
        """Set the time limit, counted from the start; 0 means none."""
        self.deadline = self.started + max_time_ms / 1000 if max_time_ms else None

    def seconds_left(self) -> float:
        """Return the time until the limit, which is set; negative once it is exceeded."""
        assert self.deadline is not None, "its time is limited"
        return self.deadline - self._clock.monotonic()

    def check(self) -> None:
        """Raise if the operation was killed or timed out.

        Raises:
            CommandError: 50 MaxTimeMSExpired, or the error it was killed with.
        """
        if self.killed is not None:
            raise self.killed
        if self.deadline is not None and self._clock.monotonic() > self.deadline:
            raise CommandError(50, "operation exceeded time limit")

    def is_ended_by(self, error: CommandError) -> bool:
        """Return whether an error ends the whole command, not just one statement: an interruption, or a failed store."""
        return self.killed is not None or error.code == 50 or (isinstance(error, StorageError) and error.fatal)

    def note_time_left(self) -> None:
        """Record the operation's remaining time for the next getMore on its cursor."""
        self.time_left = self.seconds_left()

    def inherit_time_limit(self, last: Operation) -> None:
        """Limit the time of a getMore to the part of maxTimeMS that the earlier operations on its cursor left."""
        if last.time_left is not None:
            self.deadline = self.started + last.time_left


class Operations:
    """All running operations of a server.

    Arguments:
        new_notes: returns empty notes of plans.

    Threads: single dict operations and `next` on the counter are atomic, and each operation has its own key.
    """

    def __init__(self, clock: Clock, new_notes: Callable[[], Notes]) -> None:
        self._clock = clock
        self._new_notes = new_notes
        self._running: dict[int, Operation] = {}
        self._ids = itertools.count(1)

    def begin(self, connection_id: int, db: str, body: dict[str, Any], users: tuple[tuple[str, str], ...] = ()) -> Operation:
        """Register a running operation; the caller must call `end`, also after an error.

        Arguments:
            body: the command document, without secrets.
            users: the connection's authenticated users.
        """
        operation = Operation(self._clock, next(self._ids), connection_id, db, body, users, self._new_notes)
        self._running[operation.opid] = operation
        return operation

    def end(self, operation: Operation) -> None:
        """Remove a finished operation."""
        if operation.deadline is not None:
            operation.note_time_left()
        del self._running[operation.opid]

    def all(self) -> list[Operation]:
        """Return the running operations."""
        return list(self._running.values())

    def current(self, last: Operation) -> Operation | None:
        """Return the operation that this thread runs, or None.

        Arguments:
            last: the operation that it probably is.
        """
        thread = get_ident()
        if last.thread == thread and last.opid in self._running:
            return last
        return next((operation for operation in self.all() if operation.thread == thread), None)

    def check_waiting(self) -> None:
        """Call `check` of the operation that this thread runs; for waits without access to the operation.

        Raises:
            CommandError: as `Operation.check`.
        """
        thread = get_ident()
        for operation in self.all():
            if operation.thread == thread:
                operation.check()

    def kill(self, opid: int) -> None:
        """Make an operation fail at its next check; ignore an unknown one, as MongoDB does."""
        operation = self._running.get(opid)
        if operation is not None:
            operation.interrupt(CommandError(11601, "operation was interrupted"))

    def kill_all(self, error: CommandError) -> None:
        """Make every operation fail at its next check."""
        for operation in self.all():
            # Each gets its own error, since its labels depend on the command.
            operation.interrupt(CommandError(error.code, error.message, error.labels, error.info))
