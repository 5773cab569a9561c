"""The registry of running operations, for currentOp, killOp and time limits."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from secantus_server.clock import Clock
from secantus_server.dispatch._operation import Operation
from secantus_server.errors import CommandError
from secantus_server.records import Protocol
from secantus_server.system._threads import get_ident

__all__ = ["Notes", "Operation", "Operations"]


class Notes(Protocol):
    """The interface of a command's recorded query plans. `query._plan_notes.PlanNotes` implements it."""

    def add(self, plan: Any, query: Any = None) -> None:
        """Record a query plan that is about to be executed."""

    def count(self, usage: Any) -> None:
        """Add the numbers of keys and documents that the command examined to its connection's usage."""

    def resume(self) -> None:
        """Start new counts, because the next command on the same cursor starts."""


class Operations:
    """All running operations of a server.

    Arguments:
        import_notes: returns the class of the `Notes`. It is called for the first command with a plan, because its module imports the
            planner.

    Threads: no lock is needed. Single dict operations and `next` on the counter are atomic, and each operation has its own key.
    """

    def __init__(self, clock: Clock, import_notes: Callable[[], Callable[[], Notes]]) -> None:
        self._clock = clock
        self._import_notes = import_notes
        #: This attribute and the next are public for code that adds operations to `running`, and removes them, without `begin` and `end`.
        self.new_notes: Callable[[], Notes] = self._first_notes
        self.new_id: Callable[[], int] = itertools.count(1).__next__
        #: The running operations by id.
        self.running: dict[int, Operation] = {}

    def _first_notes(self) -> Notes:
        """Return empty notes, and let later operations create theirs directly."""
        self.new_notes = self._import_notes()
        return self.new_notes()

    def begin(
        self,
        connection_id: int,
        db: str,
        body: dict[str, Any],
        users: tuple[tuple[str, str], ...] = (),
    ) -> Operation:
        """Create and register an operation. The caller must call `end` when the operation has ended, even after an error.

        Arguments:
            body: the command document, without secrets.
            users: the connection's authenticated users.
        """
        operation = Operation(self._clock, self.new_id(), connection_id, db, body, users, self.new_notes)
        self.running[operation.opid] = operation
        return operation

    def end(self, operation: Operation) -> None:
        """Unregister a finished operation."""
        if operation.deadline is not None:
            operation.note_time_left()
        del self.running[operation.opid]

    def all(self) -> list[Operation]:
        """Return the running operations."""
        return list(self.running.values())

    def current(self, last: Operation) -> Operation | None:
        """Return the operation that is running in the calling thread, or None if absent.

        Arguments:
            last: the operation to try first, because it is probably the current operation.
        """
        if last.thread == get_ident() and last.opid in self.running:
            return last
        return self.here()

    def here(self) -> Operation | None:
        """Return an operation that is running in the calling thread, or None. No generator, because every direct command calls this."""
        if not self.running:
            return None
        thread = get_ident()
        for operation in self.all():
            if operation.thread == thread:
                return operation
        return None

    def check_waiting(self) -> None:
        """Call `check` of the operation that is running in the calling thread.

        Waiting code that has no reference to its operation calls this method.

        Raises:
            CommandError: the errors of `Operation.check`.
        """
        thread = get_ident()
        for operation in self.all():
            if operation.thread == thread:
                operation.check()

    def kill(self, opid: int) -> None:
        """Interrupt an operation, so that its next check raises an error. As in MongoDB, ignore an unknown id."""
        operation = self.running.get(opid)
        if operation is not None:
            operation.interrupt(CommandError(11601, "operation was interrupted"))

    def shut_down(self) -> None:
        """Interrupt every operation because the server stops."""
        self.kill_all(CommandError(11600, "interrupted at shutdown"))

    def kill_all(self, error: CommandError) -> None:
        """Interrupt every operation, so that its next check raises the given error."""
        for operation in self.all():
            # Each operation gets its own copy of the error, because the labels depend on the command.
            operation.interrupt(CommandError(error.code, error.message, error.labels, error.info))
