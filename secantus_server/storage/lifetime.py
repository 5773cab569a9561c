"""The lifetime of a collection."""

from __future__ import annotations

from collections.abc import Iterable

from secantus_server.storage.errors import WriteConflict


class Lifetime:
    """Whether a collection still exists. The versions of a collection that follow each other in the catalog share one.

    A transaction that writes does not see that the collection was dropped since the transaction began. Its commit therefore checks the
    lifetime, so that all writes of a collection precede the drop in the oplog, and a dropped collection gets no more documents.

    Threads: the oplog's lock, which orders commits, guards `is_over`.
    """

    __slots__ = ("is_over",)

    def __init__(self) -> None:
        self.is_over = False


def check_alive(written: Iterable[Lifetime]) -> None:
    """Check that no collection with changed documents was dropped; the caller holds the oplog's lock.

    Raises:
        WriteConflict: if one was; the transaction must begin again.
    """
    for lifetime in written:
        if lifetime.is_over:
            raise WriteConflict()


def end_all(lifetimes: Iterable[Lifetime]) -> None:
    """End the lifetimes of dropped collections after the commit that drops them; the caller holds the oplog's lock."""
    for lifetime in lifetimes:
        lifetime.is_over = True
