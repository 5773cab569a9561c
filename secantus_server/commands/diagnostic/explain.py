"""explain: how a command would be run, and what it did.

https://www.mongodb.com/docs/manual/reference/command/explain/

It runs what only reads; of writes it finds the documents and changes none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from secantus_server.bson.values import type_name
from secantus_server.commands.diagnostic.explain_reads import explain_aggregate, explain_count, explain_distinct, explain_find
from secantus_server.commands.diagnostic.explain_writes import explain_delete, explain_find_and_modify, explain_update
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.dispatcher import check_generic
from secantus_server.dispatch.privileges import on_collection
from secantus_server.dispatch.registry import Reply, command, find_command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.exec.read_scope import ReadScope
from secantus_server.query.explain import VERBOSITIES, Runner, shape_hash, shape_of
from secantus_server.version import VERSION

Explainer = Callable[[Request, dict[str, Any], Runner], dict[str, Any]]

_EXPLAINERS: dict[str, Explainer] = {
    "find": explain_find,
    "count": explain_count,
    "distinct": explain_distinct,
    "aggregate": explain_aggregate,
    "update": explain_update,
    "delete": explain_delete,
    "findAndModify": explain_find_and_modify,
}

# What the server says of the limits that plans depend on.
_PARAMETERS = {
    "internalQueryFacetBufferSizeBytes": 104857600,
    "internalQueryFacetMaxOutputDocSizeBytes": 104857600,
    "internalLookupStageIntermediateDocumentMaxSizeBytes": 104857600,
    "internalDocumentSourceGroupMaxMemoryBytes": 104857600,
    "internalQueryMaxBlockingSortMemoryUsageBytes": 104857600,
    "internalQueryProhibitBlockingMergeOnMongoS": 0,
    "internalQueryMaxAddToSetBytes": 104857600,
    "internalDocumentSourceSetWindowFieldsMaxMemoryBytes": 104857600,
    "internalQueryFrameworkControl": "forceClassicEngine",
    "internalQueryPlannerIgnoreIndexWithCollationForRegex": 1,
}


@command(
    "explain",
    {"verbosity": a.string("allPlansExecution")},
    in_api_v1=True,
    is_read=True,
    privileges=on_collection(by_arguments=("find", "insert", "update", "remove")),
)
def explain(request: Request, args: dict[str, Any]) -> Reply:
    """Explain how a command is run."""
    inner = request.body[request.name]
    if inner is None:
        raise CommandError(40414, "BSON field 'explain.explain' is missing but a required field")
    if type(inner) is not dict:
        raise CommandError(14, f"BSON field 'explain.explain' is the wrong type '{type_name(inner)}', expected type 'object'")
    if args["verbosity"] not in VERBOSITIES:
        raise CommandError(2, f"Enumeration value '{args['verbosity']}' for field 'explain.verbosity' is not a valid value.")
    if not inner:
        raise CommandError(59, "Explain failed due to unknown command: ")
    return explain_command(request, inner, args["verbosity"])


def explain_command(request: Request, body: dict[str, Any], verbosity: str) -> Reply:
    """Explain a command.

    Arguments:
        body: its document.

    Raises:
        CommandError: whatever is wrong with it; 20 IllegalOperation for one that cannot be explained.
    """
    name = next(iter(body))
    found = find_command(name)
    explainer = _EXPLAINERS.get(found.name)
    if explainer is None or found.arguments is None:
        raise CommandError(20, f"Cannot explain cmd: {name}")
    if body.get("$db", request.db) != request.db:
        raise CommandError(17, f"Mismatched $db in explain command. Expected {request.db} but got {body['$db']}")
    inner = replace(request, name=name, message=replace(request.message, body=body), next_body=None)
    check_generic(found, inner, request.operation)
    arguments = found.arguments.parse(body, name)
    services = request.services
    begun = services.clock.monotonic()
    with request.work.reading() as transaction:
        scope = ReadScope(transaction.unit, request.operation.check, transaction.catalog)
        runner = Runner(scope, verbosity, lambda: int((services.clock.monotonic() - begun) * 1000))
        sections = explainer(inner, arguments, runner)
        scope.close()
    reply = {"explainVersion": "1", **sections, **_surroundings(request, name, body)}
    # A name that no parser of MongoDB's replies knows, so that none trips over it.
    return {**reply, "secantus": {"notes": runner.notes}} if runner.notes else reply


def _surroundings(request: Request, name: str, body: dict[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in body.items() if not key.startswith("$") and key not in ("lsid", "txnNumber", "explain")}
    host, _, port = request.services.topology.address.rpartition(":")
    return {
        "queryShapeHash": shape_hash([name, shape_of(shown)]),
        "command": {**shown, "$db": request.db},
        "serverInfo": {"host": host, "port": int(port or 0), "version": VERSION, "gitVersion": "secantus"},
        "serverParameters": dict(_PARAMETERS),
    }
