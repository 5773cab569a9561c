"""dropIndexes. https://www.mongodb.com/docs/manual/reference/command/dropIndexes/"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import encode
from secantus_server.bson.shell import document_text
from secantus_server.bson.values import type_name
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.privileges import on_collection
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import CatalogTransaction
from secantus_server.errors import CommandError
from secantus_server.index._index import Index
from secantus_server.oplog.oplog import Entry
from secantus_server.reserved_names import BUCKETS
from secantus_server.work.collections import recall
from secantus_server.work.timeseries_buckets import bucket_hint
from secantus_server.work.writing import check_not_view


def _index(name: str, value: Any) -> Any:
    if type(value) not in (str, dict, list):
        raise a.wrong_type(name, value, "[string, object, array]")
    return value


FIELDS = {"index": a.Field(_index, None, True, null_is_absent=False)}


@command("dropIndexes", FIELDS, aliases=("deleteIndexes",), in_api_v1=True, is_write=True, privileges=on_collection("dropIndex"))
def drop_indexes(request: Request, args: dict[str, Any]) -> Reply:
    """Drop indexes."""
    name = collection_name("dropIndexes", request.db, request.body[request.name])
    recall(request.services, request.db, name)

    def body(transaction: CatalogTransaction) -> int:
        collection, wanted = transaction.catalog.find(request.db, name), args["index"]
        if collection is not None and collection.is_timeseries:
            wanted = bucket_hint(collection, wanted)
            collection = transaction.catalog.find(request.db, collection.options["viewOn"])
        if collection is None:
            raise CommandError(26, f"ns not found {request.db}.{name}")
        check_not_view(collection)
        gone = choose_indexes(collection, wanted)
        for index in gone:
            transaction.changes.drop_index(index)
            o = {"dropIndexes": collection.name, "index": index.name}
            transaction.log(Entry(f"{request.db}.$cmd", collection.uuid, encode(o), encode(index.spec)))
        if gone:
            transaction.changes.save(collection.replaced(indexes=[index for index in collection.indexes if index not in gone]))
        return len(collection.counted_indexes)

    namespaces = [(request.db, name), (request.db, BUCKETS + name)]
    count = request.work.change_catalog(body, request.operation.check, exclusive=True, namespaces=namespaces)
    reply: Reply = {"nIndexesWas": count}
    if args["index"] in ("*", ["*"]):
        reply["msg"] = "non-_id indexes dropped for collection"
    return reply


def choose_indexes(collection: Collection, wanted: Any) -> list[Index]:
    """Return the indexes selected by a name, a key pattern, a list of names, or "*".

    Raises:
        CommandError: 27 IndexNotFound, 72 for the `_id` index, 14.
    """
    if wanted in ("*", ["*"]):
        return [index for index in collection.indexes if not index.is_id]
    if type(wanted) is list:
        return _all_named(collection, wanted)
    if type(wanted) is dict:
        return [_with_key(collection, wanted)]
    if type(wanted) is str:
        return [_named(collection, wanted)]
    raise CommandError(
        14, f"BSON field 'dropIndexes.index' is the wrong type '{type_name(wanted)}', expected types '[string, object, array]'"
    )


def _all_named(collection: Collection, names: list[Any]) -> list[Index]:
    found: list[Index] = []
    for name in names:
        index = _named(collection, name)
        if index in found:
            raise CommandError(27, f"index not found with name [{name}]")
        found.append(index)
    return found


def _named(collection: Collection, name: Any) -> Index:
    if type(name) is not str:
        raise CommandError(14, f"BSON field 'dropIndexes.index.0' is the wrong type '{type_name(name)}', expected type 'string'")
    index = collection.index_named(name)
    if index is None:
        raise CommandError(27, f"index not found with name [{name}]")
    return _droppable(index)


def _with_key(collection: Collection, key: dict[str, Any]) -> Index:
    found = [index for index in collection.indexes if list(index.spec["key"].items()) == list(key.items())]
    if not found:
        raise CommandError(27, f"can't find index with key: {document_text(key)}")
    if len(found) > 1:
        raise CommandError(181, f"{len(found)} indexes found for key: {document_text(key)}, identify by name instead.")
    return _droppable(found[0])


def _droppable(index: Index) -> Index:
    if index.spec.get("clustered"):
        raise CommandError(5979800, "It is illegal to drop the clusteredIndex")
    if index.is_id:
        raise CommandError(72, "cannot drop _id index")
    return index
