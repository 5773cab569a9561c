"""The operations that a test harness needs but MongoDB has no commands for.

`SecantusDBServer` implements them, and clients call them with the command secantusTest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

#: What happened to a collection or view as a whole since a snapshot; "" if only its documents differ.
Fate = Literal["", "created", "dropped", "replaced", "redefined"]


class DumpedCollection(NamedTuple):
    """A collection or view with its definition and its documents in natural order. A time series also has its stored buckets."""

    db: str
    name: str
    uuid: str
    options: dict[str, Any]
    indexes: list[dict[str, Any]]
    documents: list[bytes]
    buckets: list[bytes] | None = None

    @property
    def is_view(self) -> bool:
        """Whether it is a view."""
        return "viewOn" in self.options


class Difference(NamedTuple):
    """How a collection or view differs from a snapshot. Documents are matched by `_id`; `changed` has pairs of the old and new state."""

    db: str
    name: str
    fate: Fate
    added: list[bytes]
    changed: list[tuple[bytes, bytes]]
    removed: list[bytes]


class LoggedCommand(Protocol):
    """A finished command in the command log; `work.command_records.CommandRecord` implements it."""

    name: str
    keys_examined: int
    docs_examined: int
    n_returned: int
    duration_ms: float
    error: str | None

    @property
    def namespace(self) -> str:
        """The full name of the collection."""

    @property
    def text(self) -> str:
        """The command as it is typed in mongosh."""

    @property
    def shape(self) -> str:
        """The command with `?` for its constants."""

    @property
    def plan_summary(self) -> str:
        """The summary of its plans: the collection and index scans."""


#: Commands of the log, the position after the last of them, and the number of commands that were dropped because the log was full.
LoggedCommands = tuple[Sequence[LoggedCommand], int, int]


class Harness(Protocol):
    """The interface by which a harness controls a server."""

    @property
    def snapshots(self) -> tuple[Any, ...]:
        """The open snapshots, outermost first; each has a `number`."""

    def snapshot(self) -> Any:
        """Take a snapshot."""

    def restore(self, snapshot: Any) -> None:
        """Restore the contents of the server at the time of a snapshot."""

    def release(self, snapshot: Any) -> None:
        """Release a snapshot and keep later writes."""

    def clock(self) -> tuple[int, bool]:
        """Return the server clock's time in milliseconds since the Unix epoch, and whether the clock runs."""

    def move_clock(self, to_ms: int | None = None, *, by_ms: int = 0, runs: bool | None = None) -> int:
        """Set the server's clock, or move it by an offset; start or stop it if `runs` is given. Return its new time."""

    def restore_clock(self) -> None:
        """Set the server's clock back to the system's time."""

    def begin_wire_log(self) -> None:
        """Start secantusTest's command log, unless it has been started."""

    def end_wire_log(self) -> None:
        """Stop secantusTest's command log."""

    def clear_wire_log(self) -> None:
        """Remove the commands from secantusTest's command log. Positions in the log stay valid."""

    def wire_log(self, start: int) -> LoggedCommands | None:
        """Return the commands in secantusTest's command log from a position on, or None if no log was started."""

    def dump(self) -> list[DumpedCollection]:
        """Return all collections and views of users."""

    def differences(self, snapshot: Any) -> list[Difference]:
        """Return the collections and views that differ from a snapshot."""
