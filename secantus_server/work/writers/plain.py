"""The writer of an ordinary collection, which validates documents and writes records and index entries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from secantus_server.catalog.changes import save_row
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.unit_of_work import StagedWrites, Transaction
from secantus_server.errors import CommandError
from secantus_server.exec._prepare import prepare_document
from secantus_server.exec._scan import RecordScan
from secantus_server.exec._write import CollectionWriter
from secantus_server.exec.interruption import never_interrupt
from secantus_server.exec.read_scope import ReadScope
from secantus_server.index.errors import DuplicateKey
from secantus_server.modules import import_late
from secantus_server.oplog.oplog import Change
from secantus_server.storage.errors import concerns_store
from secantus_server.work.document_validation import validation_of

if TYPE_CHECKING:
    from secantus_server.mql.update import Update


class PlainWriter:
    """A `Writer` for an ordinary collection, and the base class of the writers for other kinds of collection.

    Arguments:
        collection: the collection in the transaction's catalog.
        bypass_validation: whether to skip the collection's validator.
        replicated: whether to write oplog entries.
        writer: the document writer with which a caller has already written documents. `add` then stages their changes.
    """

    __slots__ = (
        "_announced", "_creates", "_difference", "_in_session", "_keeps_images", "_services", "_uncounted", "_validation", "_writer",
        "changes", "collection", "identity", "replicated", "unit",
    )  # fmt: skip

    run_length = 128

    def __init__(
        self,
        services: Services,
        transaction: Transaction,
        collection: Collection,
        *,
        bypass_validation: bool = False,
        replicated: bool = True,
        writer: CollectionWriter | None = None,
    ) -> None:
        unit = transaction.unit
        self._services = services
        # Do not store the transaction itself. It refers to its writers, so only the garbage collector could free the reference cycle.
        self._in_session = transaction.in_session
        self._creates = transaction.creates(collection)
        self.replicated = replicated
        self.unit = unit
        self.collection = collection
        self.identity = collection.identity
        self._writer = CollectionWriter(unit, collection.ident, collection.indexes) if writer is None else writer
        self.changes: list[Change] = []
        self._keeps_images = collection.keeps_images
        self._difference = 0
        self._uncounted = False
        self._announced = False
        self._validation = None if bypass_validation else validation_of(collection, services)
        transaction.writes.append(self)

    @property
    def is_large(self) -> bool:
        """Whether the transaction is so large that a divisible statement should continue in a new one; see `Writer.is_large`."""
        return not self._in_session and self.unit.is_large

    def add(self, changes: list[Change], difference: int) -> None:
        """Stage the changes of documents that the caller wrote directly, using the `writer` that was passed to the constructor.

        Arguments:
            changes: the changes for the oplog.
            difference: the change in the number of documents in the collection.
        """
        self.changes += changes
        self._difference += difference

    def insert(self, document: bytes) -> None:
        """Validate and store a document; see `Writer.insert`."""
        if self._validation is not None:
            self._validation.check(document, None)
        try:
            self._writer.insert(document, next(self.collection.record_ids.numbers(self._newest_record_id)))
        except DuplicateKey as error:
            raise self._duplicate(error) from None
        self.changes.append(("i", document))
        self._difference += 1

    def insert_run(
        self, documents: list[bytes], start: int, stop: int, make_timestamp: Callable[[], int], check: Callable[[], None]
    ) -> tuple[int, CommandError | None]:
        """Prepare and store a client's documents; see `Writer.insert_run`."""
        if self._validation is None:
            return self._insert_compiled(documents, start, stop, make_timestamp)
        return self._insert_each(documents, start, stop, make_timestamp, check)

    def _insert_each(
        self, documents: list[bytes], start: int, stop: int, make_timestamp: Callable[[], int], check: Callable[[], None]
    ) -> tuple[int, CommandError | None]:
        """Insert documents one at a time. The arguments and the result are the same as for `insert_run`."""
        position = start
        try:
            while position < stop:
                check()
                self.insert(prepare_document(documents[position], self._services.clock.object_id, make_timestamp))
                position += 1
        except CommandError as error:
            if concerns_store(error):
                raise
            return position, error
        return stop, None

    def _insert_compiled(
        self, documents: list[bytes], start: int, stop: int, make_timestamp: Callable[[], int]
    ) -> tuple[int, CommandError | None]:
        """Insert documents by one call of compiled code. This is the fast path of `insert_run` for a collection without a validator."""
        known = len(self.changes)
        record_ids = self.collection.record_ids.numbers(self._newest_record_id)
        try:
            self._writer.insert_run(documents, start, stop, record_ids, self._services.clock.object_id, make_timestamp, self.changes)
        except DuplicateKey as error:
            return self._writer.position, self._duplicate(error)
        except CommandError as error:
            if concerns_store(error):
                raise
            return self._writer.position, error
        finally:
            self._difference += len(self.changes) - known
        return stop, None

    def _duplicate(self, error: DuplicateKey) -> CommandError:
        """Convert a duplicate key error to a CommandError."""
        return error.as_command_error(self.collection.namespace)

    def update(self, old: bytes, new: bytes, record_id: int, entry: bytes | None = None) -> None:
        """Validate and store the new version of a document; see `Writer.update`."""
        if self._validation is not None:
            self._validation.check(new, old)
        try:
            self._writer.update(old, new, record_id)
        except DuplicateKey as error:
            raise error.as_command_error(self.collection.namespace) from None
        o = new if entry is None else entry
        self.changes.append(("u", new, o, old) if self._keeps_images else ("u", new, o))

    def update_run(self, targets: list[tuple[int, bytes]], start: int, stop: int, change: Update) -> int:
        """Apply an update to stored documents; see `Writer.update_run`."""
        if self._validation is not None:
            return self._update_each(targets, start, stop, change)
        try:
            return self._writer.update_run(targets, start, stop, change, self._keeps_images, self.changes)
        except DuplicateKey as error:
            raise self._duplicate(error) from None

    def _update_each(self, targets: list[tuple[int, bytes]], start: int, stop: int, change: Update) -> int:
        """Update documents one at a time. The arguments and the result are the same as for `update_run`."""
        modified = 0
        for record_id, document in targets[start:stop]:
            new = change.apply(document)
            if new is not document:
                self.update(document, new, record_id, change.entry(document, new))
                modified += 1
        return modified

    def delete(self, document: bytes, record_id: int) -> None:
        """Remove a document; see `Writer.delete`."""
        PlainWriter.delete_run(self, [(record_id, document)], 0, 1)

    def delete_run(self, targets: list[tuple[int, bytes]], start: int, stop: int) -> None:
        """Remove documents; see `Writer.delete_run`."""
        if self._difference >= 0:
            # The counter must exist before the transaction's first delete; see `RecordIds.numbers`.
            self.collection.record_ids.numbers(self._newest_record_id)
        known = len(self.changes)
        try:
            self._writer.delete_run(targets, start, stop, self._keeps_images, self.changes)
        finally:
            self._difference -= len(self.changes) - known

    def _delete_each(self, targets: list[tuple[int, bytes]], start: int, stop: int) -> None:
        """Remove documents one at a time. The arguments are the same as for `delete_run`."""
        for record_id, document in targets[start:stop]:
            self.delete(document, record_id)

    def copy_from(self, source: Collection, check: Callable[[], None]) -> None:
        """Store all documents of another collection; see `Writer.copy_from`."""
        scope = ReadScope(self.unit, check)
        natural_scan = import_late("secantus_server.query.clustered").natural_scan
        for document in natural_scan(source, None).open(scope):
            self.insert(document)
        scope.close()

    def before_commit(self) -> None:
        """Write the multikey flags of indexes, and announce the commit to the search contents and to an unknown document count."""
        if self._writer.became_multikey:
            self.save_multikey_flags()
        if self.collection.search_indexes:
            self.collection.search_contents.begin_change()
            self._announced = True
        count = self.collection.document_count
        self._uncounted = count.value is None
        if self._uncounted:
            count.begin_change()

    def save_multikey_flags(self) -> None:
        """Store the multikey flags of indexes that became multikey; see `Writer.save_multikey_flags`."""
        indexes = [index for index in self._writer.became_multikey if not index.multikey]
        if not indexes:
            return
        if self._creates:
            # The collection is not visible to other transactions yet.
            save_row(self.unit, self.collection, indexes)
            for index in indexes:
                index.multikey = True
        else:
            self._services.catalog.mark_multikey(self.collection, indexes)

    def commit_failed(self) -> None:
        """Notify the search contents and the document count that the commit announced by `before_commit` has failed."""
        if self._announced:
            self._announced = False
            self.collection.search_contents.end_change(self._services.engine.begun)
        if self._uncounted:
            self.collection.document_count.cancel_change()

    def absorb(self, later: StagedWrites) -> None:
        """Add the counts of a later writer of the same collection to this one; see `StagedWrites.absorb`."""
        assert isinstance(later, PlainWriter), "a collection has writers of one kind"
        self._difference += later._difference

    def after_commit(self) -> None:
        """Update the collection's document count and search contents in memory."""
        if self._announced:
            self._announced = False
            self.collection.search_contents.end_change(self._services.engine.begun)
        if self._uncounted:
            self.collection.document_count.end_change(self._difference, self._services.engine.begun)
        elif self._difference:
            self.collection.document_count.change(self._difference)
        if self._difference < 0:
            self._services.engine.note_removal()

    def _newest_record_id(self) -> int:
        scan = RecordScan(self.collection.ident, None, never_interrupt, True)
        scan.attach(self.unit)
        next(scan, None)
        newest = scan.record_id
        scan.close()
        return newest
