"""The lifetime of a collection, which transactions check to detect that the collection was dropped."""

from __future__ import annotations

from collections.abc import Iterable

from secantus_server.storage.errors import WriteConflict


class Lifetime:
    """A flag that records whether a collection was dropped. All successive versions of a collection in the catalog share one instance.

    A writing transaction does not see a drop that was committed after it began. Its commit therefore checks the lifetime of each
    collection that it wrote to. As a result, all writes to a collection precede its drop in the oplog, and no documents are added to a
    dropped collection.

    Threads: the oplog's lock, which orders commits, guards `is_over`.
    """

    __slots__ = ("is_over",)

    def __init__(self) -> None:
        self.is_over = False


def check_alive(written: Iterable[Lifetime]) -> None:
    """Raise if a collection that a transaction wrote to was dropped. The caller must hold the oplog's lock.

    Raises:
        WriteConflict: if a collection was dropped, so that the transaction must be retried.
    """
    for lifetime in written:
        if lifetime.is_over:
            raise WriteConflict()


def end_all(lifetimes: Iterable[Lifetime]) -> None:
    """Mark collections as dropped after the commit of the drop. The caller must hold the oplog's lock."""
    for lifetime in lifetimes:
        lifetime.is_over = True
