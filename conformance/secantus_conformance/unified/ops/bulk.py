"""The bulk write operations on a collection and on a client."""

from __future__ import annotations

from typing import Any

from pymongo import DeleteMany, DeleteOne, InsertOne, MongoClient, ReplaceOne, UpdateMany, UpdateOne
from pymongo.collection import Collection

from secantus_conformance.failures import BadTest
from secantus_conformance.unified import results
from secantus_conformance.unified.context import TestContext
from secantus_conformance.unified.ops.arguments import keywords
from secantus_conformance.unified.ops.registry import operation

_MODELS: dict[str, tuple[Any, frozenset[str]]] = {
    "insertOne": (InsertOne, frozenset({"document"})),
    "updateOne": (UpdateOne, frozenset({"filter", "update", "upsert", "collation", "arrayFilters", "hint", "sort"})),
    "updateMany": (UpdateMany, frozenset({"filter", "update", "upsert", "collation", "arrayFilters", "hint"})),
    "replaceOne": (ReplaceOne, frozenset({"filter", "replacement", "upsert", "collation", "hint", "sort"})),
    "deleteOne": (DeleteOne, frozenset({"filter", "collation", "hint"})),
    "deleteMany": (DeleteMany, frozenset({"filter", "collation", "hint"})),
}


def _model(test: TestContext, request: dict[str, Any], further: set[str]) -> Any:
    if len(request) != 1 or next(iter(request)) not in _MODELS:
        raise BadTest("bad-argument", f"A bulk write has no request {', '.join(request)}.")
    name, spec = next(iter(request.items()))
    model, known = _MODELS[name]
    unknown = sorted(spec.keys() - known - further)
    if unknown:
        raise BadTest("unsupported-argument", f"{name} in a bulk write has no argument {unknown[0]!r}.")
    arguments = keywords(test, spec)
    if "sort" in arguments:
        arguments["sort"] = dict(arguments["sort"])
    return model(**arguments)


@operation("collection", "bulkWrite", "requests", "session ordered comment let bypassDocumentValidation")
def bulk_write(test: TestContext, target: Collection[Any], arguments: dict[str, Any]) -> Any:
    """Write to one collection, using one or more commands."""
    requests = [_model(test, request, set()) for request in arguments.pop("requests")]
    return results.bulk(target.bulk_write(requests, **keywords(test, arguments)))


@operation("client", "clientBulkWrite", "models", "session ordered verboseResults writeConcern comment bypassDocumentValidation let")
def client_bulk_write(test: TestContext, target: MongoClient[Any], arguments: dict[str, Any]) -> Any:
    """Write to any number of collections, using the bulkWrite command."""
    models = [_model(test, model, {"namespace"}) for model in arguments.pop("models")]
    return results.client_bulk(target.bulk_write(models, **keywords(test, arguments)))
