"""Functions that read commands share: the context of expressions, and the cursor document of replies."""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64

from secantus_server.bson import RawArray
from secantus_server.catalog.collection import Collection
from secantus_server.cursors.cursor import Cursor
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.registry import Reply
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import ReadTransaction
from secantus_server.errors import CommandError
from secantus_server.exec.read_scope import ReadScope
from secantus_server.modules import import_late
from secantus_server.mql.collation import parse_collation
from secantus_server.mql.context import Cell, FixedCell, ParseContext
from secantus_server.mql.expressions import parse_expression
from secantus_server.mql.expressions.paths import reads_document, validate_variable_name
from secantus_server.query.plan import Source
from secantus_server.query.point import PointLookup

_EMPTY_DOCUMENT = b"\5\0\0\0\0"

#: The cursor id of a complete result.
NO_CURSOR = Int64(0)

_CURSOR = a.Arguments("cursor", {"batchSize": a.number(None, minimum=0)}, generic=False)


def without_payloads(request: Request, args: dict[str, Any], name: str, transaction: ReadTransaction) -> dict[str, Any]:
    """Return the arguments of a read command. With `encryptionInformation`, the encrypted values in its filter or pipeline are replaced.

    Raises:
        CommandError: see `work.encrypted.reads.read_arguments`.
    """
    if args.get("encryptionInformation") is None:
        return args
    return import_late("secantus_server.work.encrypted.reads").read_arguments(request, args, name, transaction)  # type: ignore[no-any-return]


def command_context(
    request: Request, *, let: dict[str, Any] | None = None, collation: dict[str, Any] | None = None, collection: Collection | None = None
) -> ParseContext:
    """Return the context for a command's filters and expressions.

    Arguments:
        let: the command's `let` document. Its expressions are evaluated immediately.
        collation: the command's collation. If absent or empty, the collection's default collation applies.
        collection: the command's collection, or None.

    Raises:
        CommandError: if a variable or the collation is invalid. 4890500 if a variable's value depends on a document, 167
            OptionNotSupportedOnView if the collation differs from a view's collation.
    """
    own = collection.options.get("collation") if collection is not None else None
    wanted = collation or own
    chosen = parse_collation(wanted) if wanted else None
    if collation and collection is not None and collection.is_view and not collection.is_timeseries and chosen != parse_collation(own):
        raise CommandError(167, "Cannot override a view's default collation")
    ctx = request.parse_context(collation=chosen, text_definition=None if collection is None else collection.text_definition)
    if not let:
        return ctx
    cells: dict[str, Cell] = {}
    # The variables of an aggregation are evaluated without `$$NOW` and `$$CLUSTER_TIME`.
    inner = ctx.changed(knows_time=False) if request.name == "aggregate" else ctx
    for name, spec in let.items():
        if name in ("NOW", "CLUSTER_TIME"):
            raise CommandError(4738901, f"'{name}' is a system variable and cannot be set by a command")
        validate_variable_name(name)
        expression = parse_expression(spec, inner.child(**cells))
        if reads_document(spec):
            raise CommandError(
                4890500,
                "Command let Expression tried to access a field, but this is not allowed because command let expressions run before the "
                "query examines any documents.",
            )
        cells[name] = FixedCell(expression.evaluate(_EMPTY_DOCUMENT))
    return ctx.child(**cells)


def timeless_context(request: Request, *, collation: dict[str, Any] | None, collection: Collection | None) -> ParseContext:
    """Return the context for the filter of count or distinct.

    The context does not provide `$$NOW` and `$$CLUSTER_TIME`, except for a view, because a view is read by a pipeline.
    """
    ctx = command_context(request, collation=collation, collection=collection)
    return ctx if collection is not None and collection.is_view else ctx.changed(knows_time=False)


def count_lookup(request: Request, source: Source) -> None:
    """Count the index key and the document that a point lookup examined, unless the plan notes already count them."""
    if type(source) is PointLookup and not source.is_noted:
        usage = request.client.usage
        usage.keys += 1
        usage.documents += 1


def cursor_reply(request: Request, cursor: Cursor, batch: list[bytes]) -> Reply:
    """Return the reply with a cursor's first batch. Register the cursor for getMore if it is not exhausted."""
    cursor_id = 0
    if cursor.exhausted:
        cursor.close()
    else:
        cursor.pause()
        cursor.operation = cursor.last_operation = request.operation
        cursor.command = request.body
        request.operation.keep_notes()
        cursor.transaction = request.transaction
        cursor.snapshot = request.snapshot
        cursor_id = request.services.cursors.add(cursor)
    shown = {"firstBatch": RawArray(batch), "id": Int64(cursor_id), "ns": cursor.namespace, **cursor.reply_fields()}
    return {"cursor": shown if request.snapshot is None else {**shown, "atClusterTime": request.snapshot.at}}


def cursor_batch_size(args: dict[str, Any]) -> int | None:
    """Return the batch size in the command's option `cursor`, or None if it is not specified."""
    return _CURSOR.parse(args["cursor"] or {})["batchSize"]  # type: ignore[no-any-return]


def list_reply(request: Request, namespace: str, documents: list[bytes], batch_size: int | None) -> Reply:
    """Return the reply of a list command, which contains the documents in a cursor."""
    cursor = Cursor(namespace, iter(documents), ReadScope(), session=request.session, comment=request.body.get("comment"))
    batch = cursor.first_batch(len(documents) + 1 if batch_size is None else batch_size)
    return cursor_reply(request, cursor, batch)
