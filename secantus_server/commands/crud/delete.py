"""delete. https://www.mongodb.com/docs/manual/reference/command/delete/"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import check_collection_uuid, collection_name
from secantus_server.dispatch.privileges import on_collection
from secantus_server.dispatch.registry import InTransaction, Reply, command, explains
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import ReadTransaction
from secantus_server.errors import CommandError
from secantus_server.modules import import_late
from secantus_server.work.delete_documents import parse_delete, run_delete
from secantus_server.work.writing import (
    WriteErrors,
    check_explains,
    check_not_view,
    check_one_statement,
    encrypted_write,
    finish_write,
    note_failure,
    statements,
    stops_at_error,
)

if TYPE_CHECKING:
    from secantus_server.query.explain import Runner

FIELDS = {
    "deletes": a.documents(),
    "ordered": a.strict_boolean(True),
    "let": a.document({}),
    "bypassDocumentValidation": a.boolean(),
    "encryptionInformation": a.document(),
    "collectionUUID": a.uuid(),
}

_STATEMENT = a.Arguments(
    "delete.deletes",
    {
        "q": a.document(required=True),
        "limit": a.anything(required=True),
        "collation": a.document(),
        "hint": a.hint(),
        "sampleId": a.anything(),
    },
    generic=False,
)


@command(
    "delete", FIELDS, in_api_v1=True, is_write=True, is_retryable=True, in_transaction=InTransaction.YES, privileges=on_collection("remove")
)
def delete(request: Request, args: dict[str, Any]) -> Reply:
    """Delete documents."""
    name, specs = _prepare(request, args)
    run: Callable[..., int] = run_delete
    if args["encryptionInformation"] is not None:
        check_one_statement(specs)
        run = encrypted_write("delete_encrypted", args["encryptionInformation"])
    count = 0
    errors: WriteErrors = []
    for index, spec in enumerate(specs):
        request.statement = index
        try:
            check_collection_uuid(request.services.catalog, request.db, name, args["collectionUUID"])
            count += run(request, name, spec, args["let"])
        except CommandError as error:
            note_failure(request, errors, index, error)
            if stops_at_error(request, args["ordered"]):
                break
    request.client.usage.deleted += count
    return finish_write(request, {"n": count}, errors)


@explains("delete")
def _explain(request: Request, args: dict[str, Any], transaction: ReadTransaction, runner: Runner) -> Reply:
    check_explains(args)
    explain_writes = import_late("secantus_server.work.explain_writes")
    name, specs = _prepare(request, args)
    spec = explain_writes.only_statement(specs, "delete")
    collection = transaction.catalog.find(request.db, name)
    if collection is not None and collection.is_timeseries:
        name, spec = import_late("secantus_server.work.timeseries_deletes").delete_of_buckets(request, collection, spec)
        collection = transaction.catalog.find(request.db, name)
    check_not_view(collection)
    query = parse_delete(request, collection, spec, args["let"])
    return runner.result(f"{request.db}.{name}", collection, query, explain_writes.delete_stage(collection, query, runner))


def _prepare(request: Request, args: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Return the collection's name and the checked statements."""
    name = collection_name("delete", request.db, request.body[request.name])
    return name, [_STATEMENT.parse(spec) for spec in statements(request, "deletes", args["deletes"])]
