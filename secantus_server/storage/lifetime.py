"""The lifetime of a collection, which transactions check to detect that the collection was dropped."""

from __future__ import annotations


class Lifetime:
    """A flag that records whether a collection was dropped. All successive versions of a collection in the catalog share one instance.

    A writing transaction does not see a drop that was committed after it began. Its commit therefore checks the lifetime of each
    collection that it wrote to. As a result, all writes to a collection precede its drop in the oplog, and no documents are added to a
    dropped collection. See `oplog._commits`.

    Threads: the oplog's lock, which orders commits, guards `is_over`.
    """

    __slots__ = ("is_over",)

    def __init__(self) -> None:
        self.is_over = False
