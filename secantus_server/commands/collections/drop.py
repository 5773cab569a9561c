"""drop and dropDatabase.

https://www.mongodb.com/docs/manual/reference/command/drop/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import encode
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import check_collection_uuid, collection_name, is_oplog
from secantus_server.dispatch.privileges import on_collection, on_database
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import CatalogTransaction
from secantus_server.errors import CommandError
from secantus_server.oplog.oplog import Entry
from secantus_server.reserved_names import BUCKETS, INTERNAL_DATABASES, PROFILE, VIEWS
from secantus_server.work.catalog_entries import is_shown_as_view
from secantus_server.work.collections import drop_collection, recall


@command("drop", {"collectionUUID": a.uuid()}, in_api_v1=True, is_write=True, privileges=on_collection("dropCollection"))
def drop(request: Request, args: dict[str, Any]) -> Reply:
    """Drop a collection or view."""
    name = collection_name("drop", request.db, request.body[request.name])
    if is_oplog(request.db, name) and request.services.settings.replica_set:
        raise CommandError(20, "can't drop live oplog while in replSet mode")
    recall(request.services, request.db, name)

    if name == VIEWS:
        return _drop_views(request)

    def body(transaction: CatalogTransaction) -> Collection | None:
        check_collection_uuid(transaction.catalog, request.db, name, args["collectionUUID"])
        collection = transaction.catalog.find(request.db, name)
        if collection is None:
            return None
        if name.startswith("system.") and name not in (PROFILE, "system.js"):
            raise CommandError(20, f"can't drop system collection {request.db}.{name}")
        if name == PROFILE and request.db in request.services.observer.profiling.levels:
            raise CommandError(20, "turn off profiling before dropping system.profile collection")
        if collection.is_timeseries:
            buckets = transaction.catalog.find(request.db, BUCKETS + name)
            if buckets is not None:
                drop_collection(transaction, buckets)
        drop_collection(transaction, collection)
        return collection

    collection = request.work.change_catalog(body, request.operation.check)
    if collection is None:
        return {}
    request.services.connections.forget(request.db, name)
    if collection.is_view:
        return {"ns": collection.namespace}
    return {"nIndexesWas": len(collection.indexes), "ns": collection.namespace}


def _drop_views(request: Request) -> Reply:
    """Drop all views, because the client dropped `system.views`, which contains the view definitions.

    Raises:
        CommandError: 20 IllegalOperation if the database has a time-series collection, which is a view over its buckets.
    """

    def body(transaction: CatalogTransaction) -> list[Collection]:
        release = request.services.release
        views = [one for one in transaction.catalog.collections(request.db) if is_shown_as_view(one, release)]
        if any(view.is_timeseries for view in views):
            raise CommandError(20, f"Cannot drop {request.db}.{VIEWS} while the database has time-series collections")
        for view in views:
            drop_collection(transaction, view)
        return views

    views = request.work.change_catalog(body, request.operation.check)
    for view in views:
        request.services.connections.forget(request.db, view.name)
    return {"nIndexesWas": 1, "ns": f"{request.db}.{VIEWS}"} if views else {}


@command("dropDatabase", {}, in_api_v1=True, is_write=True, privileges=on_database("dropDatabase"))
def drop_database(request: Request, args: dict[str, Any]) -> Reply:
    """Drop a database."""
    if request.body[request.name] is None:
        raise CommandError(40414, "BSON field 'dropDatabase.dropDatabase' is missing but a required field")
    if a.integer()("dropDatabase.dropDatabase", request.body[request.name]) != 1:
        raise CommandError(5255100, "Have to pass 1 as 'dropDatabase' parameter")
    if request.db in INTERNAL_DATABASES:
        raise CommandError(20, f"Dropping the '{request.db}' database is prohibited.")

    def body(transaction: CatalogTransaction) -> None:
        transaction.changes.databases.append(request.db)
        collections = transaction.catalog.collections(request.db)
        for collection in collections:
            drop_collection(transaction, collection)
        if collections:
            transaction.log(Entry(f"{request.db}.$cmd", None, encode({"dropDatabase": 1})))

    request.work.change_catalog(body, request.operation.check)
    request.services.connections.forget(request.db)
    return {}
