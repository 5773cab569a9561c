"""What a test harness asks of the server besides commands; `SecantusDBServer` implements it, and the command secantusTest offers it."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Protocol

#: What happened to a collection or view itself.
Fate = Literal["", "created", "dropped", "replaced", "redefined"]


class DumpedCollection(NamedTuple):
    """A collection or view with its definition, and its documents in natural order."""

    db: str
    name: str
    uuid: str
    options: dict[str, Any]
    indexes: list[dict[str, Any]]
    documents: list[bytes]

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

    def dump(self) -> list[DumpedCollection]:
        """Return the collections and views of users."""

    def differences(self, snapshot: Any) -> list[Difference]:
        """Return the collections and views that differ from a snapshot."""
