"""Checkpoints, which are context managers that undo the writes of a `with` block.

They work with every server class that supports snapshots.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from secantus_server.records import Protocol

S = TypeVar("S")


class TakesSnapshots(Protocol[S]):
    """A server that supports snapshots: `SecantusDBServer`, or the pytest plugin's handle of a server in another process."""

    def snapshot(self) -> S:
        """Take a snapshot and return it."""

    def restore(self, snapshot: S) -> None:
        """Restore the server's contents to the state of a snapshot."""

    def release(self, snapshot: S) -> None:
        """Release a snapshot without restoring it."""


@contextmanager
def checkpoint(server: TakesSnapshots[S]) -> Iterator[S]:
    """Return a context manager that undoes the writes of its `with` block when the block ends.

    The `as` variable is the snapshot, so that the block can also restore the snapshot earlier.
    """
    snapshot = server.snapshot()
    try:
        yield snapshot
    finally:
        server.restore(snapshot)
        server.release(snapshot)
