"""count. https://www.mongodb.com/docs/manual/reference/command/count/"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from secantus_server.bson import decode, int_value
from secantus_server.bson.values import is_number
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.privileges import on_collection
from secantus_server.dispatch.registry import Reply, command, explains
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import ReadTransaction
from secantus_server.errors import CommandError
from secantus_server.exec.read_scope import ReadScope
from secantus_server.modules import import_late
from secantus_server.query.canonical import CanonicalQuery, parse_query
from secantus_server.query.find import count_documents
from secantus_server.work.reading import timeless_context, without_payloads
from secantus_server.work.system_collections import computed_source, source_of

if TYPE_CHECKING:
    from secantus_server.query.explain import Runner


def _limit(name: str, value: Any) -> int:
    """Return the absolute value of the limit. As in MongoDB, a negative limit is equivalent to a positive one."""
    if not is_number(value):
        raise CommandError(2, "limit value is not a valid number")
    limit = a.exact_integer(name, value)
    if limit == -(2**63):
        raise CommandError(2, "limit value for count cannot be min long")
    return abs(limit)


FIELDS = {
    "query": a.document({}),
    "limit": a.Field(_limit, 0, null_is_absent=False),
    "skip": a.number(0, minimum=0),
    "hint": a.hint(),
    "collation": a.document(),
    "fields": a.anything(),
    "encryptionInformation": a.document(),
}


@command("count", FIELDS, in_api_v1=True, is_read=True, privileges=on_collection("find"))
def count(request: Request, args: dict[str, Any]) -> Reply:
    """Count documents."""
    name = collection_name("count", request.db, request.body[request.name])
    with request.work.reading() as transaction:
        args = without_payloads(request, args, name, transaction)
        collection, query = _prepare(request, args, name, transaction.catalog)
        if collection is None or not collection.is_view:
            scope = ReadScope(transaction.unit, request.operation.check)
            found = count_documents(source_of(request.services, request.db, name, collection, query), collection, query, scope)
            scope.check()
            scope.close()
            return {"n": int_value(_windowed(found, args["skip"], args["limit"]))}
    return {"n": int_value(_count_view(request, collection, args))}


@explains("count")
def _explain(request: Request, args: dict[str, Any], transaction: ReadTransaction, runner: Runner) -> Reply:
    name = collection_name("count", request.db, request.body[request.name])
    args = without_payloads(request, args, name, transaction)
    collection, query = _prepare(request, args, name, transaction.catalog)
    if collection is not None and collection.is_view:
        explain_view = import_late("secantus_server.work.explain_pipeline").explain_view
        return explain_view(request, name, _view_stages(args), args, transaction, runner)  # type: ignore[no-any-return]
    computed = computed_source(request.services, request.db, name, collection, query)
    root = import_late("secantus_server.query.explain").run_count(collection, query, runner, computed)
    return runner.result(f"{request.db}.{name}", collection, query, root)


def _prepare(request: Request, args: dict[str, Any], name: str, catalog: CatalogView) -> tuple[Collection | None, CanonicalQuery]:
    """Return the collection or view and the parsed query."""
    collection = catalog.find(request.db, name)
    ctx = timeless_context(request, collation=args["collation"], collection=collection)
    return collection, parse_query(args["query"], ctx, hint=args["hint"], skip=args["skip"], limit=args["limit"])


def _windowed(found: int, skip: int, limit: int) -> int:
    """Return the number of found documents after applying skip and limit. A limit of 0 means no limit."""
    left = max(found - skip, 0)
    return min(left, limit) if limit else left


def _count_view(request: Request, view: Collection, args: dict[str, Any]) -> int:
    arguments = {"let": {}, "collation": args["collation"], "hint": args["hint"], "batchSize": None}
    reply = import_late("secantus_server.work.pipelines").run_view(request, view.name, _view_stages(args), arguments)
    documents = reply["cursor"]["firstBatch"].documents
    return int(decode(documents[0])["count"]) if documents else 0


def _view_stages(args: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the stages that count the documents of a view."""
    window = {f"${name}": args[name] for name in ("skip", "limit") if args[name]}
    return [{"$match": args["query"]}, *({stage: number} for stage, number in window.items()), {"$count": "count"}]
