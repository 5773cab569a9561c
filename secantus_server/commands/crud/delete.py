"""delete. https://www.mongodb.com/docs/manual/reference/command/delete/"""

from __future__ import annotations

from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.privileges import on_collection
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.transaction_numbers import check_single
from secantus_server.dispatch.unit_of_work import Transaction
from secantus_server.errors import CommandError
from secantus_server.query.canonical import CanonicalQuery, parse_query
from secantus_server.query.find import plan_of
from secantus_server.work.batches import Targets
from secantus_server.work.delete_documents import Deleted, delete_documents, delete_matches
from secantus_server.work.reading import command_context
from secantus_server.work.writing import ON_VIEW, WriteErrors, check_not_view, finish_write, statements, write_error

FIELDS = {"deletes": a.documents(), "ordered": a.strict_boolean(True), "let": a.document({}), "bypassDocumentValidation": a.boolean()}

STATEMENT = a.Arguments(
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


@command("delete", FIELDS, in_api_v1=True, is_write=True, is_retryable=True, privileges=on_collection("remove"))
def delete(request: Request, args: dict[str, Any]) -> Reply:
    """Delete documents."""
    name = collection_name("delete", request.db, request.body[request.name])
    specs = [STATEMENT.parse(spec) for spec in statements(request, "deletes", args["deletes"])]
    count = 0
    errors: WriteErrors = []
    for index, spec in enumerate(specs):
        try:
            count += run_delete(request, name, spec, args["let"])
        except CommandError as error:
            if request.operation.is_ended_by(error) or error.code == ON_VIEW:
                raise
            errors.append(write_error(index, error))
            if args["ordered"]:
                break
    return finish_write(request, {"n": count}, errors)


def parse_delete(request: Request, collection: Collection | None, spec: dict[str, Any], let: dict[str, Any]) -> CanonicalQuery:
    """Parse one statement.

    Arguments:
        collection: the collection that it is about.

    Raises:
        CommandError: whatever MongoDB rejects before it looks at a document.
    """
    limit = a.integer()("delete.deletes.limit", spec["limit"])
    if limit not in (0, 1):
        raise CommandError(9, f"The limit field in delete objects must be 0 or 1. Got {limit}")
    check_single(request, limit == 0, "limit=0")
    ctx = command_context(request, let=let, collation=spec["collation"], collection=collection)
    return parse_query(spec["q"], ctx, hint=spec["hint"], limit=limit)


def run_delete(request: Request, name: str, spec: dict[str, Any], let: dict[str, Any]) -> int:
    """Parse a statement, and delete what matches, or one document if it has a limit; return how many.

    Raises:
        CommandError: the statement is not valid, or the operation was interrupted; the documents before stay deleted.
    """
    services, check = request.services, request.operation.check

    def body(transaction: Transaction) -> CanonicalQuery | Deleted:
        collection = transaction.catalog.find(request.db, name)
        check_not_view(collection)
        query = parse_delete(request, collection, spec, let)
        if not query.limit:
            return query
        if collection is None:
            return Deleted()
        first = plan_of(collection, query).first(transaction.unit, check)
        return delete_documents(services, transaction, collection, [] if first is None else [first], check)

    outcome = request.work.write(body, check)
    if isinstance(outcome, CanonicalQuery):
        return delete_matches(services, request.work, Targets(services, request.db, name, outcome, check, stay=False), check)
    if outcome.failure is not None:
        raise outcome.failure
    return outcome.deleted
