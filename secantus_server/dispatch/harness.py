"""What a test harness asks of the server besides commands; `SecantusDBServer` implements it, and the command secantusTest offers it."""

from __future__ import annotations

from typing import Any, Protocol


class DumpedCollection(Protocol):
    """See `work.dump`."""

    db: str
    name: str
    uuid: str
    options: dict[str, Any]
    indexes: list[dict[str, Any]]
    documents: list[bytes]


class Difference(Protocol):
    """See `work.dump`."""

    db: str
    name: str
    fate: Any
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

    def dump(self) -> list[Any]:
        """Return the collections and views: see `DumpedCollection`."""

    def differences(self, snapshot: Any) -> list[Any]:
        """Return the collections and views that differ from a snapshot: see `Difference`."""
