"""dbStats. https://www.mongodb.com/docs/manual/reference/command/dbStats/"""

from __future__ import annotations

import shutil
from typing import Any

from bson.int64 import Int64

from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import on_database
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.exec.read_scope import ReadScope
from secantus_server.work.catalog_entries import is_shown_as_view
from secantus_server.work.collection_statistics import document_bytes, index_bytes


@command("dbStats", {"scale": a.number(1, minimum=1), "freeStorage": a.boolean()}, aliases=("dbstats",), privileges=on_database("dbStats"))
def db_stats(request: Request, args: dict[str, Any]) -> Reply:
    """Return the sizes of a database."""
    objects = data = index_size = 0
    with request.work.reading() as transaction:
        collections = transaction.catalog.collections(request.db)
        stored = [collection for collection in collections if not collection.is_view]
        views = sum(is_shown_as_view(collection, request.services.release) for collection in collections)
        scope = ReadScope(transaction.unit, request.operation.check)
        for collection in stored:
            count, size = document_bytes(collection, scope)
            objects, data = objects + count, data + size
            index_size += sum(index_bytes(index, scope) for index in collection.counted_indexes)
        scope.close()
    scale = args["scale"]
    reply: Reply = {
        "db": request.db,
        # MongoDB stores view definitions in the collection system.views, and counts that collection.
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
    """Return the used and the total space of the disk that contains the data directory."""
    settings = request.services.settings
    usage = shutil.disk_usage("/" if settings.in_memory else settings.storage_path)
    return {"fsUsedSize": usage.used / scale, "fsTotalSize": usage.total / scale}
