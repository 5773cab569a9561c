"""update. https://www.mongodb.com/docs/manual/reference/command/update/"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from secantus_server.auth.privileges import Grants
from secantus_server.bson.values import MISSING
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import check_collection_uuid, collection_name
from secantus_server.dispatch.privileges import Authorized, collection_of, may_bypass_validation, named, on_collection
from secantus_server.dispatch.registry import InTransaction, Reply, command, explains
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import ReadTransaction
from secantus_server.errors import CommandError
from secantus_server.modules import import_late
from secantus_server.mql.update.pipeline import check_stage_names
from secantus_server.work.plain_updates import PlainUpdates, may_share
from secantus_server.work.timeseries_updates import update_of_buckets
from secantus_server.work.update_documents import UpdateOutcome, parse_statement, run_update
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
    "updates": a.documents(),
    "ordered": a.strict_boolean(True),
    "bypassDocumentValidation": a.boolean(),
    "bypassEmptyTsReplacement": a.boolean(),
    "let": a.document({}),
    "encryptionInformation": a.document(),
    "sampleId": a.anything(),
    "collectionUUID": a.uuid(),
}

_STATEMENT = a.Arguments(
    "update.updates",
    {
        "q": a.document(required=True),
        "u": a.anything(required=True),
        "c": a.document(),
        "upsert": a.boolean(),
        "multi": a.boolean(),
        "arrayFilters": a.array([]),
        "collation": a.document(),
        "hint": a.hint(),
        "sort": a.document({}),
        "upsertSupplied": a.boolean(),
        "sampleId": a.anything(),
        "allowShardKeyUpdatesWithoutFullShardKeyInQuery": a.anything(),
    },
    generic=False,
)


def _may_upsert(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may perform the command's upserts and its bypass of document validation, if requested."""
    if "insert" not in grants.on(call.db, collection_of(call)) and any(spec.get("upsert") for spec in named(call, "updates", b"upsert")):
        return False
    return may_bypass_validation(call, grants)


@command(
    "update",
    FIELDS,
    in_api_v1=True,
    is_write=True,
    is_retryable=True,
    in_transaction=InTransaction.YES,
    privileges=on_collection("update", by_arguments=("insert", "bypassDocumentValidation"), check=_may_upsert),
)
def update(request: Request, args: dict[str, Any]) -> Reply:
    """Update documents."""
    name, specs = _prepare(request, args)
    run_next = _runner(request, args, name, specs)
    matched = modified = index = 0
    upserted: list[dict[str, Any]] = []
    errors: WriteErrors = []
    while index < len(specs):
        outcomes, error = run_next(index)
        for outcome in outcomes:
            matched, modified = matched + outcome.matched, modified + outcome.modified
            if outcome.upserted_id is not MISSING:
                matched += 1
                upserted.append({"index": index, "_id": outcome.upserted_id})
            index += 1
        if error is not None:
            note_failure(request, errors, index, error)
            if stops_at_error(request, args["ordered"]):
                break
            index += 1
    reply: Reply = {"n": matched, "nModified": modified}
    usage = request.client.usage
    usage.updated += matched
    if upserted:
        reply["upserted"] = upserted
        usage.updated -= len(upserted)
        usage.inserted += len(upserted)
    return finish_write(request, reply, errors)


def _runner(
    request: Request, args: dict[str, Any], name: str, specs: list[dict[str, Any]]
) -> Callable[[int], tuple[list[UpdateOutcome], CommandError | None]]:
    """Return a function that runs the statement at a position, and perhaps some of the following ones.

    The function returns the outcomes of the statements that ran, and the error of the next one, or None.
    """
    run: Callable[..., UpdateOutcome] = run_update
    if args["encryptionInformation"] is not None:
        check_one_statement(specs)
        run = encrypted_write("update_encrypted", args["encryptionInformation"])
    together, bypass_validation = None, args["bypassDocumentValidation"]
    if len(specs) > 1 and args["collectionUUID"] is None and may_share(request, args["let"]):
        together = PlainUpdates(request, name, specs, 0, bypass_validation=bypass_validation)

    def run_next(index: int) -> tuple[list[UpdateOutcome], CommandError | None]:
        request.statement = index
        try:
            if together is not None:
                outcomes, error = together.run(index)
                if outcomes or error is not None:
                    return outcomes, error
            check_collection_uuid(request.services.catalog, request.db, name, args["collectionUUID"])
            return [run(request, name, specs[index], args["let"], bypass_validation=bypass_validation)], None
        except CommandError as error:
            return [], error

    return run_next


@explains("update")
def _explain(request: Request, args: dict[str, Any], transaction: ReadTransaction, runner: Runner) -> Reply:
    check_explains(args)
    explain_writes = import_late("secantus_server.work.explain_writes")
    name, specs = _prepare(request, args)
    spec = explain_writes.only_statement(specs, "update")
    collection = transaction.catalog.find(request.db, name)
    if collection is not None and collection.is_timeseries:
        name, spec = update_of_buckets(request, collection, spec)
        collection = transaction.catalog.find(request.db, name)
    check_not_view(collection)
    statement = parse_statement(request, collection, spec, args["let"])
    root = explain_writes.update_stage(collection, statement, runner)
    return runner.result(f"{request.db}.{name}", collection, statement.query, root)


def _prepare(request: Request, args: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Return the collection's name and the checked statements."""
    name = collection_name("update", request.db, request.body[request.name])
    specs = [_STATEMENT.parse(spec) for spec in statements(request, "updates", args["updates"])]
    for spec in specs:
        if type(spec["u"]) is list:
            check_stage_names(spec["u"])
    return name, specs
