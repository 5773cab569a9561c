"""aggregate, and views, which are pipelines over another collection.

https://www.mongodb.com/docs/manual/reference/command/aggregate/
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bson.int64 import Int64
from bson.timestamp import Timestamp

from secantus_server.bson import RawArray
from secantus_server.bson.values import is_number, type_name
from secantus_server.catalog.collection import Collection
from secantus_server.commands import arguments as a
from secantus_server.commands.concerns import write_concern_error
from secantus_server.commands.memory_limits import may_use_disk
from secantus_server.commands.names import collection_name
from secantus_server.commands.operations_of_pipelines import ServerOperations
from secantus_server.commands.reading import command_context, cursor_reply
from secantus_server.commands.registry import Reply, command
from secantus_server.commands.request import Request
from secantus_server.commands.snapshot_reads import held, snapshot_time
from secantus_server.cursors.cursor import Cursor
from secantus_server.errors import CommandError
from secantus_server.exec.read_scope import ReadScope
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.parse import parse_pipeline
from secantus_server.pipeline.run import Pipeline

FIELDS = {
    "pipeline": a.array(required=True),
    "cursor": a.document(),
    "explain": a.strict_boolean(None, null_is_absent=False),
    "allowDiskUse": a.strict_boolean(None, null_is_absent=False),
    "bypassDocumentValidation": a.boolean(),
    "hint": a.hint(),
    "let": a.document({}),
    "collation": a.document(),
    "fromMongos": a.anything(),
    "needsMerge": a.anything(),
    "exchange": a.anything(),
    "runtimeConstants": a.anything(),
    "requestReshardingResumeToken": a.anything(),
    "unwrappedReadPref": a.anything(),
    "isMapReduceCommand": a.anything(),
}


@command("aggregate", FIELDS, in_api_v1=True, is_read=True, is_write=True)
def aggregate(request: Request, args: dict[str, Any]) -> Reply:
    """Run an aggregation pipeline."""
    name = _target(request)
    batch_size = _batch_size(args)
    if args["cursor"] is None and not args["explain"]:
        raise CommandError(9, "The 'cursor' option is required, except for aggregate with the explain argument")
    if args["explain"]:
        from secantus_server.commands.explain import explain_command

        if request.body.get("apiStrict"):
            raise CommandError(323, "aggregate with explain:true is not in API Version 1: use the explain command")
        return explain_command(request, {**request.body, "cursor": {}}, "queryPlanner")
    collection = request.services.catalog.find(request.db, name) if name is not None else None
    return run_aggregate(request, name, collection, args, batch_size)


def _target(request: Request) -> str | None:
    """The collection, or None for `aggregate: 1`."""
    value = request.body[request.name]
    if is_number(value):
        if float(str(value)) != 1:
            raise CommandError(2, "Invalid command format: the 'aggregate' field must specify a collection name or 1")
        return None
    return collection_name("aggregate", request.db, value)


def _batch_size(args: dict[str, Any]) -> int | None:
    cursor = args["cursor"] or {}
    for key, value in cursor.items():
        if key != "batchSize":
            raise CommandError(40415, f"BSON field 'cursor.{key}' is an unknown field.")
        if value is None:
            continue
        if not is_number(value):
            raise CommandError(
                14, f"BSON field 'cursor.batchSize' is the wrong type '{type_name(value)}', expected types '[long, int, decimal, double]'"
            )
        return a.integer(minimum=0)("batchSize", value)  # type: ignore[no-any-return]
    return None


def make_context(
    request: Request, name: str | None, collection: Collection | None, args: dict[str, Any], scope: ReadScope
) -> PipelineContext:
    """The surroundings of the command's pipeline."""
    parse = command_context(request, let=args["let"], collation=args["collation"], collection=collection)
    return PipelineContext(
        parse,
        request.db,
        ServerOperations(request, scope, parse, args.get("hint")),
        name,
        allow_disk_use=may_use_disk(request.services.parameters, args.get("allowDiskUse")),
        bypass_document_validation=bool(args.get("bypassDocumentValidation")),
        read_concern=(request.body.get("readConcern") or {}).get("level", "local"),
        api_strict=bool(request.body.get("apiStrict")),
    )


