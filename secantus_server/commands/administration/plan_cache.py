"""The commands for the plan cache and for index filters.

https://www.mongodb.com/docs/manual/reference/command/nav-plan-cache/

An index filter limits the indexes that the planner may use for a query shape. Filters are lost when the server stops. Setting or clearing
a filter also clears the cached plans of its query shape.
"""

from __future__ import annotations

from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.privileges import on_collection
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.mql.collation import parse_collation
from secantus_server.mql.projection import parse_projection
from secantus_server.query.canonical import parse_query
from secantus_server.query.index_filters import query_shape
from secantus_server.work.collections import recall

Filters = dict[str, dict[str, Any]]


def _collection(request: Request) -> Collection | None:
    """Return the collection of a command, or None if it does not exist.

    Raises:
        CommandError: 73 InvalidNamespace, 166 CommandNotSupportedOnView.
    """
    value = request.body[request.name]
    if type(value) is not str:
        raise CommandError(73, f"Collection name must be provided as a string to {request.name}")
    name = collection_name(request.name, request.db, value)
    collection = recall(request.services, request.db, name)
    if collection is not None and (collection.is_view or "timeseries" in collection.options):
        raise CommandError(166, f"Namespace {collection.namespace} is a view, not a collection")
    return collection


def _filters(request: Request, collection: Collection) -> Filters:
    """Return a copy of the collection's index filters, keyed by the hash of their query shape."""
    return dict(request.services.index_filters.get(bytes(collection.uuid), {}))


def _replace_filters(request: Request, collection: Collection, filters: Filters) -> None:
    """Replace the collection's index filters.

    If the new filters are empty, remove the collection's entry, so that its queries do not look for filters.
    """
    services, uuid = request.services, bytes(collection.uuid)
    others = {key: value for key, value in services.index_filters.items() if key != uuid}
    services.index_filters = {**others, uuid: filters} if filters else others


def _shape(request: Request, collection: Collection) -> str:
    """Return the hash of the query shape that the command's arguments define.

    Raises:
        CommandError: if an argument is invalid.
    """
    body = request.body
    collation = parse_collation(body.get("collation")) or parse_collation(collection.options.get("collation"))
    ctx = request.parse_context(collation=collation)
    projection = _object(body, "projection")
    query = parse_query(_object(body, "query"), ctx, sort=_object(body, "sort") or None)
    if query.match is not None and projection:
        parse_projection(projection, ctx, match=query.match)
    query.projection = projection or None
    return query_shape(query)


def _object(body: dict[str, Any], field: str) -> dict[str, Any]:
    """Return an argument that must be a document, null or absent. Convert an array to a document whose field names are the indexes.

    Raises:
        CommandError: 2 BadValue for any other type.
    """
    value = body.get(field)
    if value is None:
        return {}
    if type(value) is list:
        return {str(index): item for index, item in enumerate(value)}
    if type(value) is not dict:
        raise CommandError(2, f"optional field {field} must be an object")
    return value


@command("planCacheClear", lenient=True, privileges=on_collection("planCacheWrite"))
def plan_cache_clear(request: Request, args: dict[str, Any]) -> Reply:
    """Clear all cached plans of a collection, or the cached plan of one query shape."""
    collection = _collection(request)
    if collection is None:
        return {}
    if type(request.body.get("query")) is dict:
        collection.cached_plans.pop(_shape(request, collection), None)
    else:
        collection.cached_plans.clear()
    return {}


@command("planCacheListFilters", lenient=True, privileges=on_collection("planCacheIndexFilter"))
def plan_cache_list_filters(request: Request, args: dict[str, Any]) -> Reply:
    """List the index filters of a collection."""
    collection = _collection(request)
    return {"filters": [] if collection is None else list(_filters(request, collection).values())}


@command("planCacheClearFilters", lenient=True, privileges=on_collection("planCacheIndexFilter"))
def plan_cache_clear_filters(request: Request, args: dict[str, Any]) -> Reply:
    """Remove the index filter of a query shape, or all index filters of a collection."""
    collection = _collection(request)
    if collection is None:
        return {}
    filters = _filters(request, collection)
    if type(request.body.get("query")) is dict:
        filters.pop(_shape(request, collection), None)
    else:
        filters.clear()
    _replace_filters(request, collection, filters)
    return {}


@command("planCacheSetFilter", lenient=True, privileges=on_collection("planCacheIndexFilter"))
def plan_cache_set_filter(request: Request, args: dict[str, Any]) -> Reply:
    """Set an index filter, which lists the indexes that queries of a shape may use."""
    collection = _collection(request)
    if collection is None:
        raise CommandError(2, "no such collection")
    body = request.body
    _check(body)
    entry = {"query": body["query"], "sort": body.get("sort", {}), "projection": body.get("projection", {})}
    if "collation" in body:
        entry["collation"] = body["collation"]
    shape = _shape(request, collection)
    collection.cached_plans.pop(shape, None)
    filters = {**_filters(request, collection), shape: {**entry, "indexes": body["indexes"]}}
    _replace_filters(request, collection, filters)
    return {}


def _check(body: dict[str, Any]) -> None:
    """Check the types of planCacheSetFilter's arguments.

    Raises:
        CommandError: 2 BadValue, 40414.
    """
    if "query" not in body:
        raise CommandError(2, "required field query missing")
    for field in ("query", "sort", "projection"):
        if field in body and type(body[field]) not in (dict, list):
            raise CommandError(
                2, f"optional field {field} must be an object" if field != "query" else "required field query must be an object"
            )
    if "collation" in body:
        _check_collation(body["collation"])
    indexes = body.get("indexes")
    if type(indexes) is not list:
        raise CommandError(2, "required field indexes missing" if indexes is None else "required field indexes must be an array")
    if not indexes:
        raise CommandError(2, "required field indexes must contain at least one index")
    for index in indexes:
        if type(index) not in (dict, str):
            raise CommandError(2, "each item in indexes must be an object or string")
        if not index:
            raise CommandError(2, "index specification cannot be empty")


def _check_collation(collation: Any) -> None:
    if type(collation) is not dict:
        raise CommandError(2, "optional field collation must be an object")
    if not collation:
        raise CommandError(2, "optional field collation cannot be empty")
    if "locale" not in collation:
        raise CommandError(40414, "BSON field 'collation.locale' is missing but a required field")
