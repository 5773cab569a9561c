"""Undoing the writes since a snapshot, and applying them again later to another state.

This is necessary if a fixture of a wider scope is set up during a test. The test's writes are undone, the fixture writes, and the test's
writes are applied again. They are stored as documents and definitions, not as rows, and are applied by ordinary writes. Therefore they
merge with the fixture's writes to the same collections and indexes. If both wrote the same document, the test's version is used.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from bson.binary import Binary

from secantus_server.bson import decode
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.definitions import LostIndexes
from secantus_server.catalog.rows import decode_row, split_key
from secantus_server.diagnostics.crash_points import reach
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.unit_of_work import CatalogTransaction, Transaction
from secantus_server.errors import CommandError
from secantus_server.exec._prepare import id_document
from secantus_server.exec._scan import RecordScan
from secantus_server.exec._write import CollectionWriter
from secantus_server.exec.interruption import never_interrupt
from secantus_server.index._index import Index
from secantus_server.index.build import make_index
from secantus_server.index.errors import DuplicateKey
from secantus_server.modules import import_late
from secantus_server.storage import CATALOG, RECORDS, RecoveryUnit, Snapshot
from secantus_server.work.collections import empty_collection
from secantus_server.work.writers import open_writer

#: A document before and after the changes; None if it did not exist.
DocumentChange = tuple[bytes | None, bytes | None]


class Definition(NamedTuple):
    """The definition of a collection or view: its UUID, ident, options and index specifications."""

    uuid: Binary
    ident: int
    options: dict[str, Any]
    indexes: list[dict[str, Any]]

    @classmethod
    def of(cls, collection: Collection) -> Definition:
        """Return the definition of a collection."""
        return cls(collection.uuid, collection.ident, collection.options, [index.spec for index in collection.indexes])


class NamespaceChange(NamedTuple):
    """The change of one namespace: its definition before and after, and the changed documents."""

    db: str
    name: str
    before: Definition | None
    after: Definition | None
    documents: list[DocumentChange]

    @property
    def was_replaced(self) -> bool:
        """Whether the collection or view was dropped. It may have been created again."""
        return self.before is not None and (self.after is None or self.after.ident != self.before.ident)


def collect(services: Services, snapshot: Snapshot) -> list[NamespaceChange]:
    """Return the changes since the innermost snapshot. The caller must have exclusive access to the store."""
    written = services.engine.values_at(snapshot)
    with services.engine.transaction() as unit:
        rows = {key: (old, unit.get(CATALOG, key)) for key, old in written.catalog.items()}
        documents = changed_documents(unit, written.records)
        changes = [namespace_change(unit, key, old, new, documents) for key, (old, new) in rows.items()]
    seen = {(change.db, change.name) for change in changes}
    for db in services.catalog.databases():
        for collection in services.catalog.collections(db):
            if (db, collection.name) not in seen and collection.ident in documents:
                definition = Definition.of(collection)
                changes.append(NamespaceChange(db, collection.name, definition, definition, documents[collection.ident]))
    return changes


def changed_documents(unit: RecoveryUnit, records: dict[bytes, bytes | None]) -> dict[int, list[DocumentChange]]:
    """Return the documents that differ from their old values, grouped by collection ident and in natural order."""
    changes: dict[int, list[DocumentChange]] = {}
    for key, old in sorted(records.items()):
        new = unit.get(RECORDS, key)
        if new != old:
            changes.setdefault(int.from_bytes(key[:4], "big"), []).append((old, new))
    return changes


def namespace_change(
    unit: RecoveryUnit, key: bytes, old: bytes | None, new: bytes | None, documents: dict[int, list[DocumentChange]]
) -> NamespaceChange:
    """Return the change of a namespace, computed from the old and the new version of its catalog row."""
    before = Definition.of(decode_row(key, old)) if old is not None else None
    after = Definition.of(decode_row(key, new)) if new is not None else None
    if after is None or "viewOn" in after.options:
        found: list[DocumentChange] = []
    elif before is not None and before.ident == after.ident:
        found = documents.get(after.ident, [])
    else:
        found = all_documents(unit, after.ident)
    return NamespaceChange(*split_key(key), before, after, found)


def all_documents(unit: RecoveryUnit, ident: int) -> list[DocumentChange]:
    """Return all documents of a collection in the form of inserts."""
    scan = RecordScan(ident, None, never_interrupt)
    scan.attach(unit)
    try:
        return [(None, document) for document in scan]
    finally:
        scan.close()


def put_back(services: Services, changes: list[NamespaceChange]) -> None:
    """Apply changes that `collect` returned to the current state.

    No oplog entries are written, because readers of the oplog have already seen the changes.

    Raises:
        CommandError: 11000 if a document has a duplicate key in a unique index.
    """
    for change in changes:
        reach("put-back")
        collection = put_back_definition(services, change)
        if collection is not None and change.documents:
            services.work.write(partial(write_documents, services, collection, change.documents), never_interrupt)


def put_back_definition(services: Services, change: NamespaceChange) -> Collection | None:
    """Restore the definition of a collection or view. Return the collection, or None for a view or a dropped collection."""
    current = services.catalog.find(change.db, change.name)
    after = change.after
    if current is not None and (change.was_replaced or (after is not None and current.is_view != ("viewOn" in after.options))):
        services.work.change_catalog(partial(remove, collection=current), never_interrupt)
        current = None
    if after is None:
        return None
    current = create(services, change.db, change.name, after) if current is None else merge(services, current, change)
    return None if current.is_view else current


def remove(transaction: CatalogTransaction, collection: Collection) -> None:
    """Stage the removal of a collection or view."""
    transaction.changes.remove(collection)


def create(services: Services, db: str, name: str, definition: Definition) -> Collection:
    """Recreate a collection or view with its old UUID. Its indexes are empty."""

    def body(transaction: CatalogTransaction) -> Collection:
        collection = empty_collection(services, db, name, definition.options, definition.indexes, definition.uuid)
        transaction.changes.save(collection)
        return collection

    return services.work.change_catalog(body, never_interrupt)


def merge(services: Services, current: Collection, change: NamespaceChange) -> Collection:
    """Restore the options and indexes of an existing collection. Retain indexes that were created in the meantime."""
    assert change.after is not None
    names_before = {spec["name"] for spec in change.before.indexes} if change.before else set()
    names_after = {spec["name"] for spec in change.after.indexes}
    kept = [index for index in current.indexes if index.name in names_after or index.name not in names_before]
    missing = [spec for spec in change.after.indexes if current.index_named(spec["name"]) is None]
    options = current.options if change.before is None or change.before.options == change.after.options else change.after.options
    if not missing and len(kept) == len(current.indexes) and options is current.options:
        return current
    body = partial(save_merged, services, current, options, kept, missing)
    return services.work.change_catalog(body, never_interrupt, exclusive=True)


def build_again(services: Services, lost: LostIndexes) -> None:
    """Rebuild indexes that a restore dropped. If the current documents violate an index, log and skip it."""
    for spec in lost.specs:
        collection = services.catalog.find(lost.db, lost.name)
        assert collection is not None, "the restore kept it"
        try:
            body = partial(save_merged, services, collection, collection.options, collection.indexes, [spec])
            services.work.change_catalog(body, never_interrupt)
        except (CommandError, DuplicateKey) as error:
            services.log.warning(f"Dropped the index {spec['name']} of {collection.namespace}: existing documents violate it: {error}")


def save_merged(
    services: Services,
    current: Collection,
    options: dict[str, Any],
    kept: list[Index],
    missing: list[dict[str, Any]],
    transaction: CatalogTransaction,
) -> Collection:
    """Write a collection's row with the given options and indexes, and build the missing indexes."""
    made = [make_index(spec, services.engine.new_ident()) for spec in missing]
    writer = CollectionWriter(transaction.unit, current.ident, [index for index in current.indexes if index.is_id])
    scan = RecordScan(current.ident, None, never_interrupt)
    scan.attach(transaction.unit)
    try:
        for document in scan:
            for index in made:
                writer.add_to_index(index, document, scan.record_id)
    finally:
        scan.close()
    for index in writer.became_multikey:
        index.multikey = True
    for index in current.indexes:
        if index not in kept:
            transaction.changes.drop_index(index)
    merged = current.replaced(options=options, indexes=[*kept, *made])
    transaction.changes.save(merged)
    return merged


def write_documents(services: Services, collection: Collection, documents: list[DocumentChange], transaction: Transaction) -> None:
    """Insert, replace and delete documents by `_id` in one transaction."""
    writer = open_writer(services, transaction, collection, known_valid=True, replicated=False)
    id_lookup = import_late("secantus_server.query.point").id_lookup
    for old, new in documents:
        document = new if new is not None else old
        assert document is not None
        found = id_lookup(collection, decode(id_document(document))["_id"]).first(transaction.unit)
        if new is None:
            if found is not None:
                writer.delete(found[1], found[0])
        elif found is None:
            writer.insert(new)
        elif found[1] != new:
            writer.update(found[1], new, found[0])
