"""Details of a command's plans and reply, for the profiler and the log of slow commands.

https://www.mongodb.com/docs/manual/reference/database-profiler/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bson.int64 import Int64

from secantus_server.bson import RawArray, encode
from secantus_server.bson.shell import document_text
from secantus_server.dispatch.dispatcher import error_reply, finish_reply
from secantus_server.dispatch.registry import find_command
from secantus_server.errors import CommandError
from secantus_server.query.equality import RepeatedLookup
from secantus_server.query.plan import IndexedScan
from secantus_server.query.plan_cache import plan_cache_keys
from secantus_server.query.plan_notes import plan_summary
from secantus_server.query.point import PointLookup
from secantus_server.query.query_shapes import SHAPED, query_shape_hash
from secantus_server.query.stages import PlanStage, stage

if TYPE_CHECKING:
    from secantus_server.dispatch.interceptors import Call, Outcome
    from secantus_server.query._plan_notes import PlanNotes


def plan_details(call: Call) -> dict[str, Any]:
    """Return the details of a command's plans, or an empty dict if the command has no plan."""
    notes = call.operation.notes
    if notes is None or notes.first is None:
        return {}
    keys, documents, *_ = notes.latest
    details: dict[str, Any] = {"keysExamined": Int64(keys), "docsExamined": Int64(documents)}
    if call.name in SHAPED:
        details["queryShapeHash"] = query_shape_hash(call.db, call.name, call.body)
    if notes.sorts:
        details["hasSortStage"] = True
    return {**details, "numYield": Int64(0), **_hashes(call, notes), "queryFramework": "classic", "planSummary": _summary(call, notes)}


def _summary(call: Call, notes: PlanNotes) -> str:
    first = notes.first
    if call.name == "count" and type(first) is IndexedScan and first.match is None:
        return f"{first.counted().name} {document_text(first.index.spec['key'])}"
    return plan_summary(notes.stages)


def _hashes(call: Call, notes: PlanNotes) -> dict[str, Any]:
    """Return the hashes of the command's first plan, or an empty dict if MongoDB would not cache this plan."""
    if notes.query is None or type(notes.first) is PointLookup:
        return {}
    root = notes.first.explain()
    return {} if root.name == "EOF" else plan_cache_keys(namespace_of(call), notes.query, root.planned())


def execution_stages(call: Call) -> dict[str, Any]:
    """Return the `execStats` of a command's first plan.

    The result is empty if the command has no plan or if its filter must not be logged. A command whose first plan is that of a join, such
    as an aggregate over `$documents`, has no plan of its own.
    """
    notes = call.operation.notes
    if notes is None or notes.first is None or type(notes.first) is RepeatedLookup or not notes.stages or call.is_concealed:
        return {}
    return {"execStats": _root(notes.first).executed()}


def _root(plan: Any) -> PlanStage:
    if type(plan) is not PointLookup:
        return plan.explain()  # type: ignore[no-any-return]
    index, counts = plan.index, {"keysExamined": plan.found, "docsExamined": plan.found}
    shape = {"keyPattern": document_text(index.spec["key"]), "indexName": index.name}
    return stage("EXPRESS_IXSCAN", shape, returned=plan.found, counts=counts, brief=True)


def namespace_of(call: Call) -> str:
    """Return the namespace that a command reads or writes."""
    body = call.body
    target = body.get("collection") if call.name == "getMore" else body[call.name]
    return f"{call.db}.{target}" if type(target) is str else f"{call.db}.$cmd"


def lock_counts(call: Call) -> dict[str, Any]:
    """Return the value of the field `locks`. As in serverStatus, each command counts as one acquisition of the global lock."""
    command = find_command(call.name)
    return {"Global": {"acquireCount": {"w" if command.is_write and not command.is_read else "r": Int64(1)}}}


def cursor_details(outcome: Outcome) -> dict[str, Any]:
    """Return the details of the reply's cursor and the number of returned documents."""
    if isinstance(outcome, CommandError):
        return {}
    cursor = outcome.get("cursor")
    if type(cursor) is not dict:
        return {}
    left = {"cursorid": cursor["id"]} if cursor.get("id") else {"cursorExhausted": True}
    return {**left, "nreturned": _length(cursor.get("firstBatch", cursor.get("nextBatch")))}


def _length(batch: Any) -> int:
    return len(batch.documents) if type(batch) is RawArray else len(batch or [])


def reply_length(call: Call, outcome: Outcome) -> int:
    """Return the size of a reply in bytes."""
    services = call.services
    return len(encode(error_reply(outcome, services) if isinstance(outcome, CommandError) else finish_reply(dict(outcome), services)))
