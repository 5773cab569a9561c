"""The scope of a change stream: a collection, a database, or the cluster.

https://www.mongodb.com/docs/manual/changeStreams/#watch-a-collection--database--or-deployment
"""

from __future__ import annotations

from typing import NamedTuple

from secantus_server.oplog.reader import TRANSACTIONS, Selection
from secantus_server.reserved_names import INTERNAL_DATABASES

# The databases whose changes a stream over the whole cluster does not show.


class StreamScope(NamedTuple):
    """The collection, database or cluster that a change stream watches.

    Arguments:
        db: the database; None means the cluster.
        collection: the collection; None means the whole database.
    """

    db: str | None
    collection: str | None

    @property
    def selection(self) -> Selection:
        """The namespaces whose oplog entries may affect the stream."""
        if self.db is None:
            return Selection(prefix=b"")
        if self.collection is None:
            return Selection((TRANSACTIONS,), f"{self.db}.".encode())
        return Selection((f"{self.db}.{self.collection}".encode(), f"{self.db}.$cmd".encode(), TRANSACTIONS))

    def watches(self, db: str, collection: str | None) -> bool:
        """Return whether the stream reports changes of a collection or, if `collection` is None, of the database itself."""
        if self.db is None:
            if db in INTERNAL_DATABASES:
                return False
        elif db != self.db:
            return False
        if self.collection is not None:
            return collection == self.collection
        return collection is None or not collection.startswith("system.")

    def invalidated_by(self, kind: str) -> bool:
        """Return whether an event of this kind invalidates the stream."""
        if self.collection is not None:
            return kind in ("drop", "rename")
        return self.db is not None and kind == "dropDatabase"
