"""The command explain and aggregate's option `explain`. Reads are executed. Writes only find their documents.

https://www.mongodb.com/docs/manual/reference/explain-results/
"""

from __future__ import annotations

from typing import Any

from secantus_server.dispatch.dispatcher import check_generic
from secantus_server.dispatch.registry import Reply, find_command, find_explainer
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.exec.read_scope import ReadScope
from secantus_server.query.explain import Runner
from secantus_server.query.query_shapes import query_shape_hash
from secantus_server.work.collections import recall
from secantus_server.work.query_settings import FIELD, use_own_settings

# The limits that affect plans. The reply shows them with MongoDB's default values.
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


def explain_command(request: Request, body: dict[str, Any], verbosity: str) -> Reply:
    """Return the reply of explain for a command.

    Arguments:
        body: the document of the explained command.

    Raises:
        CommandError: if the command is invalid, and 20 IllegalOperation if it cannot be explained.
    """
    name = next(iter(body))
    found = find_command(name)
    explainer = find_explainer(found.name)
    if explainer is None or found.arguments is None:
        raise CommandError(20, f"Cannot explain cmd: {name}")
    if body.get("$db", request.db) != request.db:
        raise CommandError(17, f"Mismatched $db in explain command. Expected {request.db} but got {body['$db']}")
    inner = request.with_command(name, body)
    check_generic(found, inner, request.operation)
    arguments = found.arguments.parse(body, name)
    if FIELD in body:
        use_own_settings(inner, is_explained=True)
    services = request.services
    _recall(inner, body[name])
    begun = services.clock.monotonic()
    with request.work.reading() as transaction:
        scope = ReadScope(transaction.unit, request.operation.check, transaction.catalog)
        runner = Runner(scope, verbosity, lambda: int((services.clock.monotonic() - begun) * 1000), settings=inner.settings)
        sections = explainer(inner, arguments, transaction, runner)
        scope.close()
    return {"explainVersion": "1", **sections, **_surroundings(request, name, body)}


def _recall(request: Request, target: Any) -> None:
    """Recreate the command's collection if a restore retained only its definition, so that the plan can use the collection's indexes."""
    while type(target) is str and (found := recall(request.services, request.db, target)) is not None:
        target = found.options.get("viewOn")


def _surroundings(request: Request, name: str, body: dict[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in body.items() if not key.startswith("$") and key not in ("lsid", "txnNumber", "explain")}
    host, _, port = request.services.topology.address.rpartition(":")
    return {
        "queryShapeHash": query_shape_hash(request.db, name, shown),
        "command": {**shown, "$db": request.db},
        "serverInfo": {"host": host, "port": int(port or 0), "version": request.services.release.version, "gitVersion": "secantus"},
        "serverParameters": dict(_PARAMETERS),
    }
