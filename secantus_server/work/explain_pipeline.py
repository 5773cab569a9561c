"""The explain output of pipelines, for aggregate and for reads of views."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from bson.int64 import Int64

from secantus_server.dispatch.registry import Reply
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import ReadTransaction
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.optimise import leading_query
from secantus_server.pipeline.run import Pipeline
from secantus_server.pipeline.stage import Stage
from secantus_server.pipeline.stages.project import Project
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.explain import Runner, run_find
from secantus_server.work.change_streams.explaining import explain_change_stream
from secantus_server.work.change_streams.opening import is_change_stream
from secantus_server.work.pipeline_host import near_query, query_of
from secantus_server.work.pipelines import prepare_pipeline, view_arguments
from secantus_server.work.system_collections import computed_source


def explain_view(
    request: Request, name: str, stages: list[dict[str, Any]], args: dict[str, Any], transaction: ReadTransaction, runner: Runner
) -> Reply:
    """Return the explain sections for a read of a view, which runs as an equivalent pipeline.

    Arguments:
        stages, args: see `view_arguments`.
    """
    return explain_pipeline(request, name, view_arguments(stages, args), transaction, runner)


def explain_pipeline(request: Request, name: str | None, args: dict[str, Any], transaction: ReadTransaction, runner: Runner) -> Reply:
    """Return the explain sections of a pipeline.

    If the planner runs the whole pipeline as a query, return the sections of that query. Otherwise return a list of stages.

    Arguments:
        name: the collection or view that the pipeline reads, or None.
        args: see `prepare_pipeline`.
    """
    ctx, pipeline, source = prepare_pipeline(request, name, args, runner.scope, transaction)
    ctx.host.caches_plans = False
    if is_change_stream(pipeline):
        return {"stages": _run_change_stream(request, name, pipeline, ctx, runner)}
    if source is None or pipeline.collectionless:
        return {"stages": _run_stages(pipeline.stages, (), runner)}
    near = near_query(pipeline, args.get("hint"))
    if near is not None:
        return _explain_near(request, source, pipeline, ctx, near, transaction, runner)
    head = leading_query(pipeline)
    query = query_of(head, ctx.parse, args.get("hint"))
    rest = head.rest.stages
    plain = rest[0] if rest and isinstance(rest[0], Project) and rest[0].is_plain_inclusion else None
    rest = rest[1:] if plain else rest
    projection = None if plain is None else plain.explain()[plain.name]
    collection = transaction.catalog.find(request.db, source)
    computed = computed_source(request.services, request.db, source, collection, query)
    root = run_find(collection, query, projection, plain.projection if plain else None, runner, computed)
    cursor = runner.result(f"{request.db}.{source}", collection, query, root, whole_pipeline=not rest)
    if not rest:
        return cursor
    documents = ctx.host.documents(request.db, source, _before(pipeline, rest)) if runner.runs else ()
    counts = _counts(root.returned or 0) if runner.runs else {}
    return {"stages": [{"$cursor": cursor, **counts}, *_run_stages(rest, documents, runner)]}


def _explain_near(
    request: Request,
    source: str,
    pipeline: Pipeline,
    ctx: PipelineContext,
    query: CanonicalQuery,
    transaction: ReadTransaction,
    runner: Runner,
) -> Reply:
    """Return the explain sections of a pipeline that begins with `$geoNear`, which the planner runs as a query."""
    collection = transaction.catalog.find(request.db, source)
    root = run_find(collection, query, None, None, runner)
    # Skip the LIMIT stage of the plan, because the limit is shown as a stage of the pipeline.
    root = root.inputs[0] if root.name == "LIMIT" else root
    cursor = runner.result(f"{request.db}.{source}", collection, query, root)
    rest = pipeline.stages[1:]
    documents = ctx.host.documents(request.db, source, _before(pipeline, rest)) if runner.runs else ()
    counts = _counts(root.returned or 0) if runner.runs else {}
    return {"stages": [{"$geoNearCursor": cursor, **counts}, *_run_stages(rest, documents, runner)]}


def _run_change_stream(
    request: Request, name: str | None, pipeline: Pipeline, ctx: PipelineContext, runner: Runner
) -> list[dict[str, Any]]:
    """Run a change stream up to the end of the oplog and return the explain output of its stages."""
    cursor, steps, reader = explain_change_stream(request, name, pipeline, ctx.parse, runner)
    events = _Counted(reader.events() if runner.runs else iter(()))
    rest = _run_stages(pipeline.stages[1:], events, runner)
    if runner.runs:
        for step in steps:
            step.update(_counts(events.count))
    return [cursor, *steps, *rest]


def _before(pipeline: Pipeline, rest: list[Stage]) -> Pipeline:
    """Return the pipeline without its last stages `rest`."""
    return Pipeline(pipeline.stages[: len(pipeline.stages) - len(rest)], pipeline.metadata)


def _counts(returned: int) -> dict[str, Any]:
    return {"nReturned": Int64(returned), "executionTimeMillisEstimate": Int64(0)}


def _run_stages(stages: list[Stage], source: Iterable[bytes], runner: Runner) -> list[dict[str, Any]]:
    """Run the stages in order except those that write, and return their explain output."""
    counters: list[_Counted] = []
    for stage in stages:
        if runner.runs and not stage.writes:
            counters.append(_Counted(stage.run(source)))
            source = counters[-1]
    for _ in source:
        pass
    shown = [stage.explain() for stage in stages]
    if runner.runs:
        for number, (stage, document) in enumerate(zip(stages, shown, strict=True)):
            returned = counters[number].count if number < len(counters) else 0
            spilled = {} if stage.spill is None else stage.spill.shown()
            document.update(spilled | _counts(returned))
    return shown


class _Counted(Iterator[bytes]):
    """An iterator that counts the documents it returns."""

    def __init__(self, documents: Iterator[bytes]) -> None:
        self._documents = documents
        self.count = 0

    def __next__(self) -> bytes:
        document = next(self._documents)
        self.count += 1
        return document
