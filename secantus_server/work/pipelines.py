"""Execution of pipelines over a collection, a view or no collection, for aggregate and for all reads of views."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from bson.int64 import Int64

from secantus_server.bson import RawArray
from secantus_server.catalog.collection import Collection
from secantus_server.cursors.cursor import Cursor
from secantus_server.dispatch.concerns import write_concern_error
from secantus_server.dispatch.durability import settle
from secantus_server.dispatch.memory_limits import may_use_disk
from secantus_server.dispatch.registry import Reply
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import ReadTransaction
from secantus_server.errors import CommandError
from secantus_server.exec.read_scope import ReadScope
from secantus_server.index.kinds.text import any_text
from secantus_server.modules import import_late
from secantus_server.mql.metadata import OF_VIEWS, Metadata
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.parse import parse_pipeline
from secantus_server.pipeline.run import Pipeline
from secantus_server.work.pipeline_host import ServerHost
from secantus_server.work.reading import command_context, cursor_reply, without_payloads
from secantus_server.work.timeseries_buckets import measurement_hint

if TYPE_CHECKING:
    from secantus_server.pipeline.fusion.stage import FusionStage

# https://www.mongodb.com/docs/manual/core/transactions-operations/#restricted-operations
_NOT_IN_TRANSACTION = frozenset(
    [
        *("$changeStream", "$collStats", "$currentOp", "$indexStats", "$listCatalog", "$listClusterCatalog", "$listLocalSessions"),
        *("$listSessions", "$merge", "$out", "$planCacheStats", "$querySettings", "$queryStats", "$unionWith"),
    ]
)


def make_context(
    request: Request,
    name: str | None,
    collection: Collection | None,
    args: dict[str, Any],
    scope: ReadScope,
    transaction: ReadTransaction | None = None,
) -> PipelineContext:
    """Return the context for parsing a command's pipeline."""
    parse = command_context(request, let=args["let"], collation=args["collation"], collection=collection)
    parse.metadata = Metadata()
    return PipelineContext(
        parse,
        request.db,
        ServerHost(request, scope, parse, args.get("hint"), transaction),
        name,
        allow_disk_use=may_use_disk(request.services.parameters, args.get("allowDiskUse")),
        bypass_document_validation=bool(args.get("bypassDocumentValidation")),
        read_concern=(request.body.get("readConcern") or {}).get("level", "local"),
        api_strict=bool(request.body.get("apiStrict")),
    )


@dataclass(slots=True)
class OpenPipeline:
    """A pipeline that is being executed.

    Arguments:
        pipeline: the parsed pipeline.
        documents: the pipeline's output.
        scope: the read scope that owns the pipeline's scans.
    """

    pipeline: Pipeline
    documents: Iterator[bytes]
    scope: ReadScope


@contextmanager
def open_pipeline(request: Request, name: str | None, args: dict[str, Any]) -> Iterator[OpenPipeline]:
    """Return a context manager that opens a pipeline. Within its block, the pipeline reads from one snapshot of the store.

    Raises:
        CommandError: if the pipeline is invalid.
    """
    with request.work.reading() as transaction:
        yield _opened(request, name, args, transaction)


def _opened(request: Request, name: str | None, args: dict[str, Any], transaction: ReadTransaction) -> OpenPipeline:
    """Open a pipeline in a transaction; see `open_pipeline`."""
    scope = ReadScope(transaction.unit, request.operation.check, transaction.catalog)
    ctx, pipeline, source = prepare_pipeline(request, name, args, scope, transaction)
    documents: Iterator[bytes]
    if _opens_stream(pipeline):
        documents = iter(())
    else:
        documents = pipeline.run(()) if source is None else ctx.host.documents(request.db, source, pipeline)
    return OpenPipeline(pipeline, documents, scope)


def prepare_pipeline(
    request: Request, name: str | None, args: dict[str, Any], scope: ReadScope, transaction: ReadTransaction
) -> tuple[PipelineContext, Pipeline, str | None]:
    """Parse a pipeline over a collection, a view or no collection.

    Arguments:
        args: `pipeline`, `let`, `collation`, `hint`, and optionally other options of aggregate.
        scope: the read scope of the pipeline.

    Returns:
        the context, the pipeline including the stages of any views, and the name of the underlying collection.

    Raises:
        CommandError: if the pipeline is invalid.
    """
    if name is not None:
        args = without_payloads(request, args, name, transaction)
    return _prepare(request, name, args, scope, transaction)


def _prepare(
    request: Request, name: str | None, args: dict[str, Any], scope: ReadScope, transaction: ReadTransaction
) -> tuple[PipelineContext, Pipeline, str | None]:
    """Parse a pipeline without encrypted values; see `prepare_pipeline`."""
    collection = transaction.catalog.find(request.db, name) if name is not None else None
    ctx = make_context(request, name, collection, args, scope, transaction)
    if collection is not None and collection.is_timeseries:
        args = {**args, "hint": measurement_hint(collection, args.get("hint"), request.services.release)}
    stages, source = args["pipeline"], name
    if name is not None and not _is_statistics(collection, stages):
        stages, source = transaction.catalog.resolve(request.db, name, stages)
    if stages is not args["pipeline"] and ctx.parse.metadata is not None:
        # Accept this metadata here, because the view may produce it. Parsing the whole pipeline below checks it.
        ctx.parse.metadata.available |= OF_VIEWS
    pipeline = parse_pipeline(args["pipeline"], ctx)
    if request.transaction is not None:
        _check_in_transaction(pipeline)
    if pipeline.reads_itself:
        return ctx, pipeline, None
    if stages is not args["pipeline"]:
        if pipeline.stages:
            pipeline.stages[0].check_view(f"{request.db}.{name}")
        found = None if source is None else transaction.catalog.find(request.db, source)
        ctx = make_context(request, source, collection, args, scope, transaction)
        if found is not None:
            ctx.parse.text_definition = found.text_definition
        pipeline = parse_pipeline(stages, ctx)
    _check_near_hint(request, transaction, pipeline, source, args)
    return ctx, pipeline, source


