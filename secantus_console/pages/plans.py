"""The page for query plans: the plan as a tree with its counts, and indexes that would support the query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bson import encode as encode_bson
from pymongo.errors import PyMongoError

from secantus_console import ejson
from secantus_console.errors import InputError
from secantus_console.messages import message_of
from secantus_console.page import Answer, Call, Page, shown
from secantus_console.pages.exports import readable
from secantus_server.bson import decode
from secantus_server.work.index_advice import advised_indexes

_COUNTS: Final = {
    "returned": "nReturned",
    "documents": "docsExamined",
    "keys": "keysExamined",
    "works": "works",
    "ms": "executionTimeMillisEstimate",
}
# The fields of a stage that are shown next to its name.
_DETAILS: Final = (
    "indexName",
    "keyPattern",
    "indexBounds",
    "filter",
    "sortPattern",
    "limitAmount",
    "skipAmount",
    "transformBy",
    "direction",
)
#: An index is suggested if more documents than this are read without matching.
REJECTED: Final = 10


def explain(call: Call) -> Answer:
    """Show the query plan of a query or a pipeline."""
    collection = call.collection
    names = ("filter", "projection", "sort", "pipeline")
    data: dict[str, Any] = {"db": call.database.name, "collection": collection.name, **{name: call.text(name) for name in names}}
    page = Page("explain.html", f"{data['db']}.{collection.name}", data)
    try:
        command = _command(call, collection.name)
        reply = call.database.command("explain", command, verbosity="executionStats", maxTimeMS=call.time_limit_ms)
        data |= _described(reply, command)
        there = [list(index["key"].items()) for index in collection.list_indexes()] if data["advice"] else []
        data["advice"] = [one for one in data["advice"] if list(one["key"].items()) not in there]
    except (InputError, PyMongoError) as error:
        data["error"], page.status = message_of(error), 400
    return page


def _command(call: Call, name: str) -> dict[str, Any]:
    if call.text("pipeline"):
        return {"aggregate": name, "pipeline": readable(call.pipeline()), "cursor": {}}
    given = {part: call.document(part) for part in ("filter", "projection", "sort")}
    return {"find": name, **{part: value for part, value in given.items() if value or part == "filter"}}


def _described(reply: Mapping[str, Any], command: dict[str, Any]) -> dict[str, Any]:
    """Return the plan tree, the totals and the index advice for an explain reply."""
    source = next((part for part in _with_plans(reply)), {})
    totals = source.get("executionStats", {})
    root = totals.get("executionStages") or source.get("queryPlanner", {}).get("winningPlan", {})
    tree = _node(root)
    stages = [{"name": next(iter(stage)), "returned": stage.get("nReturned")} for stage in reply.get("stages", []) if stage]
    read, returned = totals.get("totalDocsExamined", 0), totals.get("nReturned", 0)
    wasteful = read - returned > REJECTED or any(node["stage"] == "SORT" for node in _nodes(tree))
    return {
        "tree": tree,
        "stages": stages,
        "totals": {
            "returned": returned,
            "documents": read,
            "keys": totals.get("totalKeysExamined", 0),
            "ms": totals.get("executionTimeMillis"),
        },
        "advice": _advice(command) if wasteful else [],
        "rejectedPlans": len(source.get("queryPlanner", {}).get("rejectedPlans", [])),
        "raw": dict(reply),
    }


def _with_plans(reply: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the parts of an explain reply that contain a plan: the reply itself, or the first stage of a pipeline."""
    if isinstance(reply, Mapping):
        if "queryPlanner" in reply:
            yield reply
        for stage in reply.get("stages", []):
            yield from (part for part in stage.values() if isinstance(part, Mapping) and "queryPlanner" in part)


def _node(stage: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stage of the plan as a tree node, with its counts and its input stages."""
    below = [stage["inputStage"]] if "inputStage" in stage else list(stage.get("inputStages", []))
    below += [
        stage[name] for name in ("outerStage", "innerStage", "thenStage", "elseStage", "queryPlan") if isinstance(stage.get(name), Mapping)
    ]
    return {
        "stage": stage.get("stage", "?"),
        "counts": {name: stage[field] for name, field in _COUNTS.items() if field in stage},
        "details": {name: stage[name] for name in _DETAILS if name in stage},
        "below": [_node(one) for one in below],
    }


def _nodes(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield tree
    for one in tree["below"]:
        yield from _nodes(one)


def _advice(command: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the key patterns of indexes that would support a command."""
    name = next(iter(command))
    body = decode(encode_bson({"body": command}))["body"]
    return [{"key": key, "text": ejson.dumps(key)} for key in advised_indexes(name, body, ())]


ROUTES: Final = (shown("/explain", explain),)
