"""The server interface that snapshot layers use. It serves only type checking, so no module imports it at run time."""

from __future__ import annotations

from typing import Any, Protocol

Handle = Any


class SnapshotStore(Protocol):
    """The snapshot operations that layers require from a server."""

    @property
    def snapshots(self) -> tuple[Handle, ...]:
        """The open snapshots, outermost first."""

    def snapshot(self) -> Handle:
        """Open a snapshot inside all open snapshots, and return it."""

    def renew(self, snapshot: Handle) -> bool:
        """Make a snapshot represent the current state, if it is the innermost one and nothing was written since. Return whether this
        succeeded.

        A store may lack this method and `is_unchanged`.
        """

    def is_unchanged(self, snapshot: Handle) -> bool:
        """Return whether a snapshot is the innermost open one and nothing was written since it was taken."""

    def restore(self, snapshot: Handle) -> None:
        """Undo the writes since a snapshot. The snapshots inside it end, but the snapshot itself remains open."""

    def keep_definitions(self) -> None:
        """Make all later restores retain the definitions of the collections and indexes that they remove."""

    def release(self, snapshot: Handle) -> None:
        """End a snapshot and the snapshots inside it without undoing any writes."""

    def written_since(self, snapshot: Handle) -> bool:
        """Return whether anything was written since the snapshot was taken."""

    def set_aside(self, snapshot: Handle) -> Any:
        """Undo the writes since a snapshot, and end it and the snapshots inside it.

        Return the data with which `put_back` restores the writes.
        """

    def put_back(self, aside: Any) -> None:
        """Reopen the snapshots that `set_aside` ended as the innermost ones, and replay the writes made in each."""
