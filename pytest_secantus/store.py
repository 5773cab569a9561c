"""The interface through which layers see a server. It is for type checkers only; nothing imports it at run time."""

from __future__ import annotations

from typing import Any, Protocol

Handle = Any


class SnapshotStore(Protocol):
    """What a server must do for its storage to be layered."""

    @property
    def snapshots(self) -> tuple[Handle, ...]:
        """The open snapshots, outermost first."""

    def snapshot(self) -> Handle:
        """Open a snapshot inside the others."""

    def restore(self, snapshot: Handle) -> None:
        """Undo what was written since; the snapshots inside it end, it stays open."""

    def keep_definitions(self) -> None:
        """From now on a restore keeps the definitions of collections and indexes that it takes away."""

    def release(self, snapshot: Handle) -> None:
        """End a snapshot and those inside it, and keep what was written."""

    def written_since(self, snapshot: Handle) -> bool:
        """Whether anything was written since."""

    def set_aside(self, snapshot: Handle) -> Any:
        """Undo what was written since, end it and those inside it, and return what `put_back` needs to bring all of it back."""

    def put_back(self, aside: Any) -> None:
        """Open the snapshots again, inside those now open, and write again what was written in each."""
