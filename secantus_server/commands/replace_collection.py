"""Putting other documents into a collection's place at once, as `$out` does."""

from __future__ import annotations

from secantus_server.bson import encode
from secantus_server.catalog.collection import Collection
from secantus_server.commands.create import create_collection
from secantus_server.commands.document_writer import DocumentWriter
from secantus_server.commands.drop import drop_collection
from secantus_server.commands.services import Services
from secantus_server.commands.writing import check_not_view
from secantus_server.errors import CommandError
from secantus_server.index.build import make_index
from secantus_server.oplog.oplog import Entry


def replace_collection(services: Services, db: str, name: str, documents: list[bytes], bypass_validation: bool) -> None:
    """Give a collection these documents and no others; its options and indexes stay.

    Arguments:
        documents: prepared documents.

    Raises:
        CommandError: 11000 or 121; the collection is as it was, and one that there was not is not there.
    """
    existing = services.catalog.find(db, name)
    if existing is not None:
        check_not_view(existing)
        _replace(services, existing, documents, bypass_validation)
        return
    created = create_collection(services, db, name, {}, if_missing=True)
    try:
        _replace(services, created, documents, bypass_validation)
    except CommandError:
        with services.catalog.changing() as change:
            drop_collection(services, change, created)
        raise


def _replace(services: Services, existing: Collection, documents: list[bytes], bypass_validation: bool) -> None:
    db, name = existing.db, existing.name
    engine = services.engine
    with services.catalog.changing() as change:
        indexes = [make_index(index.spec, engine.new_ident()) for index in existing.indexes]
        fresh = Collection(db, name, services.catalog.new_uuid(), engine.new_ident(), existing.options, indexes)
        fresh.begin_record_ids()
        fresh.remember_count(0, 0)
        change.remove(existing)
        change.removed.clear()
        change.save(fresh)
        writer = DocumentWriter(services, change.unit, fresh, bypass_validation=bypass_validation)
        for document in documents:
            writer.insert(document)
        writer.precede(Entry(f"{db}.$cmd", fresh.uuid, encode({"create": name, **fresh.options})))
        writer.commit()
