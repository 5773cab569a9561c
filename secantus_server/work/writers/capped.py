"""The writer of a capped collection, which removes the oldest documents when the collection exceeds its cap.

https://www.mongodb.com/docs/manual/core/capped-collections/
"""

from __future__ import annotations

from collections.abc import Callable

from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.unit_of_work import Transaction
from secantus_server.errors import CommandError
from secantus_server.exec._scan import RecordScan
from secantus_server.exec.interruption import never_interrupt
from secantus_server.mql.update import Update
from secantus_server.work.writers.cap import Cap
from secantus_server.work.writers.plain import PlainWriter


class CappedWriter(PlainWriter):
    """A `Writer` for a capped collection. It removes the oldest documents when the collection exceeds its cap."""

    __slots__ = ("_cap", "_removed_up_to")

    def __init__(
        self,
        services: Services,
        transaction: Transaction,
        collection: Collection,
        *,
        bypass_validation: bool = False,
        replicated: bool = True,
    ) -> None:
        super().__init__(services, transaction, collection, bypass_validation=bypass_validation, replicated=replicated)
        self._cap = Cap(collection, transaction.unit)
        self._removed_up_to = 0

    def insert(self, document: bytes) -> None:
        """Store a document, then remove the oldest documents if the collection exceeds its cap; see `Writer.insert`."""
        super().insert(document)
        self._cap.added(document)
        self._make_room()

    def insert_run(
        self, documents: list[bytes], start: int, stop: int, make_timestamp: Callable[[], int], check: Callable[[], None]
    ) -> tuple[int, CommandError | None]:
        """Store a client's documents one at a time; see `Writer.insert_run`."""
        return self._insert_each(documents, start, stop, make_timestamp, check)

    def update(self, old: bytes, new: bytes, record_id: int, entry: bytes | None = None) -> None:
        """Replace a document, and update the collection's size; see `Writer.update`."""
        super().update(old, new, record_id, entry)
        self._cap.removed(old)
        self._cap.added(new)

    def update_run(self, targets: list[tuple[int, bytes]], start: int, stop: int, change: Update) -> int:
        """Update documents one at a time; see `Writer.update_run`."""
        return self._update_each(targets, start, stop, change)

    def delete(self, document: bytes, record_id: int) -> None:
        """Remove a document, and update the collection's size; see `Writer.delete`."""
        super().delete(document, record_id)
        self._cap.removed(document)

    def delete_run(self, targets: list[tuple[int, bytes]], start: int, stop: int) -> None:
        """Remove documents one at a time; see `Writer.delete_run`."""
        self._delete_each(targets, start, stop)

    def before_commit(self) -> None:
        """Write the multikey flags and the collection's size; see `StagedWrites.before_commit`."""
        super().before_commit()
        self._cap.save()

    def _make_room(self) -> None:
        """Remove the oldest documents while the collection exceeds its cap."""
        while self._cap.is_exceeded:
            oldest = RecordScan(self.collection.ident, None, never_interrupt)
            # Skip the documents that this transaction has removed, which may be many.
            oldest.start_after(self._removed_up_to)
            oldest.attach(self.unit)
            document = next(oldest)
            self._removed_up_to = oldest.record_id
            oldest.close()
            self.delete(document, self._removed_up_to)
