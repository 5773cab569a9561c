"""update. https://www.mongodb.com/docs/manual/reference/command/update/"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from secantus_server.bson.values import MISSING, type_name
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.transaction_numbers import check_single
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.mql.update import Update, parse_update, upsert_document
from secantus_server.mql.update.pipeline import check_stage_names
from secantus_server.mql.update.upsert import check_upsert_filter
from secantus_server.query.canonical import CanonicalQuery, parse_query
from secantus_server.query.find import plan_of
from secantus_server.storage import RecoveryUnit, StorageError, WriteConflict
from secantus_server.work.batches import FIRST_INTERVAL, Pace, Target, Targets
from secantus_server.work.document_writer import DocumentWriter, prepared_id
from secantus_server.work.reading import command_context
from secantus_server.work.writing import (
    WriteErrors,
    check_not_view,
    finish_write,
    statements,
    writable_collection,
    write_error,
    write_transaction,
)

FIELDS = {
    "updates": a.documents(),
    "ordered": a.strict_boolean(True),
    "bypassDocumentValidation": a.boolean(),
    "bypassEmptyTsReplacement": a.boolean(),
    "let": a.document({}),
    "sampleId": a.anything(),
}

STATEMENT = a.Arguments(
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


@dataclass
class UpdateStatement:
    """One parsed statement.

    Arguments:
        filter: what the user wrote, for the upsert.
        sole: at most one document is changed.
    """

    query: CanonicalQuery
    update: Update
    upsert: bool
    sole: bool


@dataclass
class UpdateOutcome:
    """What a statement did; `upserted_id` is MISSING where nothing was inserted."""

    matched: int = 0
    modified: int = 0
    upserted_id: Any = MISSING


@command("update", FIELDS, in_api_v1=True, is_write=True, is_retryable=True)
def update(request: Request, args: dict[str, Any]) -> Reply:
    """Update documents."""
    name = collection_name("update", request.db, request.body[request.name])
    specs = [STATEMENT.parse(spec) for spec in statements(request, "updates", args["updates"])]
    check_not_view(request.services.catalog.find(request.db, name))
    for spec in specs:
        if type(spec["u"]) is list:
            check_stage_names(spec["u"])
    matched = modified = 0
    upserted: list[dict[str, Any]] = []
    errors: WriteErrors = []
    for index, spec in enumerate(specs):
        try:
            statement = parse_statement(request, name, spec, args["let"])
            outcome = run_update(request, name, statement, bypass_validation=args["bypassDocumentValidation"])
        except CommandError as error:
            if request.operation.is_ended_by(error):
                raise
            errors.append(write_error(index, error))
            if args["ordered"]:
                break
            continue
        matched, modified = matched + outcome.matched, modified + outcome.modified
        if outcome.upserted_id is not MISSING:
            matched += 1
            upserted.append({"index": index, "_id": outcome.upserted_id})
    reply: Reply = {"n": matched, "nModified": modified}
    if upserted:
        reply["upserted"] = upserted
    return finish_write(request, reply, errors)


def parse_statement(request: Request, name: str, spec: dict[str, Any], let: dict[str, Any]) -> UpdateStatement:
    """Parse one statement.

    Raises:
        CommandError: whatever MongoDB rejects before it looks at a document.
    """
    collection = request.services.catalog.find(request.db, name)
    if spec["c"] is not None and type(spec["u"]) is not list:
        raise CommandError(51198, "Constant values may only be specified for pipeline updates")
    ctx = command_context(request, let={**let, **(spec["c"] or {})}, collation=spec["collation"], collection=collection)
    check_single(request, spec["multi"], "multi=true")
    if spec["sort"] and spec["multi"]:
        raise CommandError(9, "Cannot specify sort with multi=true")
    return make_statement(spec, ctx)


def make_statement(spec: dict[str, Any], ctx: ParseContext) -> UpdateStatement:
    """The statement of checked arguments (`q`, `u`, `arrayFilters`, `multi`, `upsert`, `sort`, `hint`)."""
    if type(spec["u"]) not in (dict, list):
        raise CommandError(9, f"Update argument must be either an object or an array, not {type_name(spec['u'])}")
    changes = parse_update(spec["u"], ctx, array_filters=spec["arrayFilters"], multi=spec["multi"])
    query = parse_query(spec["q"], ctx, sort=spec["sort"], hint=spec["hint"], limit=0 if spec["multi"] else 1)
    if spec["upsert"]:
        check_upsert_filter(query.match if query.match is not None else parse_match({}, ctx))
    return UpdateStatement(query, changes, spec["upsert"], not spec["multi"])


def run_update(request: Request, name: str, statement: UpdateStatement, *, bypass_validation: bool) -> UpdateOutcome:
    """Change what matches, or insert.

    Raises:
        CommandError: a document could not be changed, or the operation was interrupted; the documents before stay changed.
    """
    services, check = request.services, request.operation.check
    if statement.upsert:
        writable_collection(request, name)
    if not statement.sole:
        return _update_many(request, name, statement, bypass_validation)

    def work(unit: RecoveryUnit) -> UpdateOutcome:
        collection = services.catalog.find(request.db, name)
        if collection is None:
            return _without_collection(request, name, statement, unit)
        first = plan_of(collection, statement.query).first(unit, check)
        found = [] if first is None else [first]
        writer = DocumentWriter(services, unit, collection, bypass_validation=bypass_validation)
        return _write(writer, statement, found, check, statement.upsert and not found)

    return write_transaction(services, check, work)


def _update_many(request: Request, name: str, statement: UpdateStatement, bypass_validation: bool) -> UpdateOutcome:
    """Change every document that matches, a batch at a time."""
    services, check = request.services, request.operation.check
    targets = Targets(services, request.db, name, statement.query, check, stay=True)
    total = UpdateOutcome()

    def work(unit: RecoveryUnit) -> UpdateOutcome:
        found = targets.read(unit)
        if targets.collection is None:
            return _without_collection(request, name, statement, unit)
        writer = DocumentWriter(services, unit, targets.collection, bypass_validation=bypass_validation)
        return _write(writer, statement, found, check, statement.upsert and targets.at_end and not found and not total.matched)

    while True:
        outcome = write_transaction(services, check, work)
        targets.done(outcome.matched)
        total.matched += outcome.matched
        total.modified += outcome.modified
        total.upserted_id = outcome.upserted_id
        if targets.at_end:
            return total


def _without_collection(request: Request, name: str, statement: UpdateStatement, unit: RecoveryUnit) -> UpdateOutcome:
    """Return that nothing matched; an upsert makes the collection, which was dropped a moment ago, and is tried again."""
    if statement.upsert:
        unit.rollback()
        writable_collection(request, name)
        raise WriteConflict
    return UpdateOutcome()


def _write(
    writer: DocumentWriter, statement: UpdateStatement, found: list[Target], check: Callable[[], None], upsert: bool
) -> UpdateOutcome:
    """Write in the unit's transaction and commit."""
    try:
        outcome = change_documents(writer, statement, found, check)
        if upsert:
            outcome.upserted_id = insert_upsert(writer, statement)
    except (StorageError, WriteConflict):
        raise
    except CommandError:
        # What was changed before the document that could not be changed stays, though nobody counts it.
        writer.commit()
        raise
    writer.commit()
    return outcome


