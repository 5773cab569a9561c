"""The base class of readers that must read many index entries before they can return the first document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.index._index import Index
from secantus_server.storage import RecoveryUnit

#: The number of entries or documents between two checks for interruption.
BREATH = 1000


class IndexReader(Iterator[bytes]):
    """A reader that finds documents through an index. It reads in the transaction to which it is attached.

    Arguments:
        collection: the collection of the documents.
        match: a match expression for the documents, or None.
        check: called regularly; raises an error to interrupt the reader.
    """

    def __init__(self, index: Index, collection: Any, match: Any, check: Callable[[], None]) -> None:
        self.collection = collection
        self.finished = False
        self.record_id = 0
        self.advanced = 0
        self._index = index
        self._match = match
        self._check = check
        self._unit: RecoveryUnit | None = None

    def attach(self, unit: RecoveryUnit) -> None:
        """Attach the reader to this unit's transaction.

        Raises:
            CommandError: 175 QueryPlanKilled if the index was dropped.
        """
        if self._index.dropped and not self.finished:
            raise CommandError(175, f"query plan killed :: index '{self._index.name}' dropped")
        self._unit = unit

    def detach(self) -> None:
        """Detach the reader from its transaction."""
        self._unit = None

    def close(self) -> None:
        """Close the reader permanently."""
        self._unit = None
        self.finished = True
