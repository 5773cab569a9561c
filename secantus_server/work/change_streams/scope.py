"""What a change stream watches: a collection, a database, or the cluster.

https://www.mongodb.com/docs/manual/changeStreams/#watch-a-collection--database--or-deployment
"""

from __future__ import annotations

from typing import NamedTuple

from secantus_server.oplog.reader import TRANSACTIONS, Selection

# The databases whose changes only the server itself reads.
_INTERNAL = frozenset(["admin", "config", "local"])


class StreamScope(NamedTuple):
    """What a change stream watches.

    Arguments:
        db: the database; None means the cluster.
        collection: the collection; None means the whole database.
    """

    db: str | None
    collection: str | None

    @property
    def selection(self) -> Selection:
        """The oplog entries that may concern the stream."""
        if self.db is None:
            return Selection(prefix=b"")
        if self.collection is None:
            return Selection((TRANSACTIONS,), f"{self.db}.".encode())
        return Selection((f"{self.db}.{self.collection}".encode(), f"{self.db}.$cmd".encode(), TRANSACTIONS))

    def watches(self, db: str, collection: str | None) -> bool:
        """Return whether a change of a collection, or with None of a database, concerns the stream."""
        if self.db is None:
            if db in _INTERNAL:
                return False
        elif db != self.db:
            return False
        if self.collection is not None:
            return collection == self.collection
        return collection is None or not collection.startswith("system.")

    def invalidated_by(self, kind: str) -> bool:
        """Return whether an event that concerns the stream ends it."""
        if self.collection is not None:
            return kind in ("drop", "rename")
        return self.db is not None and kind == "dropDatabase"
