"""The operations that a test harness needs and MongoDB has no command for.

`SecantusDBServer` implements them, and the command secantusTest offers them to clients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

#: What happened to a collection or view itself.
Fate = Literal["", "created", "dropped", "replaced", "redefined"]


class DumpedCollection(NamedTuple):
    """A collection or view with its definition, and its documents in natural order; of a time series also the stored buckets."""

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
    """How a collection or view differs from a snapshot. Documents are matched by `_id`; a changed one is its old and its new state."""

    db: str
    name: str
    fate: Fate
    added: list[bytes]
    changed: list[tuple[bytes, bytes]]
    removed: list[bytes]


class LoggedCommand(Protocol):
    """A command that has run; see `work.command_records.CommandRecord`."""

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
        """The scans of its plans."""


#: Commands, the position after them in the log, and the number of those that did not fit.
LoggedCommands = tuple[Sequence[LoggedCommand], int, int]


class Harness(Protocol):
    """The control of a server by a harness."""

    @property
    def snapshots(self) -> tuple[Any, ...]:
        """The open snapshots, outermost first; each has a `number`."""

    def snapshot(self) -> Any:
        """Take a snapshot."""

    def restore(self, snapshot: Any) -> None:
        """Restore the contents at a snapshot."""

    def release(self, snapshot: Any) -> None:
        """Release a snapshot and keep later writes."""

    def clock(self) -> tuple[int, bool]:
        """Return the time in milliseconds since the Unix epoch, and whether it runs."""

    def move_clock(self, to_ms: int | None = None, *, by_ms: int = 0, runs: bool | None = None) -> int:
        """Move the time."""

    def restore_clock(self) -> None:
        """Make the time that of the system again."""

    def begin_wire_log(self) -> None:
        """Begin the log of secantusTest, unless there is one."""

    def end_wire_log(self) -> None:
        """End the log of secantusTest."""

    def clear_wire_log(self) -> None:
        """Forget the commands in the log of secantusTest; positions in it stay valid."""

    def wire_log(self, start: int) -> LoggedCommands | None:
        """Return the commands in the log of secantusTest from a position on, or None without a log."""

    def dump(self) -> list[DumpedCollection]:
        """Return the collections and views of users."""

    def differences(self, snapshot: Any) -> list[Difference]:
        """Return the collections and views that differ from a snapshot."""
