"""How explain plans and runs the commands that read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bson.int64 import Int64

from secantus_server.commands.crud.find import parse_find, view_stages
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError
from secantus_server.pipeline.optimise import leading_query
from secantus_server.pipeline.parse import parse_pipeline
from secantus_server.pipeline.stage import Stage
from secantus_server.pipeline.stages.project import Project
from secantus_server.query.canonical import parse_query
from secantus_server.query.explain import Runner, run_count, run_distinct, run_find
from secantus_server.work.collections import recall
from secantus_server.work.pipeline_host import query_of
from secantus_server.work.pipelines import make_context, resolve_view
from secantus_server.work.reading import command_context

Sections = dict[str, Any]


def explain_find(request: Request, args: dict[str, Any], runner: Runner) -> Sections:
    """The sections for a find; one over a view is the aggregation that it becomes."""
    name = collection_name("find", request.db, request.body[request.name])
    collection = recall(request.services, request.db, name)
    ctx = command_context(request, let=args["let"], collation=args["collation"], collection=collection)
    query, projection = parse_find(args, ctx)
    if collection is not None and collection.is_view:
        return _explain_view(request, name, view_stages(args), args, runner)
    root = run_find(collection, query, args["projection"], projection, runner)
    return runner.result(f"{request.db}.{name}", collection, query, root)


def _explain_view(request: Request, name: str, stages: list[dict[str, Any]], args: dict[str, Any], runner: Runner) -> Sections:
    arguments = {"pipeline": stages, "let": args.get("let") or {}, "collation": args["collation"], "hint": args["hint"]}
    return explain_stages(request, name, arguments, runner)


def explain_count(request: Request, args: dict[str, Any], runner: Runner) -> Sections:
    """The sections for a count."""
    name = collection_name("count", request.db, request.body[request.name])
    collection = recall(request.services, request.db, name)
    if collection is not None and collection.is_view:
        return _explain_view(request, name, [{"$match": args["query"]}, {"$count": "count"}], args, runner)
    ctx = command_context(request, collation=args["collation"], collection=collection)
    query = parse_query(args["query"], ctx, hint=args["hint"], skip=args["skip"], limit=args["limit"])
    return runner.result(f"{request.db}.{name}", collection, query, run_count(collection, query, runner))


def explain_distinct(request: Request, args: dict[str, Any], runner: Runner) -> Sections:
    """The sections for a distinct."""
    name = collection_name("distinct", request.db, request.body[request.name])
    collection = recall(request.services, request.db, name)
    if collection is not None and collection.is_view:
        return _explain_view(request, name, [{"$match": args["query"]}], args, runner)
    ctx = command_context(request, collation=args["collation"], collection=collection)
    query = parse_query(args["query"], ctx, hint=args["hint"], required_fields=frozenset([args["key"]]))
    return runner.result(f"{request.db}.{name}", collection, query, run_distinct(collection, query, args["key"], runner))


def explain_aggregate(request: Request, args: dict[str, Any], runner: Runner) -> Sections:
    """The sections for an aggregation: those of a query where one does it all, else its stages.

    Raises:
        CommandError: 9 FailedToParse, it has a write concern.
    """
    if "writeConcern" in request.body:
        raise CommandError(9, "Aggregation explain does not support the 'writeConcern' option")
    target = request.body[request.name]
    return explain_stages(request, target if type(target) is str else None, args, runner)


def explain_stages(request: Request, name: str | None, args: dict[str, Any], runner: Runner) -> Sections:
    """The sections for a pipeline.

    Arguments:
        name: what it reads, or None.
        args: `pipeline`, `let`, `collation` and `hint` of the command.
    """
    collection = recall(request.services, request.db, name) if name is not None else None
    ctx = make_context(request, name, collection, args, runner.scope)
    stages, source = resolve_view(request.services.catalog.view, request.db, name, args["pipeline"])
    pipeline = parse_pipeline(args["pipeline"], ctx)
    if stages is not args["pipeline"]:
        pipeline = parse_pipeline(stages, make_context(request, source, collection, args, runner.scope))
    if source is None or pipeline.collectionless:
        return {"stages": _run_stages(pipeline.stages, (), runner)}
    head = leading_query(pipeline)
    query = query_of(head, ctx.parse, args.get("hint"))
    rest = head.rest.stages
    plain = rest[0] if rest and isinstance(rest[0], Project) and rest[0].is_plain_inclusion else None
    rest = rest[1:] if plain else rest
    projection = None if plain is None else plain.explain()[plain.name]
    found = recall(request.services, request.db, source)
    root = run_find(found, query, projection, plain.projection if plain else None, runner)
    cursor = runner.result(f"{request.db}.{source}", found, query, root, whole_pipeline=not rest)
    if not rest:
        return cursor
    documents = ctx.host.documents(request.db, source, leading_only(pipeline, rest)) if runner.runs else ()
    counts = _counts(root.returned or 0) if runner.runs else {}
    return {"stages": [{"$cursor": cursor, **counts}, *_run_stages(rest, documents, runner)]}


def leading_only(pipeline: Any, rest: list[Stage]) -> Any:
    """The stages before the rest, as a pipeline."""
    return type(pipeline)(pipeline.stages[: len(pipeline.stages) - len(rest)])


def _counts(returned: int) -> dict[str, Any]:
    return {"nReturned": Int64(returned), "executionTimeMillisEstimate": Int64(0)}


def _run_stages(stages: list[Stage], source: Iterable[bytes], runner: Runner) -> list[dict[str, Any]]:
    """The stages as explain shows them, run one behind the other; one that writes is not run."""
    counters: list[_Counted] = []
    for stage in stages:
        if runner.runs and not stage.writes:
            counters.append(_Counted(stage.run(source)))
            source = counters[-1]
    for _ in source:
        pass
    shown = [stage.explain() for stage in stages]
    if runner.runs:
        for number, document in enumerate(shown):
            returned = counters[number].count if number < len(counters) else 0
            document.update(_counts(returned))
    return shown


class _Counted(Iterator[bytes]):
    """An iterator that counts what it gives."""

    def __init__(self, documents: Iterator[bytes]) -> None:
        self._documents = documents
        self.count = 0

    def __next__(self) -> bytes:
        document = next(self._documents)
        self.count += 1
        return document
