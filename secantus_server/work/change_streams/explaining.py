"""The explain output of a change stream: the oplog scan, the internal stages of `$changeStream`, and the user's stages.

https://www.mongodb.com/docs/manual/reference/explain-results/
"""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64

from secantus_server.bson.values import timestamp_of
from secantus_server.dispatch.request import Request
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.pipeline.run import Pipeline
from secantus_server.pipeline.stages.change_stream import ChangeStream, ChangeStreamOptions
from secantus_server.query.canonical import CanonicalQuery
from secantus_server.query.explain import Runner, run_find
from secantus_server.work.change_streams.opening import check_read_concern
from secantus_server.work.change_streams.scope import StreamScope
from secantus_server.work.change_streams.start import Start, start_of
from secantus_server.work.change_streams.stream import ChangeStreamReader
from secantus_server.work.oplog_collection import OplogSource


def explain_change_stream(
    request: Request, name: str | None, pipeline: Pipeline, ctx: ParseContext, runner: Runner
) -> tuple[dict[str, Any], list[dict[str, Any]], ChangeStreamReader]:
    """Return the explain output of the oplog scan, the explain output of `$changeStream`'s internal stages, and the stream's reader.

    Arguments:
        name: the collection, or None.
        pipeline: the parsed pipeline.
        ctx: the pipeline's parse context.

    Raises:
        CommandError: the errors of `open_change_stream`.
    """
    stage = pipeline.stages[0]
    assert isinstance(stage, ChangeStream)
    check_read_concern(request)
    services, options = request.services, stage.options
    start = start_of(options, services.oplog, runner.scope.unit)
    watched = StreamScope(None if options.whole_cluster else request.db, name)
    conditions = _oplog_filter(watched, start)
    query = CanonicalQuery(conditions, parse_match(conditions, ctx), ctx)
    root = run_find(None, query, None, None, runner, OplogSource(query))
    cursor = runner.result("local.oplog.rs", None, query, root)
    counts = {"nReturned": Int64(root.returned or 0), "executionTimeMillisEstimate": Int64(0)} if runner.runs else {}
    steps = [{"$changeStream": step} for step in _steps(options, start)]
    return {"$cursor": cursor, **counts}, steps, ChangeStreamReader(services, watched, options, start, runner.scope)


def _oplog_filter(watched: StreamScope, start: Start) -> dict[str, Any]:
    """Return the filter that selects the oplog entries of a change stream, for explain."""
    since = {"ts": {"$gte": timestamp_of(start.position + 1)}}
    names, prefix = watched.selection
    if prefix == b"":
        return since
    namespaces: list[dict[str, Any]] = [{"ns": {"$in": [one.decode() for one in names]}}]
    if prefix is not None:
        text = prefix.decode()
        # The upper bound of names with the prefix: its final dot is replaced by the next character, a slash.
        namespaces.append({"ns": {"$gte": text, "$lt": text[:-1] + "/"}})
    return {"$and": [since, namespaces[0] if len(namespaces) == 1 else {"$or": namespaces}]}


def _steps(options: ChangeStreamOptions, start: Start) -> list[dict[str, Any]]:
    """Return the internal stages that convert oplog entries to events, under MongoDB's names."""
    steps: list[dict[str, Any]] = [
        {"stage": "internalUnwindTransaction"},
        {"stage": "internalTransform"},
        {"stage": "internalCheckInvalidate"},
    ]
    if start.token is not None:
        steps.append({"stage": "internalCheckResumability", "resumeToken": {"_data": start.token.text()}})
    if options.before != "off":
        steps.append({"stage": "internalAddPreImage", "fullDocumentBeforeChange": options.before})
    if options.full_document != "default":
        steps.append({"stage": "internalAddPostImage", "fullDocument": options.full_document})
    return steps
