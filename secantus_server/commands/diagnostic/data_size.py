"""dataSize. https://www.mongodb.com/docs/manual/reference/command/dataSize/"""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64

from secantus_server.auth.privileges import Grants
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import check_database_name, collection_name
from secantus_server.dispatch.privileges import Authorized, collection_of, on_collection
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.exec._scan import IndexScan
from secantus_server.exec.read_scope import ReadScope
from secantus_server.query.bounds import EVERYTHING, IndexBounds
from secantus_server.work.collection_statistics import document_bytes
from secantus_server.work.collections import recall


def _may_read(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may read the namespace `db.collection` in the command's argument."""
    db, _, name = collection_of(call).partition(".")
    return "find" in grants.on(db, name)


@command(
    "dataSize",
    {"keyPattern": a.document(), "min": a.document(), "max": a.document(), "estimate": a.boolean()},
    aliases=("datasize",),
    privileges=on_collection(by_arguments=("find",), check=_may_read),
)
def data_size(request: Request, args: dict[str, Any]) -> Reply:
    """Return the number of documents in a collection and their total size in bytes."""
    namespace = a.own_string("dataSize", request.body[request.name])
    db, _, name = namespace.partition(".")
    check_database_name(db)
    collection_name("dataSize", db, name)
    if args["min"] is not None and args["max"] is not None and not args["keyPattern"]:
        raise CommandError(96, "dataSize needs the keyPattern of the index that min and max belong to")
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
    """Return the number of documents and their total size in bytes.

    With `min` and `max`, count only the documents with an index key in the range [`min`, `max`).
    """
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