def _is_statistics(collection: Collection | None, stages: list[Any]) -> bool:
    """Return whether a pipeline reads statistics of a time-series collection, so that its buckets must not be unpacked."""
    if collection is None or not collection.is_timeseries or not stages or type(stages[0]) is not dict:
        return False
    return "$collStats" in stages[0] or "$indexStats" in stages[0]


def _check_near_hint(request: Request, transaction: ReadTransaction, pipeline: Pipeline, source: str | None, args: dict[str, Any]) -> None:
    """Raise if the hint of a `$geoNear` specifies an index that is not geospatial. The planner rejects hints for unknown indexes.

    Raises:
        CommandError: 2 BadValue for `$natural`, 291 NoQueryExecutionPlans.
    """
    hint = args.get("hint")
    if not hint or source is None or not pipeline.stages or pipeline.stages[0].name != "$geoNear":
        return
    collection = transaction.catalog.find(request.db, source)
    if type(hint) is dict and "$natural" in hint:
        raise CommandError(2, "$geoNear needs an index and cannot run with the hint $natural")
    if collection is None:
        return
    for index in collection.indexes:
        if hint in (index.name, index.spec["key"]) and index.kind.near_stage is None:
            text = "unable to find index for $geoNear query"
            raise CommandError(291, f"error processing query: ns={collection.namespace} :: caused by :: {text}")


def _check_in_transaction(pipeline: Pipeline) -> None:
    """Raise if a stage is not allowed in a multi-document transaction.

    Raises:
        CommandError: 263 OperationNotSupportedInTransaction.
    """
    for stage in pipeline.stages:
        # MongoDB runs a fusion stage's input pipelines, except the first one, by $unionWith.
        is_fusion = stage.name in ("$rankFusion", "$scoreFusion")
        name = "$unionWith" if is_fusion and cast("FusionStage", stage).several() else stage.name
        if name in _NOT_IN_TRANSACTION:
            raise CommandError(
                263,
                f"Operation not permitted in transaction :: caused by :: Aggregation stage {name} cannot run within a "
                "multi-document transaction",
            )


def run_aggregate(request: Request, name: str | None, args: dict[str, Any], batch_size: int | None) -> Reply:
    """Run a pipeline over a collection, a view or no collection, and return the reply with the first batch."""
    with request.work.reading() as transaction:
        opened = _opened(request, name, args, transaction)
        if _opens_stream(opened.pipeline):
            open_change_stream = import_late("secantus_server.work.change_streams.opening").open_change_stream
            return open_change_stream(request, name, opened.pipeline, opened.scope, batch_size)  # type: ignore[no-any-return]
        namespace = f"{request.db}.{'$cmd.aggregate' if name is None else name}"
        cursor = Cursor(namespace, opened.documents, opened.scope, session=request.session, comment=request.body.get("comment"))
        if opened.pipeline.writes:
            return _run_writing(request, cursor)
        batch = cursor.first_batch(batch_size)
        request.client.usage.returned += len(batch)
        return cursor_reply(request, cursor, batch)


def _run_writing(request: Request, cursor: Cursor) -> Reply:
    """Run a pipeline that ends with `$out` or `$merge`, and return the reply with an empty batch."""
    while not cursor.exhausted:
        cursor.first_batch(1 << 60)
    cursor.close()
    reply: Reply = {"cursor": {"firstBatch": RawArray([]), "id": Int64(0), "ns": cursor.namespace}}
    settle(request)
    problem = write_concern_error(request.body.get("writeConcern"))
    if problem:
        reply["writeConcernError"] = problem
    return reply


def run_view(request: Request, name: str, stages: list[dict[str, Any]], args: dict[str, Any]) -> Reply:
    """Run a command's read of a view as a pipeline, and return the reply with the first batch."""
    return run_aggregate(request, name, view_arguments(stages, args), args["batchSize"])


def view_arguments(stages: list[dict[str, Any]], args: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of aggregate that are equivalent to a command's read of a view.

    Arguments:
        stages: the read, expressed as pipeline stages.
        args: the arguments of the read.
    """
    return {"pipeline": stages, **{option: args.get(option) for option in ("let", "collation", "hint", "allowDiskUse")}}


def check_view_pipeline(request: Request, name: str, stages: list[dict[str, Any]]) -> None:
    """Validate the pipeline of a view definition.

    Raises:
        CommandError: if the pipeline is invalid or writes.
    """
    arguments: dict[str, Any] = {"let": {}, "collation": None}
    ctx = make_context(request, name, None, arguments, ReadScope())
    # As in MongoDB, the text index need not exist yet when the view is created.
    ctx.parse.text_definition = any_text
    pipeline: Pipeline = parse_pipeline(stages, ctx)
    if pipeline.writes or any(stage.name == "$changeStream" for stage in pipeline.stages):
        raise CommandError(167, f"{pipeline.stages[-1].name} cannot be used in a view definition")
    for stage in pipeline.stages:
        if not stage.in_view:
            raise CommandError(167, f"{stage.name} cannot be used in a view definition")


def _opens_stream(pipeline: Pipeline) -> bool:
    """Return whether a pipeline begins with `$changeStream`. This check does not import the change stream modules."""
    return bool(pipeline.stages) and pipeline.stages[0].name == "$changeStream"
