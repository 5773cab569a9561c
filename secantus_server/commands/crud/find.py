"""find. https://www.mongodb.com/docs/manual/reference/command/find/"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from secantus_server.bson import RawArray
from secantus_server.bson.sizes import check_result_size
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.cursors.cursor import Cursor, Watch
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.memory_limits import may_use_disk
from secantus_server.dispatch.names import check_collection_uuid, collection_name
from secantus_server.dispatch.privileges import on_collection
from secantus_server.dispatch.registry import InTransaction, Reply, command, explains
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import ReadTransaction
from secantus_server.errors import CommandError
from secantus_server.exec.read_scope import ReadScope
from secantus_server.exec.spilling import Spill
from secantus_server.modules import import_late
from secantus_server.mql.context import ParseContext
from secantus_server.mql.metadata import OF_VIEWS, Metadata
from secantus_server.mql.projection import Projection, parse_projection
from secantus_server.query.canonical import CanonicalQuery, follow_metadata, parse_query
from secantus_server.query.find import count_all, find_documents
from secantus_server.query.plan import Found, Source
from secantus_server.work.collections import recall
from secantus_server.work.cursor_fail_points import enter_find
from secantus_server.work.oplog_collection import OplogSource
from secantus_server.work.query_settings import FIELD, use_own_settings
from secantus_server.work.reading import NO_CURSOR, command_context, count_lookup, cursor_reply, without_payloads
from secantus_server.work.system_collections import computed_source, source_of

if TYPE_CHECKING:
    from secantus_server.query.explain import Runner

FIELDS = {
    FIELD: a.anything(),
    "filter": a.document({}, null_is_absent=False),
    "sort": a.document({}),
    "projection": a.document({}),
    "hint": a.hint(),
    "skip": a.number(0, minimum=0),
    "limit": a.number(0, minimum=0),
    "batchSize": a.number(None, minimum=0),
    "singleBatch": a.boolean(),
    "tailable": a.boolean(),
    "awaitData": a.boolean(),
    "noCursorTimeout": a.boolean(),
    "allowPartialResults": a.boolean(),
    "allowDiskUse": a.boolean(None),
    "oplogReplay": a.boolean(),
    "returnKey": a.boolean(),
    "showRecordId": a.boolean(),
    "max": a.document({}),
    "min": a.document({}),
    "let": a.document({}),
    "collation": a.document(),
    "encryptionInformation": a.document(),
    "collectionUUID": a.uuid(),
}


@command("find", FIELDS, in_api_v1=True, is_read=True, in_transaction=InTransaction.YES, privileges=on_collection("find"))
def find(request: Request, args: dict[str, Any]) -> Reply:
    """Find documents."""
    name = collection_name("find", request.db, request.body[request.name])
    if FIELD in request.body:
        use_own_settings(request)
    if args["tailable"] and request.transaction is not None:
        raise CommandError(72, "It is illegal to open a tailable cursor in a transaction")
    if args["tailable"] or "$text" in args["filter"]:
        recall(request.services, request.db, name)
    if request.services.fail_points.active:
        enter_find(request, f"{request.db}.{name}")
    with request.work.reading() as transaction:
        args = without_payloads(request, args, name, transaction)
        collection, query, projection = _prepare(request, args, name, transaction.catalog)
        if collection is None or not collection.is_view:
            plan = source_of(request.services, request.db, name, collection, query)
            if plan.is_lookup and _is_one_batch(query, args) and "readConcern" not in request.body:
                found = plan.first(transaction.unit, request.operation.check)
                if found is not None:
                    count_lookup(request, plan)
                    request.client.usage.returned += 1
                return _lookup_reply(f"{request.db}.{name}", found, projection)
            return _open_cursor(request, f"{request.db}.{name}", collection, plan, query, projection, args, transaction)
    return import_late("secantus_server.work.pipelines").run_view(request, name, _view_stages(args), args)  # type: ignore[no-any-return]


@explains("find")
def _explain(request: Request, args: dict[str, Any], transaction: ReadTransaction, runner: Runner) -> Reply:
    name = collection_name("find", request.db, request.body[request.name])
    args = without_payloads(request, args, name, transaction)
    collection, query, projection = _prepare(request, args, name, transaction.catalog)
    if collection is not None and collection.is_view:
        explain_view = import_late("secantus_server.work.explain_pipeline").explain_view
        return explain_view(request, name, _view_stages(args), args, transaction, runner)  # type: ignore[no-any-return]
    computed = computed_source(request.services, request.db, name, collection, query)
    root = import_late("secantus_server.query.explain").run_find(collection, query, args["projection"], projection, runner, computed)
    return runner.result(f"{request.db}.{name}", collection, query, root)


def _prepare(
    request: Request, args: dict[str, Any], name: str, catalog: CatalogView
) -> tuple[Collection | None, CanonicalQuery, Projection | None]:
    """Return the collection or view, the parsed query, and the parsed projection."""
    collection = catalog.find(request.db, name)
    check_collection_uuid(catalog, request.db, name, args["collectionUUID"])
    ctx = command_context(request, let=args["let"], collation=args["collation"], collection=collection)
    if collection is not None and collection.is_view:
        # Allow all metadata that a view can produce. The exact check happens when the find is parsed as stages of the view's pipeline.
        ctx.metadata = Metadata()
        ctx.metadata.available |= OF_VIEWS
    query, projection = _parse(args, ctx)
    if query.sort is not None:
        if may_use_disk(request.services.parameters, args["allowDiskUse"]):
            query.sort_spill = Spill("sort", ctx.limits.sort, request.services.engine.temporary)
        else:
            query.sort_bytes = ctx.limits.sort
    _check_options(args, collection)
    return collection, query, projection


def _is_one_batch(query: CanonicalQuery, args: dict[str, Any]) -> bool:
    """Return whether the whole result of a point lookup always fits into the first batch, so that no cursor is needed."""
    if query.skip or query.show_record_id:
        return False
    return args["batchSize"] is None or args["batchSize"] > 1


def _lookup_reply(namespace: str, found: Found | None, projection: Projection | None) -> Reply:
    """Return the reply for a point lookup. `found` is None if no document matched."""
    documents = [] if found is None else [found[1] if projection is None else check_result_size(projection.apply(found[1]))]
    return {"cursor": {"firstBatch": RawArray(documents), "id": NO_CURSOR, "ns": namespace}}


def _open_cursor(
    request: Request,
    namespace: str,
    collection: Collection | None,
    plan: Source,
    query: CanonicalQuery,
    projection: Projection | None,
    args: dict[str, Any],
    transaction: ReadTransaction,
) -> Reply:
    """Return the reply with the first batch, and register a cursor if documents remain."""
    scope = ReadScope(transaction.unit, request.operation.check, transaction.catalog)
    # Compare types, because isinstance is slow for classes that implement a Protocol.
    of_oplog = type(plan) is OplogSource
    documents = find_documents(plan, collection, query, projection, scope)
    cursor = Cursor(
        namespace,
        documents,
        scope,
        limit=query.limit,
        is_sorted=query.sort is not None,
        session=request.session,
        tailable=args["tailable"] and (collection is not None or of_oplog),
        await_data=args["awaitData"],
        watch=_watch(request, collection, of_oplog=of_oplog) if args["awaitData"] else None,
        comment=request.body.get("comment"),
    )
    cursor.no_timeout = args["noCursorTimeout"]
    cursor.collection = collection
    batch = cursor.first_batch(args["batchSize"])
    if args["singleBatch"] or (cursor.tailable and collection is not None and not count_all(collection, scope)):
        cursor.exhausted = True
    request.client.usage.returned += len(batch)
    return cursor_reply(request, cursor, batch)


def _watch(request: Request, collection: Collection | None, *, of_oplog: bool) -> Watch | None:
    """Return the object through which an awaitData cursor waits for writes, or None if the collection does not exist."""
    writes = request.services.writes
    if collection is None:
        return writes.watch() if of_oplog else None
    return writes.watch(collection.db, collection.name)


def _parse(args: dict[str, Any], ctx: ParseContext) -> tuple[CanonicalQuery, Projection | None]:
    """Parse the query and the projection in find's arguments.

    Raises:
        CommandError: if an argument is not valid.
    """
    if args["projection"]:
        follow_metadata(ctx, args["projection"])
    query = parse_query(
        args["filter"],
        ctx,
        sort=args["sort"],
        hint=args["hint"],
        skip=args["skip"],
        limit=args["limit"],
        min=args["min"],
        max=args["max"],
        tailing=args["tailable"],
    )
    query.projection = args["projection"]
    if args["returnKey"]:
        # showRecordId has no effect with returnKey, which replaces the document with its index key.
        query.return_key = True
    elif args["showRecordId"]:
        query.show_record_id = True
    projection = parse_projection(args["projection"], ctx, match=query.match) if args["projection"] else None
    if projection is not None and projection.is_inclusion and projection.required_fields is not None:
        query.required_fields = frozenset(projection.required_fields)
    return query, projection


def _check_options(args: dict[str, Any], collection: Collection | None) -> None:
    if args["tailable"]:
        _check_tailable(args, collection)
    elif args["awaitData"]:
        raise CommandError(9, "Cannot set 'awaitData' without also setting 'tailable'")
    if collection is not None and collection.is_view:
        for option in ("returnKey", "showRecordId", "min", "max"):
            if args[option]:
                raise CommandError(166, f"{option} is not supported on a view")


def _check_tailable(args: dict[str, Any], collection: Collection | None) -> None:
    if collection is not None and collection.is_view:
        raise CommandError(168, f"{collection.namespace} is a view: option tailable is not supported")
    if args["sort"] and list(args["sort"].items()) != [("$natural", 1)]:
        raise CommandError(2, "cannot use tailable option with a sort other than {$natural: 1}")
    if args["singleBatch"]:
        raise CommandError(2, "Cannot use tailable option with the 'singleBatch' option")
    if collection is not None and not collection.is_capped:
        raise CommandError(2, f"error processing query: ns={collection.namespace}: tailable cursor requested on non capped collection")


def _view_stages(args: dict[str, Any]) -> list[dict[str, Any]]:
    """Convert the arguments of a find over a view to the equivalent aggregation stages."""
    stages: list[dict[str, Any]] = []
    if args["filter"]:
        stages.append({"$match": args["filter"]})
    if args["sort"] and "$natural" not in args["sort"]:
        stages.append({"$sort": args["sort"]})
    if args["skip"]:
        stages.append({"$skip": args["skip"]})
    if args["limit"]:
        stages.append({"$limit": args["limit"]})
    if args["projection"]:
        stages.append({"$project": args["projection"]})
    return stages
