"""The interface of the server that the layers use, for type checking only; no module imports it at run time."""

from __future__ import annotations

from typing import Any, Protocol

Handle = Any


class SnapshotStore(Protocol):
    """The snapshot operations that layers need from a server."""

    @property
    def snapshots(self) -> tuple[Handle, ...]:
        """The open snapshots, outermost first."""

    def snapshot(self) -> Handle:
        """Open a snapshot inside the others."""

    def renew(self, snapshot: Handle) -> bool:
        """Let a snapshot represent the present state, if it is the innermost one and nothing was written since. Return whether it does.

        A store may lack this method.
        """

    def restore(self, snapshot: Handle) -> None:
        """Undo the writes since a snapshot. The snapshots inside it end; the snapshot itself stays open."""

    def keep_definitions(self) -> None:
        """Make later restores keep the definitions of the collections and indexes that they remove."""

    def release(self, snapshot: Handle) -> None:
        """End a snapshot and the snapshots inside it, but keep the writes."""

    def written_since(self, snapshot: Handle) -> bool:
        """Return whether anything was written since the snapshot was taken."""

    def set_aside(self, snapshot: Handle) -> Any:
        """Undo the writes since a snapshot, and end it and the snapshots inside it.

        Return the data with which `put_back` restores the writes.
        """

    def put_back(self, aside: Any) -> None:
        """Reopen the snapshots that `set_aside` ended, inside the open ones, and replay the writes made in each."""
