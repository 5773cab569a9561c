"""distinct. https://www.mongodb.com/docs/manual/reference/command/distinct/"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import decode_stored, encode, key_string
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.privileges import on_collection
from secantus_server.dispatch.registry import InTransaction, Reply, command, explains
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import ReadTransaction
from secantus_server.errors import CommandError
from secantus_server.exec.read_scope import ReadScope
from secantus_server.mql.context import Collation
from secantus_server.query.canonical import CanonicalQuery, parse_query
from secantus_server.query.distinct import DistinctPlan, plan_distinct
from secantus_server.query.explain import Runner, run_distinct
from secantus_server.work.explain_pipeline import explain_view
from secantus_server.work.pipelines import open_pipeline, view_arguments
from secantus_server.work.query_settings import FIELD, use_own_settings
from secantus_server.work.reading import timeless_context
from secantus_server.work.system_collections import computed_source, source_of

MAX_RESULT_BYTES = 16 * 1024 * 1024

FIELDS = {
    FIELD: a.anything(),
    "key": a.string(required=True),
    "query": a.document({}),
    "collation": a.document(),
    "hint": a.hint(),
}


@command("distinct", FIELDS, is_read=True, in_transaction=InTransaction.YES, privileges=on_collection("find"))
def distinct(request: Request, args: dict[str, Any]) -> Reply:
    """List the distinct values of a field."""
    name = collection_name("distinct", request.db, request.body[request.name])
    if FIELD in request.body:
        use_own_settings(request)
    with request.work.reading() as transaction:
        collection, query = _prepare(request, args, name, transaction.catalog)
        if collection is None or not collection.is_view:
            return _read(request, name, collection, query, args["key"], transaction)
    with open_pipeline(request, name, view_arguments([{"$match": args["query"]}], args)) as opened:
        values = distinct_values(opened.documents, args["key"].split("."), query.context.collation)
        opened.scope.close()
    # MongoDB runs a distinct over a view as an aggregation and rewrites the reply, whose `ok` is then an int.
    return {**_reply(request, values), "ok": 1}


@explains("distinct")
def _explain(request: Request, args: dict[str, Any], transaction: ReadTransaction, runner: Runner) -> Reply:
    name = collection_name("distinct", request.db, request.body[request.name])
    collection, query = _prepare(request, args, name, transaction.catalog)
    if collection is not None and collection.is_view:
        return explain_view(request, name, [{"$match": args["query"]}], args, transaction, runner)
    computed = computed_source(request.services, request.db, name, collection, query)
    return runner.result(f"{request.db}.{name}", collection, query, run_distinct(collection, query, args["key"], runner, computed))


def _prepare(request: Request, args: dict[str, Any], name: str, catalog: CatalogView) -> tuple[Collection | None, CanonicalQuery]:
    """Return the collection or view and the parsed query."""
    if "\0" in args["key"]:
        raise CommandError(31032, "'key' cannot contain a null byte")
    collection = catalog.find(request.db, name)
    ctx = timeless_context(request, collation=args["collation"], collection=collection)
    return collection, parse_query(args["query"], ctx, hint=args["hint"], required_fields=frozenset([args["key"]]))


def _read(
    request: Request, name: str, collection: Collection | None, query: CanonicalQuery, key: str, transaction: ReadTransaction
) -> Reply:
    """Return the reply of a distinct over a collection. (A distinct over a view runs as an aggregation.)"""
    scope, collation = ReadScope(transaction.unit, request.operation.check), query.context.collation
    plan = plan_distinct(collection, query, key)
    if isinstance(plan, DistinctPlan):
        values = in_order(plan.values(scope), collation)
    else:
        source = plan if collection is not None else source_of(request.services, request.db, name, None, query)
        values = distinct_values(source.open(scope), key.split("."), collation)
    scope.check()
    scope.close()
    return _reply(request, values)


def _reply(request: Request, values: list[Any]) -> Reply:
    return {"values": values} if request.snapshot is None else {"values": values, "atClusterTime": request.snapshot.at}


def distinct_values(documents: Iterable[bytes], path: list[str], collation: Collation | None) -> list[Any]:
    """Return the sorted distinct values at a path. Each element of an array counts as a separate value.

    Raises:
        CommandError: 17217 if the values are too large for one reply.
    """
    return in_order((value for document in documents for value in _values(decode_stored(document), path)), collation)


def in_order(values: Iterable[Any], collation: Collation | None) -> list[Any]:
    """Return the values sorted and without duplicates.

    Raises:
        CommandError: 17217 if the values are too large for one reply.
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
