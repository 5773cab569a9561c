"""drop and dropDatabase.

https://www.mongodb.com/docs/manual/reference/command/drop/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import encode
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.oplog.oplog import Entry
from secantus_server.work.collections import drop_collection


@command("drop", {}, in_api_v1=True, is_write=True)
def drop(request: Request, args: dict[str, Any]) -> Reply:
    """Drop a collection or view."""
    name = collection_name("drop", request.db, request.body[request.name])
    request.services.catalog.recall(request.db, name)
    with request.services.catalog.changing() as change:
        collection = request.services.catalog.find(request.db, name)
        if collection is None:
            return {}
        if name.startswith("system.") and name not in ("system.profile", "system.js", "system.views"):
            raise CommandError(20, f"can't drop system collection {request.db}.{name}")
        if name == "system.profile" and request.db in request.services.observer.profiling.levels:
            raise CommandError(20, "turn off profiling before dropping system.profile collection")
        drop_collection(request.services, change, collection)
    request.services.connections.forget(request.db, name)
    if collection.is_view:
        return {"ns": collection.namespace}
    return {"nIndexesWas": len(collection.indexes), "ns": collection.namespace}


@command("dropDatabase", {}, in_api_v1=True, is_write=True)
def drop_database(request: Request, args: dict[str, Any]) -> Reply:
    """Drop a database."""
    if a.integer()("dropDatabase.dropDatabase", request.body[request.name]) != 1:
        raise CommandError(5255100, "Have to pass 1 as 'dropDatabase' parameter")
    if request.db in ("admin", "local", "config"):
        raise CommandError(20, f"Dropping the '{request.db}' database is prohibited.")
    services = request.services
    with services.catalog.changing() as change:
        services.catalog.forget_definitions(request.db)
        collections = services.catalog.collections(request.db)
        for collection in collections:
            change.remove(collection)
        if collections:
            services.oplog.commit(change.unit, [Entry(f"{request.db}.$cmd", None, encode({"dropDatabase": 1}))])
    services.connections.forget(request.db)
    return {}
