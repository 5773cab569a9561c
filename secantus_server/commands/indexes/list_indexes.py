"""listIndexes. https://www.mongodb.com/docs/manual/reference/command/listIndexes/"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import encode
from secantus_server.catalog.collection import Collection
from secantus_server.differences import SIMPLE_COLLATION_LISTED
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.privileges import on_collection
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.reserved_names import PROFILE
from secantus_server.work.collections import recall
from secantus_server.work.reading import cursor_batch_size, list_reply
from secantus_server.work.system_collections import ID_INDEX, views_statistics
from secantus_server.work.timeseries_indexes import shown_index
from secantus_server.work.writing import check_not_view


@command(
    "listIndexes",
    {"cursor": a.document(), "includeBuildUUIDs": a.boolean(), "includeIndexBuildInfo": a.boolean()},
    in_api_v1=True,
    privileges=on_collection("listIndexes"),
)
def list_indexes(request: Request, args: dict[str, Any]) -> Reply:
    """List a collection's indexes."""
    name = collection_name("listIndexes", request.db, request.body[request.name])
    if args["includeBuildUUIDs"] and args["includeIndexBuildInfo"]:
        raise CommandError(72, "includeBuildUUIDs and includeIndexBuildInfo cannot both be true")
    collection = recall(request.services, request.db, name)
    if collection is None:
        if views_statistics(request.services, request.db, name) is not None:
            return list_reply(request, f"{request.db}.{name}", [encode(ID_INDEX)], cursor_batch_size(args))
        raise CommandError(26, f"ns does not exist: {request.db}.{name}")
    specs = _specs(request, collection)
    if request.services.release.has(SIMPLE_COLLATION_LISTED):
        specs = [spec if "collation" in spec else {**spec, "collation": {"locale": "simple"}} for spec in specs]
    documents = [encode({"spec": spec} if args["includeIndexBuildInfo"] else spec) for spec in specs]
    return list_reply(request, f"{request.db}.{name}", documents, cursor_batch_size(args))


def _specs(request: Request, collection: Collection) -> list[dict[str, Any]]:
    """Return the definitions of a collection's indexes."""
    if collection.is_timeseries:
        buckets = request.services.catalog.find(collection.db, collection.options["viewOn"])
        shown = [] if buckets is None else [shown_index(collection, index.spec) for index in buckets.counted_indexes]
        return [spec for spec in shown if spec is not None]
    check_not_view(collection)
    if collection.name == PROFILE:
        # In MongoDB, the profiler's collection system.profile has no `_id` index, so the `_id` index that this server maintains is not
        # listed.
        return []
    # The bucket collection of a time series is clustered, but its clustered index is not listed.
    return [index.kind.listed(index.spec) for index in (collection.counted_indexes if collection.holds_buckets else collection.indexes)]
