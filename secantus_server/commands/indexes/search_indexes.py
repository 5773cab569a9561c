"""createSearchIndexes, updateSearchIndex and dropSearchIndex.

Unless search indexes are enabled, the commands fail as on a MongoDB server without Atlas Search.

https://www.mongodb.com/docs/manual/reference/command/createSearchIndexes/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from secantus_server.bson import encode, type_name
from secantus_server.bson.values import Date
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.privileges import on_collection
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import CatalogTransaction
from secantus_server.errors import CommandError, not_supported
from secantus_server.pipeline.arguments import named_fields
from secantus_server.pipeline.stages.list_search_indexes import ListSearchIndexes
from secantus_server.work.collections import recall
from secantus_server.work.search.definitions import SEARCH, check_definition
from secantus_server.work.search.indexes import place_of

SEARCH_NOT_ENABLED = 31082
DEFAULT_NAME = "default"
_INDEX_FIELDS: dict[str, tuple[str, ...]] = {"name": ("string",), "type": ("string",), "definition": ("object",)}

T = TypeVar("T")
# A change: a function that takes a collection's search indexes and returns the new ones and the command's result.
Change = Callable[[list[dict[str, Any]]], tuple[list[dict[str, Any]], T]]


@command("createSearchIndexes", lenient=True, is_write=True, privileges=on_collection("createSearchIndexes"))
def create_search_indexes(request: Request, args: dict[str, Any]) -> Reply:
    """Create search indexes."""
    _check_enabled(request)
    made = [_new_index(request, spec) for spec in _specs(request.body.get("indexes"))]

    def change(indexes: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        created = []
        for index in made:
            same = next((one for one in indexes if one["name"] == index["name"]), None)
            if same is None:
                indexes = [*indexes, index]
                created.append(index)
            elif (same["type"], encode(same["definition"])) != (index["type"], encode(index["definition"])):
                raise CommandError(68, f"Index {index['name']} already exists with a different definition. Drop it first if needed.")
            else:
                created.append(same)
        return indexes, created

    created = _change(request, change)
    return {"indexesCreated": [{"id": index["id"], "name": index["name"]} for index in created]}


@command("updateSearchIndex", lenient=True, is_write=True, privileges=on_collection("updateSearchIndex"))
def update_search_index(request: Request, args: dict[str, Any]) -> Reply:
    """Replace the definition of a search index."""
    _check_enabled(request)
    wanted, definition = _wanted(request), request.body.get("definition")

    def change(indexes: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], None]:
        place = place_of(indexes, wanted, request.db)
        old = indexes[place]
        check_definition(old["type"], definition)
        new = {**old, "definition": definition, "version": old["version"] + 1, "createdAt": Date(request.services.clock.now_ms())}
        return [*indexes[:place], new, *indexes[place + 1 :]], None

    _change(request, change)
    return {}


@command("dropSearchIndex", lenient=True, is_write=True, privileges=on_collection("dropSearchIndex"))
def drop_search_index(request: Request, args: dict[str, Any]) -> Reply:
    """Drop a search index."""
    _check_enabled(request)
    wanted = _wanted(request)

    def change(indexes: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], None]:
        place = place_of(indexes, wanted, request.db)
        return [*indexes[:place], *indexes[place + 1 :]], None

    _change(request, change)
    return {}


def _check_enabled(request: Request) -> None:
    if not request.services.settings.search:
        raise CommandError(SEARCH_NOT_ENABLED, ListSearchIndexes.refusal)


def _specs(indexes: Any) -> list[dict[str, Any]]:
    if type(indexes) is not list or not indexes:
        raise CommandError(9, "createSearchIndexes.indexes must be a non-empty array of documents")
    for spec in indexes:
        if type(spec) is not dict:
            raise CommandError(14, f"createSearchIndexes.indexes must contain documents, but found {type_name(spec)}")
    return indexes


def _new_index(request: Request, spec: dict[str, Any]) -> dict[str, Any]:
    fields = named_fields("createSearchIndexes.indexes", spec, _INDEX_FIELDS, ("definition",))
    kind = fields.get("type", SEARCH)
    check_definition(kind, fields["definition"])
    clock = request.services.clock
    return {
        "id": str(clock.object_id()),
        "name": fields.get("name") or DEFAULT_NAME,
        "type": kind,
        "definition": fields["definition"],
        "version": 0,
        "createdAt": Date(clock.now_ms()),
    }


def _wanted(request: Request) -> dict[str, Any]:
    """Return the `id` or `name` by which the command identifies the index."""
    given = {name: request.body[name] for name in ("id", "name") if request.body.get(name) is not None}
    if len(given) != 1 or type(next(iter(given.values()))) is not str:
        raise CommandError(9, f"{request.name} requires either the id or the name of the index, a string")
    return given


def _change(request: Request, change: Change[T]) -> T:
    """Change a collection's search indexes with exclusive access to the store, so that no transaction is open during the change."""
    name = collection_name(request.name, request.db, request.body[request.name])
    recall(request.services, request.db, name)

    def body(transaction: CatalogTransaction) -> T:
        collection: Collection | None = transaction.catalog.find(request.db, name)
        if collection is None:
            raise CommandError(26, f"Collection '{request.db}.{name}' does not exist.")
        if collection.is_view:
            raise not_supported("a search index of a view", "create it on the collection below the view")
        indexes, result = change(list(collection.search_indexes))
        transaction.changes.save(collection.replaced(search_indexes=indexes))
        return result

    return request.work.change_catalog(body, request.operation.check, exclusive=True, namespaces=[(request.db, name)])
