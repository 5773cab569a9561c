"""Sizes and counts of collections and indexes, for collStats, dbStats, `$collStats` and `$indexStats`."""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64

from secantus_server.bson import int_value
from secantus_server.bson.values import Date
from secantus_server.catalog.collection import Collection
from secantus_server.exec._scan import RecordScan
from secantus_server.exec.read_scope import ReadScope
from secantus_server.index._index import Index
from secantus_server.storage import INDEX_ENTRIES, pack_ident

ENTRIES_PER_CHECK = 1000


def document_bytes(collection: Collection, scope: ReadScope) -> tuple[int, int]:
    """Return the number and the total size in bytes of a collection's documents."""
    scan = scope.open(RecordScan(collection.ident, None, scope.check))
    sizes = [len(document) for document in scan]
    scope.forget(scan)
    return len(sizes), sum(sizes)


def index_bytes(index: Index, scope: ReadScope) -> int:
    """Return the total size of an index's entries in bytes."""
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


def document_sizes(count: int, size: int, scale: int) -> dict[str, Any]:
    """Return the collStats fields that are computed from the number and the total size of documents.

    Arguments:
        scale: the number by which sizes are divided.
    """
    return {
        "size": int_value(size // scale),
        "count": int_value(count),
        "numOrphanDocs": 0,
        "storageSize": int_value(size // scale),
        "freeStorageSize": 0,
    }


def collection_statistics(collection: Collection, scope: ReadScope, scale: int = 1) -> dict[str, Any]:
    """Return the collStats fields of a collection."""
    count, size = document_bytes(collection, scope)
    sizes = {index.name: int_value(index_bytes(index, scope) // scale) for index in collection.counted_indexes}
    total = sum(map(int, sizes.values()))
    shown: dict[str, Any] = {
        **document_sizes(count, size, scale),
        "capped": collection.is_capped,
        "nindexes": len(collection.counted_indexes),
        "indexBuilds": [],
        "totalIndexSize": int_value(total),
        "totalSize": int_value(size // scale + total),
        "indexSizes": sizes,
        "scaleFactor": scale,
    }
    if collection.is_clustered:
        shown["clustered"] = True
    if count:
        shown["avgObjSize"] = int_value(size // count)
    if collection.is_capped:
        shown["max"] = collection.options.get("max", 0)
        shown["maxSize"] = collection.options["size"]
    return shown


def timeseries_statistics(buckets: Collection, scope: ReadScope, scale: int = 1) -> dict[str, Any]:
    """Return the collStats fields of a time-series collection, computed from its buckets collection.

    https://www.mongodb.com/docs/manual/reference/command/collStats/#mongodb-data-collStats.timeseries
    """
    found = collection_statistics(buckets, scope, scale)
    count, size = int(found.pop("count")), found.pop("avgObjSize", 0)
    found.pop("numOrphanDocs")
    shown = {"bucketsNs": buckets.namespace, "bucketCount": int_value(count), "avgBucketSize": size}
    return {**found, "timeseries": shown}


def index_statistics(collection: Collection, since: Date) -> list[dict[str, Any]]:
    """Return the `$indexStats` documents of a collection.

    Arguments:
        since: the time from which the uses of the indexes were counted.
    """
    return [
        {"name": index.name, "key": index.spec["key"], "accesses": {"ops": Int64(index.uses), "since": since}, "spec": index.spec}
        for index in collection.counted_indexes
    ]
