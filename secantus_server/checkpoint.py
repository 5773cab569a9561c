"""Checkpoints: blocks whose writes are undone, for each kind of server that takes snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

S = TypeVar("S")


class TakesSnapshots(Protocol[S]):
    """A server with snapshots: `SecantusDBServer`, or the plugin's handle of one in another process."""

    def snapshot(self) -> S:
        """Take a snapshot."""

    def restore(self, snapshot: S) -> None:
        """Restore the contents at a snapshot."""

    def release(self, snapshot: S) -> None:
        """Release a snapshot."""


@contextmanager
def checkpoint(server: TakesSnapshots[S]) -> Iterator[S]:
    """Undo the writes of a block at its end; the block may restore the snapshot earlier, too."""
    snapshot = server.snapshot()
    try:
        yield snapshot
    finally:
        server.restore(snapshot)
        server.release(snapshot)
