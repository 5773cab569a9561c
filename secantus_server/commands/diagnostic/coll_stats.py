"""collStats. https://www.mongodb.com/docs/manual/reference/command/collStats/"""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import collection_name, is_oplog
from secantus_server.dispatch.privileges import on_collection
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.exec.read_scope import ReadScope
from secantus_server.reserved_names import BUCKETS
from secantus_server.work.collection_statistics import collection_statistics, timeseries_statistics
from secantus_server.work.collections import recall
from secantus_server.work.oplog_collection import oplog_statistics
from secantus_server.work.system_collections import views_statistics
from secantus_server.work.writing import check_not_view


@command(
    "collStats",
    {"scale": a.number(1, minimum=1), "verbose": a.boolean(), "waitForLock": a.boolean()},
    aliases=("collstats",),
    privileges=on_collection("collStats"),
)
def coll_stats(request: Request, args: dict[str, Any]) -> Reply:
    """Return the sizes of a collection and its indexes."""
    name = collection_name("collStats", request.db, request.body[request.name])
    reply: Reply = {"ns": f"{request.db}.{name}"}
    recall(request.services, request.db, name)
    with request.work.reading() as transaction:
        collection = transaction.catalog.find(request.db, name)
        if is_oplog(request.db, name) and request.services.settings.replica_set:
            return reply | oplog_statistics(transaction.unit, request.services.oplog.max_bytes, args["scale"])
        if collection is None:
            views = views_statistics(request.services, request.db, name, args["scale"])
            if views is not None:
                return reply | views
            empty: Reply = {"size": 0, "count": 0, "storageSize": 0, "totalSize": 0, "nindexes": 0, "totalIndexSize": 0}
            return reply | empty | {"indexDetails": {}, "indexSizes": {}, "scaleFactor": args["scale"]}
        scope = ReadScope(transaction.unit, request.operation.check)
        buckets = transaction.catalog.find(request.db, BUCKETS + name) if collection.is_timeseries else None
        if buckets is not None:
            return reply | timeseries_statistics(buckets, scope, args["scale"])
        check_not_view(collection)
        return reply | collection_statistics(collection, scope, args["scale"])
