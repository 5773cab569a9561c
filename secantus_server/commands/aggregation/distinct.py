"""distinct. https://www.mongodb.com/docs/manual/reference/command/distinct/"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bson.timestamp import Timestamp

from secantus_server.bson import decode, encode, key_string
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.privileges import on_collection
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.exec.read_scope import ReadScope
from secantus_server.mql.context import Collation
from secantus_server.query.canonical import parse_query
from secantus_server.query.distinct import DistinctPlan, plan_distinct
from secantus_server.work.pipelines import open_pipeline
from secantus_server.work.reading import timeless_context
from secantus_server.work.snapshot_reads import snapshot_time
from secantus_server.work.system_collections import source_of

MAX_RESULT_BYTES = 16 * 1024 * 1024

FIELDS = {
    "key": a.string(required=True),
    "query": a.document({}),
    "collation": a.document(),
    "hint": a.hint(),
}


@command("distinct", FIELDS, is_read=True, privileges=on_collection("find"))
def distinct(request: Request, args: dict[str, Any]) -> Reply:
    """List the distinct values of a field."""
    name = collection_name("distinct", request.db, request.body[request.name])
    if "\0" in args["key"]:
        raise CommandError(31032, "'key' cannot contain a null byte")
    collection = request.services.catalog.find(request.db, name)
    ctx = timeless_context(request, collation=args["collation"], collection=collection)
    path = args["key"].split(".")
    query = parse_query(args["query"], ctx, hint=args["hint"], required_fields=frozenset([args["key"]]))
    if collection is not None and collection.is_view:
        arguments = {"pipeline": [{"$match": args["query"]}], "let": {}, "collation": args["collation"], "hint": args["hint"]}
        with open_pipeline(request, name, arguments) as opened:
            values = distinct_values(opened.documents, path, ctx.collation)
            opened.scope.close()
        return _reply(values, opened.at)
    with request.work.reading() as transaction:
        scope = ReadScope(transaction.unit, request.operation.check)
        at = snapshot_time(request, transaction.unit)
        collection = transaction.catalog.find(request.db, name)
        plan = plan_distinct(collection, query, args["key"])
        if isinstance(plan, DistinctPlan):
            values = in_order(plan.values(scope), ctx.collation)
        else:
            source = plan if collection is not None else source_of(request.services, request.db, name, None, query)
            values = distinct_values(source.open(scope), path, ctx.collation)
        scope.close()
    return _reply(values, at)


def _reply(values: list[Any], at: Timestamp | None) -> Reply:
    return {"values": values} if at is None else {"values": values, "atClusterTime": at}


def distinct_values(documents: Iterable[bytes], path: list[str], collation: Collation | None) -> list[Any]:
    """The values at a path, each once, in their order; arrays stand for their elements.

    Raises:
        CommandError: 17217, they are too large for one reply.
    """
    return in_order((value for document in documents for value in _values(decode(document), path)), collation)


def in_order(values: Iterable[Any], collation: Collation | None) -> list[Any]:
    """Values, each once, in their order.

    Raises:
        CommandError: 17217, they are too large for one reply.
    """
    found: dict[bytes, Any] = {}
    for value in values:
        found.setdefault(key_string(value, collation), value)
    ordered = [found[key] for key in sorted(found)]
    if len(encode({"values": ordered})) > MAX_RESULT_BYTES:
        raise CommandError(17217, "distinct too big, 16mb cap")
    return ordered


def _values(value: Any, path: list[str]) -> Iterator[Any]:
    if not path:
        if type(value) is list:
            yield from value
        else:
            yield value
    elif type(value) is dict:
        if path[0] in value:
            yield from _values(value[path[0]], path[1:])
    elif type(value) is list:
        if path[0].isdigit() and int(path[0]) < len(value):
            yield from _values(value[int(path[0])], path[1:])
        for item in value:
            if type(item) is dict:
                yield from _values(item, path)
