"""The lifetime of a collection, by which a transaction detects that the collection was dropped."""

from __future__ import annotations

from collections.abc import Iterable

from secantus_server.storage.errors import WriteConflict


class Lifetime:
    """Tells whether a collection still exists. All successive versions of a collection in the catalog share one instance.

    A writing transaction does not see a drop of the collection that was committed after the transaction began. Its commit therefore checks
    the lifetime. So all writes to a collection precede its drop in the oplog, and no documents are added to a dropped collection.

    Threads: the oplog's lock, which orders commits, guards `is_over`.
    """

    __slots__ = ("is_over",)

    def __init__(self) -> None:
        self.is_over = False


def check_alive(written: Iterable[Lifetime]) -> None:
    """Check that none of the collections to which a transaction wrote was dropped. The caller holds the oplog's lock.

    Raises:
        WriteConflict: a collection was dropped; the transaction must be retried.
    """
    for lifetime in written:
        if lifetime.is_over:
            raise WriteConflict()


def end_all(lifetimes: Iterable[Lifetime]) -> None:
    """End the lifetimes of dropped collections after the commit of the drop. The caller holds the oplog's lock."""
    for lifetime in lifetimes:
        lifetime.is_over = True
