"""The server's interface as seen by the layers, for type checking only; no module imports it at run time."""

from __future__ import annotations

from typing import Any, Protocol

Handle = Any


class SnapshotStore(Protocol):
    """The snapshot operations that layers need of a server."""

    @property
    def snapshots(self) -> tuple[Handle, ...]:
        """The open snapshots, outermost first."""

    def snapshot(self) -> Handle:
        """Open a snapshot inside the others."""

    def renew(self, snapshot: Handle) -> bool:
        """Make a snapshot one of the present state, if it is the innermost one and nothing was written since; return whether it is.

        A store may lack this method.
        """

    def restore(self, snapshot: Handle) -> None:
        """Undo the writes since a snapshot. The snapshots inside it end; it stays open."""

    def keep_definitions(self) -> None:
        """Make later restores keep the definitions of the collections and indexes that they remove."""

    def release(self, snapshot: Handle) -> None:
        """End a snapshot and those inside it, and keep the writes."""

    def written_since(self, snapshot: Handle) -> bool:
        """Return whether anything was written since."""

    def set_aside(self, snapshot: Handle) -> Any:
        """Undo the writes since a snapshot, end it and those inside it, and return the data with which `put_back` restores them."""

    def put_back(self, aside: Any) -> None:
        """Reopen the snapshots inside those now open, and replay the writes made in each."""
