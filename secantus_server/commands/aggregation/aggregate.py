"""aggregate. https://www.mongodb.com/docs/manual/reference/command/aggregate/"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from secantus_server.auth.privileges import Grants, Requirement
from secantus_server.bson.numbers import to_float
from secantus_server.bson.values import is_number, type_name
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import check_collection_uuid, collection_name
from secantus_server.dispatch.privileges import Authorized, collection_of, on_collection
from secantus_server.dispatch.registry import InTransaction, Reply, command, explains
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import ReadTransaction
from secantus_server.errors import CommandError
from secantus_server.modules import import_late
from secantus_server.work._stage_privileges import add_pipeline
from secantus_server.work.pipelines import run_aggregate
from secantus_server.work.query_settings import FIELD, use_own_settings

if TYPE_CHECKING:
    from secantus_server.query.explain import Runner

FIELDS = {
    FIELD: a.anything(),
    "pipeline": a.array(required=True, null_is_absent=False),
    "cursor": a.document(null_is_absent=False),
    "explain": a.strict_boolean(None, null_is_absent=False),
    "allowDiskUse": a.strict_boolean(None, null_is_absent=False),
    "bypassDocumentValidation": a.boolean(),
    "hint": a.hint(),
    "let": a.document({}),
    "collation": a.document(),
    "fromMongos": a.anything(),
    "needsMerge": a.anything(),
    "exchange": a.anything(),
    "runtimeConstants": a.anything(),
    "requestReshardingResumeToken": a.anything(),
    "unwrappedReadPref": a.anything(),
    "isMapReduceCommand": a.anything(),
    "encryptionInformation": a.document(),
    "collectionUUID": a.uuid(),
}


# The actions that stages require on the pipeline's collection, on other collections, or on the cluster.
_ACTIONS = (
    *("find", "insert", "remove", "update", "bypassDocumentValidation", "changeStream", "collStats", "indexStats", "planCacheRead"),
    *("inprog", "listSessions", "listCollections", "listIndexes", "listDatabases", "listClusterCatalog", "listSearchIndexes"),
    *("querySettings", "queryStatsRead", "queryStatsReadTransformed"),
)


def _may_run(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may run all stages of the pipeline."""
    body = call.body
    required: list[Requirement] = []
    add_pipeline(required, body.get("pipeline"), call.db, collection_of(call), bool(body.get("bypassDocumentValidation")))
    return grants.allows(required)


@command(
    "aggregate",
    FIELDS,
    in_api_v1=True,
    is_read=True,
    is_write=True,
    in_transaction=InTransaction.YES,
    privileges=on_collection(by_arguments=_ACTIONS, check=_may_run),
)
def aggregate(request: Request, args: dict[str, Any]) -> Reply:
    """Run an aggregation pipeline."""
    name = _target(request)
    if FIELD in request.body and not args["explain"]:
        use_own_settings(request)
    batch_size = _batch_size(args)
    if args["cursor"] is None and not args["explain"]:
        raise CommandError(9, "The 'cursor' option is required, except for aggregate with the explain argument")
    check_collection_uuid(request.services.catalog, request.db, name or "", args["collectionUUID"])
    if args["explain"]:
        if request.body.get("apiStrict"):
            raise CommandError(323, "aggregate with explain:true is not in API Version 1: use the explain command")
        explain_command = import_late("secantus_server.work.explain").explain_command
        return explain_command(request, {**request.body, "cursor": {}}, "queryPlanner")  # type: ignore[no-any-return]
    return run_aggregate(request, name, args, batch_size)


@explains("aggregate")
def _explain(request: Request, args: dict[str, Any], transaction: ReadTransaction, runner: Runner) -> Reply:
    if "writeConcern" in request.body:
        raise CommandError(9, "Aggregation explain does not support the 'writeConcern' option")
    explain_pipeline = import_late("secantus_server.work.explain_pipeline").explain_pipeline
    return explain_pipeline(request, _target(request), args, transaction, runner)  # type: ignore[no-any-return]


def _target(request: Request) -> str | None:
    """Return the collection's name, or None for an aggregation without a collection (`aggregate: 1`)."""
    value = request.body[request.name]
    if is_number(value):
        if to_float(value) != 1:
            raise CommandError(2, "Invalid command format: the 'aggregate' field must specify a collection name or 1")
        return None
    return collection_name("aggregate", request.db, value)


def _batch_size(args: dict[str, Any]) -> int | None:
    cursor = args["cursor"] or {}
    for key, value in cursor.items():
        if key != "batchSize":
            raise CommandError(40415, f"BSON field 'cursor.{key}' is an unknown field.")
        if value is None:
            continue
        if not is_number(value):
            raise CommandError(
                14, f"BSON field 'cursor.batchSize' is the wrong type '{type_name(value)}', expected types '[long, int, decimal, double]'"
            )
        return a.integer(minimum=0)("batchSize", value)  # type: ignore[no-any-return]
    return None
