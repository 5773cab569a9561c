"""The explain output of write statements. The documents are found but not changed."""

from __future__ import annotations

from itertools import islice
from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.errors import CommandError
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.explain import Runner, drain, subplanned
from secantus_server.query.express import ExpressScan, express_by_id, id_plan
from secantus_server.query.plan import Plan
from secantus_server.query.planner import plan_query
from secantus_server.query.stages import PlanStage, stage
from secantus_server.work.update_documents import UpdateStatement


def only_statement(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return the only statement of a write command.

    Raises:
        CommandError: 16 InvalidLength if the command has several statements.
    """
    if len(found) != 1:
        raise CommandError(16, f"explained write batches must be of size 1. The {name} has {len(found)} statements.")
    return found[0]


def update_stage(collection: Collection | None, statement: UpdateStatement, runner: Runner, *, shown: bool = False) -> PlanStage:
    """Return the explain output of an update. If `runner` executes plans, compute the new documents but do not store them.

    Arguments:
        shown: whether the command returns a projection of the document. An express plan does not support projections.
    """
    plan = _write_plan(collection, statement.query, express=statement.sole and not statement.upsert and not shown)
    matched = modified = 0
    if runner.runs:
        changes = statement.update
        locate = statement.query.match.array_index if statement.query.match is not None and changes.needs_array_index else None
        for document in plan.open(runner.scope):
            new = changes.apply(document, array_index=locate(document)) if locate else changes.apply(document)
            matched += 1
            modified += new != document
            if statement.sole:
                break
    counts = {"nMatched": matched, "nWouldModify": modified, "nWouldUpsert": int(statement.upsert and not matched)}
    if collection is None and not statement.upsert:
        return plan.explain()
    return _write_stage("UPDATE", plan, statement.query, counts, runner)


def delete_stage(collection: Collection | None, query: CanonicalQuery, runner: Runner, *, shown: bool = False) -> PlanStage:
    """Return the explain output of a delete. If `runner` executes plans, count the documents that would be deleted.

    Arguments:
        shown: see `update_stage`.
    """
    plan = _write_plan(collection, query, express=query.limit == 1 and not shown)
    found = 0
    if runner.runs:
        documents = plan.open(runner.scope)
        found = drain(islice(documents, query.limit or None))
    if collection is None:
        return plan.explain()
    return _write_stage("DELETE", plan, query, {"nWouldDelete": found}, runner)


def _write_plan(collection: Collection | None, query: CanonicalQuery, *, express: bool) -> Plan:
    """Return the plan that finds the documents of a write. A lookup by `_id` may be an express plan.

    Arguments:
        express: whether an express plan is allowed: the write changes at most one document, inserts none and returns no projection.
    """
    plan = plan_query(collection, query)
    by_id = express_by_id(plan, query) if express else None
    return by_id or id_plan(plan, query)


def _write_stage(name: str, plan: Plan, query: CanonicalQuery, counts: dict[str, Any], runner: Runner) -> PlanStage:
    below = subplanned(plan.explain(), query)
    express = isinstance(plan, ExpressScan)
    return stage(
        f"EXPRESS_{name}" if express else name,
        {},
        returned=0 if runner.runs else None,
        works=below.returned or 0,
        counts=counts if runner.runs else {},
        inputs=[below],
        brief=express,
    )
