"""collStats, dbStats and dataSize: how large things are.

https://www.mongodb.com/docs/manual/reference/command/collStats/
"""

from __future__ import annotations

import shutil
from typing import Any

from bson.int64 import Int64

from secantus_server.catalog.collection import Collection
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import check_database_name, collection_name
from secantus_server.dispatch.privileges import on_collection, on_database
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.exec._scan import IndexScan
from secantus_server.exec.read_scope import ReadScope
from secantus_server.query.bounds import EVERYTHING, IndexBounds
from secantus_server.work.collections import recall
from secantus_server.work.statistics import collection_statistics, document_bytes, index_bytes
from secantus_server.work.writing import check_not_view


@command(
    "collStats",
    {"scale": a.number(1, minimum=1), "verbose": a.boolean(), "waitForLock": a.boolean()},
    aliases=("collstats",),
    privileges=on_collection("collStats"),
)
def coll_stats(request: Request, args: dict[str, Any]) -> Reply:
    """Tell how large a collection is."""
    name = collection_name("collStats", request.db, request.body[request.name])
    reply: Reply = {"ns": f"{request.db}.{name}"}
    recall(request.services, request.db, name)
    with request.work.reading() as transaction:
        collection = transaction.catalog.find(request.db, name)
        if collection is None:
            empty: Reply = {"size": 0, "count": 0, "storageSize": 0, "totalSize": 0, "nindexes": 0, "totalIndexSize": 0}
            return reply | empty | {"indexDetails": {}, "indexSizes": {}, "scaleFactor": args["scale"]}
        check_not_view(collection)
        return reply | collection_statistics(collection, ReadScope(transaction.unit, request.operation.check), args["scale"])


@command("dbStats", {"scale": a.number(1, minimum=1), "freeStorage": a.boolean()}, aliases=("dbstats",), privileges=on_database("dbStats"))
def db_stats(request: Request, args: dict[str, Any]) -> Reply:
    """Tell how large a database is."""
    objects = data = index_size = 0
    with request.work.reading() as transaction:
        collections = transaction.catalog.collections(request.db)
        stored = [collection for collection in collections if not collection.is_view]
        views = len(collections) - len(stored)
        scope = ReadScope(transaction.unit, request.operation.check)
        for collection in stored:
            count, size = document_bytes(collection, scope)
            objects, data = objects + count, data + size
            index_size += sum(index_bytes(index, scope) for index in collection.counted_indexes)
        scope.close()
    scale = args["scale"]
    reply: Reply = {
        "db": request.db,
        # The definitions of views are counted as the collection that MongoDB keeps them in.
        "collections": Int64(len(stored) + (1 if views else 0)),
        "views": Int64(views),
        "objects": Int64(objects),
        "avgObjSize": data / objects if objects else 0.0,
        "dataSize": data / scale,
        "storageSize": data / scale,
        "indexes": Int64(sum(len(collection.counted_indexes) for collection in stored)),
        "indexSize": index_size / scale,
        "totalSize": (data + index_size) / scale,
        "scaleFactor": Int64(scale),
    }
    if args["freeStorage"]:
        reply |= {"freeStorageSize": 0.0, "indexFreeStorageSize": 0.0, "totalFreeStorageSize": 0.0}
    return reply | _disk(request, scale)


def _disk(request: Request, scale: int) -> Reply:
    """The room on the disk that the data is on."""
    settings = request.services.settings
    usage = shutil.disk_usage("/" if settings.in_memory else settings.storage_path)
    return {"fsUsedSize": usage.used / scale, "fsTotalSize": usage.total / scale}


@command(
    "dataSize",
    {"keyPattern": a.document(), "min": a.document(), "max": a.document(), "estimate": a.strict_boolean()},
    aliases=("datasize",),
    privileges=on_collection("find"),
)
def data_size(request: Request, args: dict[str, Any]) -> Reply:
    """Tell how many bytes the documents of a collection have."""
    namespace = a.own_string("dataSize", request.body[request.name])
    db, _, name = namespace.partition(".")
    check_database_name(db)
    collection_name("dataSize", db, name)
    if (args["min"] is None) != (args["max"] is None):
        raise CommandError(2, "only one of min or max specified")
    started = request.services.clock.monotonic()
    recall(request.services, db, name)
    with request.work.reading() as transaction:
        collection = transaction.catalog.find(db, name)
        if collection is not None and collection.is_view:
            raise CommandError(166, f"Namespace {namespace} is a view, not a collection")
        scope = ReadScope(transaction.unit, request.operation.check)
        count, size = _measure(collection, args, scope) if collection is not None else (0, 0)
    millis = int((request.services.clock.monotonic() - started) * 1000)
    return {"estimate": args["estimate"], "size": Int64(size), "numObjects": Int64(count), "millis": Int64(millis)}


def _measure(collection: Collection, args: dict[str, Any], scope: ReadScope) -> tuple[int, int]:
    """The documents, or those whose keys in an index are from `min` on and before `max`, and their bytes."""
    if args["min"] is None:
        return document_bytes(collection, scope)
    key = args["keyPattern"] or dict.fromkeys(args["min"], 1)
    index = next((index for index in collection.indexes if list(index.spec["key"]) == list(key)), None)
    if index is None or index.generator is None or list(args["min"]) != list(key) or list(args["max"]) != list(key):
        raise CommandError(2, "couldn't find valid index containing key pattern")
    bounds = IndexBounds(index.parts, [[EVERYTHING] for _ in index.parts])
    bounds.restrict(list(args["min"].values()), list(args["max"].values()), index.generator.collation)
    scan = scope.open(IndexScan(index, bounds.intervals, collection.ident, None, scope.check, False, index.multikey))
    sizes = [len(document) for document in scan]
    scope.forget(scan)
    return len(sizes), sum(sizes)