@dataclass(frozen=True)
class OpenPipeline:
    """A pipeline that has begun to read.

    Arguments:
        pipeline: its stages.
        documents: its output.
        scope: the scans behind it.
        at: the time of the state that a read with the level "snapshot" shows.
    """

    pipeline: Pipeline
    documents: Iterator[bytes]
    scope: ReadScope
    at: Timestamp | None


@contextmanager
def open_pipeline(request: Request, name: str | None, collection: Collection | None, args: dict[str, Any]) -> Iterator[OpenPipeline]:
    """Open a pipeline over a collection, a view or nothing; what it reads is one state of the store until the block ends.

    Raises:
        CommandError: the pipeline is not valid.
    """
    scope = ReadScope()
    ctx = make_context(request, name, collection, args, scope)
    stages, source = resolve_view(request, name, args["pipeline"])
    pipeline = parse_pipeline(args["pipeline"], ctx)
    if stages is not args["pipeline"]:
        if pipeline.stages:
            pipeline.stages[0].check_view(f"{request.db}.{name}")
        pipeline = parse_pipeline(stages, make_context(request, source, collection, args, scope))
    unit = request.services.engine.acquire()
    try:
        unit.begin()
        scope.attach(unit)
        at = snapshot_time(request, unit)
        documents: Iterator[bytes]
        documents = pipeline.run(()) if source is None else ctx.operations.documents(request.db, source, pipeline)
        yield OpenPipeline(pipeline, held(documents, None if pipeline.writes else at), scope, at)
    finally:
        request.services.engine.release(unit)


def run_aggregate(request: Request, name: str | None, collection: Collection | None, args: dict[str, Any], batch_size: int | None) -> Reply:
    """Run a pipeline over a collection, a view or nothing, and return its first batch."""
    with open_pipeline(request, name, collection, args) as opened:
        namespace = f"{request.db}.{'$cmd.aggregate' if name is None else name}"
        cursor = Cursor(namespace, opened.documents, opened.scope, session=request.session, comment=request.body.get("comment"))
        if opened.pipeline.writes:
            return _run_writing(request, cursor)
        return cursor_reply(request, cursor, cursor.first_batch(batch_size), opened.at)


def _run_writing(request: Request, cursor: Cursor) -> Reply:
    """`$out` and `$merge` write as they are read; there is nothing to give."""
    while not cursor.exhausted:
        cursor.first_batch(1 << 60)
    cursor.close()
    reply: Reply = {"cursor": {"firstBatch": RawArray([]), "id": Int64(0), "ns": cursor.namespace}}
    problem = write_concern_error(request.body.get("writeConcern"))
    if problem:
        reply["writeConcernError"] = problem
    return reply


def resolve_view(request: Request, name: str | None, stages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str | None]:
    """The whole pipeline over the collection that a view, or a view of views, reads in the end."""
    while name is not None:
        collection = request.services.catalog.find(request.db, name)
        if collection is None or not collection.is_view:
            break
        stages = [*collection.options["pipeline"], *stages]
        name = collection.options["viewOn"]
    return stages, name


def run_view(request: Request, view: Collection, stages: list[dict[str, Any]], args: dict[str, Any]) -> Reply:
    """What a find does over a view."""
    arguments = {"pipeline": stages, **{name: args.get(name) for name in ("let", "collation", "hint", "allowDiskUse")}}
    return run_aggregate(request, view.name, view, arguments, args["batchSize"])


def check_view_pipeline(request: Request, name: str, stages: list[dict[str, Any]]) -> None:
    """Parse the pipeline of a view that is about to be made.

    Raises:
        CommandError: it is not valid, or it writes.
    """
    arguments: dict[str, Any] = {"let": {}, "collation": None}
    pipeline: Pipeline = parse_pipeline(stages, make_context(request, name, None, arguments, ReadScope()))
    if pipeline.writes or any(stage.name == "$changeStream" for stage in pipeline.stages):
        raise CommandError(167, f"{pipeline.stages[-1].name} cannot be used in a view definition")