def change_documents(
    writer: DocumentWriter, statement: UpdateStatement, documents: list[Target], check: Callable[[], None]
) -> UpdateOutcome:
    """Apply the update to the first document, and to the others as long as the transaction is not large.

    Arguments:
        check: raises when the operation is to end.
    """
    query, changes, unit = statement.query, statement.update, writer.unit
    apply = changes.apply
    locate = query.match.array_index if changes.needs_array_index and query.match is not None else None
    # One document, the usual number, needs no pace.
    pace, due = Pace(check) if len(documents) > 1 else None, FIRST_INTERVAL
    matched = modified = 0
    for record_id, document in documents:
        if pace is not None and not due:
            due = pace.look()
            if unit.is_large:
                break
        due -= 1
        new = apply(document, array_index=locate(document)) if locate else apply(document)
        matched += 1
        if new is not document:
            writer.update(document, new, record_id)
            modified += 1
    return UpdateOutcome(matched, modified)


def insert_upsert(writer: DocumentWriter, statement: UpdateStatement) -> Any:
    """Insert what an upsert makes of its filter; gives the new `_id`."""
    query = statement.query
    match = query.match if query.match is not None else parse_match({}, query.context)
    document = upsert_document(match, statement.update, query.context)
    writer.insert(document)
    return prepared_id(document)
