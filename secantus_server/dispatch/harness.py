"""The interface for operations that test harnesses need and that MongoDB's commands do not offer.

`SecantusDBServer` implements the operations. Clients call them with the command secantusTest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

#: How a collection or view as a whole has changed since a snapshot; "" if only its documents differ.
Fate = Literal["", "created", "dropped", "replaced", "redefined"]


class DumpedCollection(NamedTuple):
    """A dump of a collection or view: its definition, and its documents in natural order.

    The documents of a time-series collection are its stored buckets.
    """

    db: str
    name: str
    uuid: str
    options: dict[str, Any]
    indexes: list[dict[str, Any]]
    documents: list[bytes]
    buckets: list[bytes] | None = None

    @property
    def is_view(self) -> bool:
        """Return whether the collection is a view."""
        return "viewOn" in self.options


class Difference(NamedTuple):
    """The difference between the current state of a collection or view and its state in a snapshot.

    Documents are matched by `_id`. `changed` contains pairs of an old and a new document.
    """

    db: str
    name: str
    fate: Fate
    added: list[bytes]
    changed: list[tuple[bytes, bytes]]
    removed: list[bytes]


class LoggedCommand(Protocol):
    """A finished command in the command log. `work._command_records.CommandRecord` implements this interface."""

    name: str
    keys_examined: int
    docs_examined: int
    n_returned: int
    duration_ms: float
    error: str | None

    @property
    def namespace(self) -> str:
        """Return the full name of the command's collection."""

    @property
    def text(self) -> str:
        """Return the command as mongosh code."""

    @property
    def shape(self) -> str:
        """Return the shape of the command: its mongosh code with `?` in place of constants."""

    @property
    def plan_summary(self) -> str:
        """Return a summary of the command's query plans, which lists the collection scans and index scans."""


#: Commands of the log, the log position after the last command, and the number of commands that were dropped because the log was full.
LoggedCommands = tuple[Sequence[LoggedCommand], int, int]


class Harness(Protocol):
    """The interface through which a test harness controls a server."""

    @property
    def snapshots(self) -> tuple[Any, ...]:
        """Return the open snapshots, outermost first. Each snapshot has an attribute `number`."""

    def snapshot(self) -> Any:
        """Take a snapshot and return it."""

    def restore(self, snapshot: Any) -> None:
        """Restore the server's contents to the state of a snapshot."""

    def release(self, snapshot: Any) -> None:
        """Release a snapshot without undoing the writes since then."""

    def clock(self) -> tuple[int, bool]:
        """Return the time of the server's clock in milliseconds since the Unix epoch, and whether the clock is running."""

    def move_clock(self, to_ms: int | None = None, *, by_ms: int = 0, runs: bool | None = None) -> int:
        """Set the server's clock to a time or move it by an offset, and return the new time.

        If `runs` is given, also start or stop the clock.
        """

    def restore_clock(self) -> None:
        """Reset the server's clock to the system's time."""

    def begin_wire_log(self) -> None:
        """Start secantusTest's command log, unless it is already running."""

    def end_wire_log(self) -> None:
        """Stop secantusTest's command log."""

    def clear_wire_log(self) -> None:
        """Remove the commands from secantusTest's command log. Positions in the log remain valid."""

    def wire_log(self, start: int) -> LoggedCommands | None:
        """Return the commands in secantusTest's command log from position `start` on, or None if the log was never started."""

    def dump(self) -> list[DumpedCollection]:
        """Return all collections and views, except the server's internal collections."""

    def differences(self, snapshot: Any) -> list[Difference]:
        """Return the collections and views that differ from a snapshot."""
