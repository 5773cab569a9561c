"""Putting other documents into a collection's place at once, as `$out` does."""

from __future__ import annotations

from collections.abc import Callable

from secantus_server.bson import encode
from secantus_server.catalog.collection import Collection
from secantus_server.commands.create import check_database_case, new_collection
from secantus_server.commands.document_writer import DocumentWriter
from secantus_server.commands.names import check_new_collection_name
from secantus_server.commands.services import Services
from secantus_server.commands.writing import check_not_view
from secantus_server.index.build import make_index
from secantus_server.oplog.oplog import Entry

# A document is written to the collection and to the oplog.
WRITTEN_TWICE = 2


def replace_collection(
    services: Services, check: Callable[[], None], db: str, name: str, documents: list[bytes], bypass_validation: bool
) -> None:
    """Give a collection these documents and no others; its options and indexes stay. It is made if it is not there, with its documents.

    Arguments:
        check: raises when the operation is to end.
        documents: prepared documents.

    Raises:
        CommandError: 11000 or 121, or the operation was interrupted; the collection is as it was.
    """
    check_new_collection_name(db, name)
    check_database_case(services.catalog, db)
    services.catalog.recall(db, name)
    incoming = WRITTEN_TWICE * sum(map(len, documents))
    if services.engine.is_crowded(incoming):
        services.engine.relieve(incoming)
    with services.catalog.changing() as change:
        existing = services.catalog.find(db, name)
        check_not_view(existing)
        if existing is None:
            fresh = new_collection(services, db, name, {})
        else:
            fresh = emptied(services, existing)
            change.remove(existing)
            change.removed.clear()
        change.save(fresh)
        writer = DocumentWriter(services, change.unit, fresh, bypass_validation=bypass_validation)
        for document in documents:
            check()
            writer.insert(document)
        writer.precede(Entry(f"{db}.$cmd", fresh.uuid, encode({"create": name, **fresh.options})))
        writer.commit()


def emptied(services: Services, collection: Collection) -> Collection:
    """A collection of the same name, options and indexes without a document, for the change of the catalog that saves it."""
    engine = services.engine
    indexes = [make_index(index.spec, engine.new_ident()) for index in collection.indexes]
    fresh = Collection(collection.db, collection.name, services.catalog.new_uuid(), engine.new_ident(), collection.options, indexes)
    fresh.begin_record_ids()
    fresh.remember_count(0, 0)
    return fresh
