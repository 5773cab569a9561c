"""Statistics of collections and indexes, and their catalog entries."""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64

from secantus_server.bson.values import Date
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.services import Services
from secantus_server.exec._scan import RecordScan
from secantus_server.exec.read_scope import ReadScope
from secantus_server.index._index import Index
from secantus_server.storage import INDEX_ENTRIES, pack_ident

ENTRIES_PER_CHECK = 1000


def document_bytes(collection: Collection, scope: ReadScope) -> tuple[int, int]:
    """Return the number of documents in a collection, and the sum of their bytes."""
    scan = scope.open(RecordScan(collection.ident, None, scope.check))
    sizes = [len(document) for document in scan]
    scope.forget(scan)
    return len(sizes), sum(sizes)


def index_bytes(index: Index, scope: ReadScope) -> int:
    """Return the bytes of an index's entries."""
    entries = scope.unit.scan(INDEX_ENTRIES, pack_ident(index.ident), pack_ident(index.ident + 1))
    size = 0
    try:
        for number_of_entries, (key, value) in enumerate(entries):
            if number_of_entries % ENTRIES_PER_CHECK == 0:
                scope.check()
            size += len(key) + len(value)
    finally:
        entries.close()
    return size


def collection_statistics(collection: Collection, scope: ReadScope, scale: int = 1) -> dict[str, Any]:
    """Return the statistics of collStats."""
    count, size = document_bytes(collection, scope)
    sizes = {index.name: number(index_bytes(index, scope) // scale) for index in collection.counted_indexes}
    total = sum(map(int, sizes.values()))
    shown: dict[str, Any] = {
        "size": number(size // scale),
        "count": number(count),
        "numOrphanDocs": 0,
        "storageSize": number(size // scale),
        "freeStorageSize": 0,
        "capped": collection.is_capped,
        "nindexes": len(collection.counted_indexes),
        "indexBuilds": [],
        "totalIndexSize": number(total),
        "totalSize": number(size // scale + total),
        "indexSizes": sizes,
        "scaleFactor": scale,
    }
    if collection.is_clustered:
        shown["clustered"] = True
    if count:
        shown["avgObjSize"] = number(size // count)
    if collection.is_capped:
        shown["max"] = collection.options.get("max", Int64(2**63 - 1))
        shown["maxSize"] = collection.options["size"]
    return shown


def number(value: int) -> int | Int64:
    """Return an int if it fits, else a long."""
    return value if -(2**31) <= value < 2**31 else Int64(value)


def index_statistics(collection: Collection, since: Date) -> list[dict[str, Any]]:
    """Return the documents of `$indexStats` for a collection.

    Arguments:
        since: the start of counting index uses.
    """
    return [
        {"name": index.name, "key": index.spec["key"], "accesses": {"ops": Int64(index.uses), "since": since}, "spec": index.spec}
        for index in collection.counted_indexes
    ]


def catalog_entries(services: Services, db: str | None) -> list[dict[str, Any]]:
    """Return a document for each collection and view of one database, or of all."""
    names = services.catalog.databases() if db is None else [db]
    return [catalog_entry(collection) for name in names for collection in services.catalog.collections(name)]


def catalog_entry(collection: Collection) -> dict[str, Any]:
    """Return the `$listCatalog` document of a collection."""
    entry = collection_info(collection)
    return {"db": collection.db, "ns": collection.namespace, **entry}


def collection_info(collection: Collection) -> dict[str, Any]:
    """Return the listCollections document of a collection."""
    if collection.is_view:
        return {"name": collection.name, "type": "view", "options": collection.options, "info": {"readOnly": True}}
    info = {
        "name": collection.name,
        "type": "collection",
        "options": collection.options,
        "info": {"readOnly": False, "uuid": collection.uuid},
    }
    if collection.is_clustered:
        return info
    id_index = collection.id_index
    assert id_index is not None, "a collection has an index on _id"
    return {**info, "idIndex": id_index.spec}
