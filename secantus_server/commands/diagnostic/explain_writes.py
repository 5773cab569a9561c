"""How explain plans the commands that write: it finds what they would change, and changes nothing."""

from __future__ import annotations

from itertools import islice
from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.commands.crud import delete, find_and_modify, update
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.mql.projection import Projection, parse_projection
from secantus_server.query.canonical import CanonicalQuery, parse_query
from secantus_server.query.explain import Runner, drain, projection_name, subplanned
from secantus_server.query.express import ExpressScan, express_by_id, id_plan
from secantus_server.query.plan import Plan
from secantus_server.query.planner import plan_query
from secantus_server.query.stages import PlanStage, stage
from secantus_server.work.collections import recall
from secantus_server.work.reading import command_context
from secantus_server.work.writing import check_not_view, statements

Sections = dict[str, Any]


def explain_update(request: Request, args: dict[str, Any], runner: Runner) -> Sections:
    """The sections for the one statement of an update."""
    name = collection_name("update", request.db, request.body[request.name])
    spec = update.STATEMENT.parse(_sole(statements(request, "updates", args["updates"]), "update"))
    collection = _collection(request, name)
    statement = update.parse_statement(request, collection, spec, args["let"])
    root = _run_update(collection, statement, runner)
    return runner.result(f"{request.db}.{name}", collection, statement.query, root)


def explain_delete(request: Request, args: dict[str, Any], runner: Runner) -> Sections:
    """The sections for the one statement of a delete."""
    name = collection_name("delete", request.db, request.body[request.name])
    spec = delete.STATEMENT.parse(_sole(statements(request, "deletes", args["deletes"]), "delete"))
    collection = _collection(request, name)
    query = delete.parse_delete(request, collection, spec, args["let"])
    return runner.result(f"{request.db}.{name}", collection, query, _run_delete(collection, query, runner))


def explain_find_and_modify(request: Request, args: dict[str, Any], runner: Runner) -> Sections:
    """The sections for a findAndModify."""
    name = collection_name("findAndModify", request.db, request.body[request.name])
    find_and_modify.check_arguments(args)
    collection = _collection(request, name)
    ctx = command_context(request, let=args["let"], collation=args["collation"], collection=collection)
    query = parse_query(args["query"], ctx, sort=args["sort"], hint=args["hint"], limit=1)
    projection = parse_projection(args["fields"], ctx, match=query.match) if args["fields"] else None
    if args["remove"]:
        root = _run_delete(collection, query, runner, shown=projection is not None)
        return runner.result(f"{request.db}.{name}", collection, query, _projected(root, args["fields"], projection))
    spec = {
        "q": args["query"],
        "u": args["update"],
        "multi": False,
        **{key: args[key] for key in ("arrayFilters", "upsert", "sort", "hint")},
    }
    statement = update.make_statement(spec, ctx)
    root = _run_update(collection, statement, runner, shown=projection is not None)
    return runner.result(f"{request.db}.{name}", collection, query, _projected(root, args["fields"], projection))


def _projected(below: PlanStage, fields: dict[str, Any], projection: Projection | None) -> PlanStage:
    """A write's stage with the projection of what a findAndModify gives on top."""
    if projection is None or below.name == "EOF":
        return below
    return stage(projection_name(fields, projection), {"transformBy": fields}, returned=below.returned, inputs=[below])


def _sole(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    if len(found) != 1:
        raise CommandError(16, f"explained write batches must be of size 1. The {name} has {len(found)} statements.")
    return found[0]


def _collection(request: Request, name: str) -> Collection | None:
    collection = recall(request.services, request.db, name)
    check_not_view(collection)
    return collection


def _run_update(collection: Collection | None, statement: update.UpdateStatement, runner: Runner, *, shown: bool = False) -> PlanStage:
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


def _run_delete(collection: Collection | None, query: CanonicalQuery, runner: Runner, *, shown: bool = False) -> PlanStage:
    plan = _write_plan(collection, query, express=query.limit == 1 and not shown)
    found = 0
    if runner.runs:
        documents = plan.open(runner.scope)
        found = drain(islice(documents, query.limit or None))
    if collection is None:
        return plan.explain()
    return _write_stage("DELETE", plan, query, {"nWouldDelete": found}, runner)


def _write_plan(collection: Collection | None, query: CanonicalQuery, *, express: bool) -> Plan:
    """The plan that finds what a write is about; only one by `_id` may be an express plan.

    Arguments:
        express: whether the write is about one document, inserts none and shows no part of one.
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
