"""findAndModify. https://www.mongodb.com/docs/manual/reference/command/findAndModify/"""

from __future__ import annotations

from typing import Any

from secantus_server.auth.privileges import Grants
from secantus_server.bson import RawDocument
from secantus_server.bson.sizes import check_result_size
from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.names import check_not_oplog, collection_name
from secantus_server.dispatch.privileges import Authorized, collection_of, may_bypass_validation, on_collection
from secantus_server.dispatch.registry import InTransaction, Reply, command, explains
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.transaction_numbers import executed_before
from secantus_server.dispatch.unit_of_work import MissingCollection, ReadTransaction, Transaction
from secantus_server.errors import CommandError, not_supported
from secantus_server.modules import import_late
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.mql.projection import Projection, parse_projection
from secantus_server.mql.update import upsert_document
from secantus_server.query.canonical import CanonicalQuery, follow_metadata, parse_query, single_sort
from secantus_server.query.explain import Runner, projection_name
from secantus_server.query.find import plan_of
from secantus_server.query.stages import PlanStage, stage
from secantus_server.work.explain_writes import delete_stage, update_stage
from secantus_server.work.prepared_documents import prepared_id
from secantus_server.work.reading import command_context, count_lookup
from secantus_server.work.retried import stage_retried
from secantus_server.work.timeseries_deletes import MeasurementDeletion
from secantus_server.work.update_documents import UpdateStatement, make_statement
from secantus_server.work.writers import Writer, open_writer
from secantus_server.work.writing import check_explains, check_not_view, finish_write

FIELDS = {
    "query": a.document({}),
    "sort": a.document({}),
    "remove": a.boolean(),
    "update": a.anything(),
    "new": a.boolean(),
    "fields": a.document({}),
    "upsert": a.boolean(),
    "bypassDocumentValidation": a.boolean(),
    "bypassEmptyTsReplacement": a.boolean(),
    "collation": a.document(),
    "arrayFilters": a.array([]),
    "hint": a.hint(),
    "let": a.document({}),
    "encryptionInformation": a.document(),
    "sampleId": a.anything(),
}


def _may_modify(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may perform the requested removal, or the requested update and upsert."""
    actions = grants.on(call.db, collection_of(call))
    if call.body.get("remove"):
        return "remove" in actions
    return "update" in actions and ("insert" in actions or not call.body.get("upsert")) and may_bypass_validation(call, grants)


@command(
    "findAndModify",
    FIELDS,
    aliases=("findandmodify",),
    in_api_v1=True,
    is_write=True,
    is_retryable=True,
    in_transaction=InTransaction.YES,
    privileges=on_collection("find", by_arguments=("update", "insert", "remove", "bypassDocumentValidation"), check=_may_modify),
)
def find_and_modify(request: Request, args: dict[str, Any]) -> Reply:
    """Change or remove one document and return it."""
    name = collection_name("findAndModify", request.db, request.body[request.name])
    _check_arguments(args)
    before = executed_before(request, 0, "findAndModify") if request.retry is not None else None
    if before is not None:
        _check_same_kind(request, args, before.result["lastErrorObject"])
        return finish_write(request, dict(before.result), [], silent=False)

    def body(transaction: Transaction) -> Reply:
        collection, job = _job(request, args, name, transaction)
        if collection is not None:
            shown = _shown(job.run(transaction, collection))
            if request.retry is not None:
                # Pass a copy, because further fields are added to the reply later.
                stage_retried(request, transaction, "findAndModify", shown.copy())
            return shown
        check_not_oplog(request.db, name)
        if args["upsert"]:
            raise MissingCollection(request.db, name)
        return _shown(job.nothing)

    reply = request.work.write(body, request.operation.check)
    _count(request, reply["lastErrorObject"])
    return finish_write(request, reply, [], silent=False)


def _count(request: Request, last: dict[str, Any]) -> None:
    """Update the server's counters with the document that the command changed, if any."""
    usage = request.client.usage
    if "updatedExisting" not in last:
        usage.deleted += last["n"]
    elif last["updatedExisting"]:
        usage.updated += 1
    else:
        usage.inserted += last["n"]


@explains("findAndModify")
def _explain(request: Request, args: dict[str, Any], transaction: ReadTransaction, runner: Runner) -> Reply:
    check_explains(args)
    name = collection_name("findAndModify", request.db, request.body[request.name])
    _check_arguments(args)
    collection, job = _prepare(request, args, name, transaction.catalog)
    return runner.result(f"{request.db}.{name}", collection, job.query, job.explain(collection, runner))


def _check_same_kind(request: Request, args: dict[str, Any], last: dict[str, Any]) -> None:
    """Check that the retry of a findAndModify has the same kind, removal or update, as the first attempt.

    Raises:
        CommandError: 40606.
    """
    if "updatedExisting" not in last and not args["remove"]:
        number = request.body["txnNumber"]
        text = f"findAndModify retry request is not compatible with previous write of type delete under txnNumber {number}"
        raise CommandError(40606, text)


def _job(
    request: Request, args: dict[str, Any], name: str, transaction: Transaction
) -> tuple[Collection | None, _Remove | _Modify | _RemoveMeasurement]:
    """Return the collection and the parsed command, with its encrypted values replaced."""
    if args["encryptionInformation"] is None:
        return _prepare(request, args, name, transaction.catalog)
    args, rewriter = import_late("secantus_server.work.encrypted.writes").modify_arguments(request, transaction, name, args)
    collection, job = _prepare(request, args, name, transaction.catalog)
    if isinstance(job, _Modify):
        job.statement.update = rewriter.tagging(job.statement.update)
    return collection, job


def _prepare(
    request: Request, args: dict[str, Any], name: str, catalog: CatalogView
) -> tuple[Collection | None, _Remove | _Modify | _RemoveMeasurement]:
    """Return the collection and the parsed command."""
    collection = catalog.find(request.db, name)
    if collection is not None and collection.is_timeseries:
        return collection, _timeseries_removal(request, args, collection)
    check_not_view(collection)
    ctx = command_context(request, let=args["let"], collation=args["collation"], collection=collection)
    follow_metadata(ctx, args["fields"])
    return collection, _Remove(request, args, ctx) if args["remove"] else _Modify(request, args, ctx)


def _timeseries_removal(request: Request, args: dict[str, Any], collection: Collection) -> _RemoveMeasurement:
    """Parse a findAndModify on a time-series collection, where the command can only remove a measurement.

    Raises:
        CommandError: 72 InvalidOptions for an update or a sort.
    """
    if not args["remove"]:
        raise CommandError(72, f"Cannot perform findAndModify with an update on a time-series collection: {collection.namespace}")
    if args["sort"]:
        raise CommandError(72, f"Cannot perform findAndModify with sort on a time-series collection: {collection.namespace}")
    ctx = command_context(request, let=args["let"], collation=args["collation"], collection=collection)
    follow_metadata(ctx, args["fields"])
    return _RemoveMeasurement(request, args, ctx, collection)


def _check_arguments(args: dict[str, Any]) -> None:
    """Check that the arguments do not contradict each other.

    Raises:
        CommandError: 9 FailedToParse.
    """
    if args["remove"]:
        if args["update"] is not None:
            raise CommandError(9, "Cannot specify both an update and remove=true")
        if args["upsert"]:
            raise CommandError(9, "Cannot specify both upsert=true and remove=true")
        if args["new"]:
            raise CommandError(9, "Cannot specify both new=true and remove=true; 'remove' always returns the deleted document")
        if args["arrayFilters"]:
            raise CommandError(9, "Cannot specify arrayFilters and remove=true")
    elif args["update"] is None:
        raise CommandError(9, "Either an update or remove=true must be specified")


Outcome = tuple[bytes | None, dict[str, Any]]


def _shown(outcome: Outcome) -> Reply:
    value, last = outcome
    return {"lastErrorObject": last, "value": None if value is None else RawDocument(value)}


class _Job:
    """The base class of parsed findAndModify commands: a query, and the projection of the returned document."""

    def __init__(self, request: Request, args: dict[str, Any], query: CanonicalQuery) -> None:
        self.request = request
        self.args = args
        self.query = query
        self.projection: Projection | None = None
        if args["fields"]:
            self.projection = parse_projection(args["fields"], query.context, match=query.match)

    def shown(self, document: bytes | None) -> bytes | None:
        """Apply the projection to the document for the reply. Call this before the commit, so that an error aborts the write.

        Raises:
            CommandError: 10334 BSONObjectTooLarge, or the error of a projection that cannot be applied.
        """
        if document is None or self.projection is None:
            return document
        return check_result_size(self.projection.apply(document))

    def projected(self, below: PlanStage) -> PlanStage:
        """Return the plan for explain: the write stage `below` and, above it, a stage that projects the returned document."""
        if self.projection is None or below.name == "EOF":
            return below
        fields = self.args["fields"]
        return stage(projection_name(fields, self.projection), {"transformBy": fields}, returned=below.returned, inputs=[below])

    def target(self, transaction: Transaction, collection: Collection) -> tuple[int, bytes] | None:
        """Return the RecordId and the document to change, or None if no document matches."""
        source = plan_of(collection, self.query)
        found = source.first(transaction.unit, self.request.operation.check)
        if found is not None:
            count_lookup(self.request, source)
        return found


class _Remove(_Job):
    """A parsed findAndModify with `remove`."""

    nothing: Outcome = (None, {"n": 0})

    def __init__(self, request: Request, args: dict[str, Any], ctx: ParseContext) -> None:
        sort = single_sort(args["query"], args["sort"], args["hint"], ctx)
        super().__init__(request, args, parse_query(args["query"], ctx, sort=sort, hint=args["hint"], limit=1))

    def run(self, transaction: Transaction, collection: Collection) -> Outcome:
        """Remove the document and return it."""
        found = self.target(transaction, collection)
        if found is None:
            return self.nothing
        shown = self.shown(found[1])
        open_writer(self.request.services, transaction, collection).delete(found[1], found[0])
        return shown, {"n": 1}

    def explain(self, collection: Collection | None, runner: Runner) -> PlanStage:
        """Return the plan stages for the removal, without executing them."""
        return self.projected(delete_stage(collection, self.query, runner, shown=self.projection is not None))


class _RemoveMeasurement(_Job):
    """A parsed findAndModify with `remove` on a time-series collection."""

    nothing: Outcome = (None, {"n": 0})

    def __init__(self, request: Request, args: dict[str, Any], ctx: ParseContext, series: Collection) -> None:
        super().__init__(request, args, parse_query(args["query"], ctx, hint=args["hint"], limit=1))
        self.deletion = MeasurementDeletion(request, series, self.query)

    def run(self, transaction: Transaction, collection: Collection) -> Outcome:
        """Remove the measurement and return it."""
        found = self.deletion.find_first(transaction)
        if found is None:
            return self.nothing
        shown = self.shown(found.measurement)
        self.deletion.remove(transaction, found)
        return shown, {"n": 1}

    def explain(self, collection: Collection | None, runner: Runner) -> PlanStage:
        """Raise an error, because explain does not support this command on a time-series collection.

        Raises:
            CommandError: 238 NotImplemented.
        """
        raise not_supported("explain of a delete from a time-series collection", "explain a find with the same query")


class _Modify(_Job):
    """A parsed findAndModify with an update."""

    nothing: Outcome = (None, {"n": 0, "updatedExisting": False})

    def __init__(self, request: Request, args: dict[str, Any], ctx: ParseContext) -> None:
        self.statement: UpdateStatement = make_statement({**args, "q": args["query"], "u": args["update"], "multi": False}, ctx)
        super().__init__(request, args, self.statement.query)

    def run(self, transaction: Transaction, collection: Collection) -> Outcome:
        """Update the document or insert a new one. Return the old document or, with the option `new`, the new document."""
        bypass = self.args["bypassDocumentValidation"]
        writer = open_writer(self.request.services, transaction, collection, bypass_validation=bypass)
        found = self.target(transaction, collection)
        value, last = self._insert(writer) if found is None else self._change(writer, *found)
        return self.shown(value), last

    def explain(self, collection: Collection | None, runner: Runner) -> PlanStage:
        """Return the plan stages for the update, without executing them."""
        return self.projected(update_stage(collection, self.statement, runner, shown=self.projection is not None))

    def _change(self, writer: Writer, record_id: int, old: bytes) -> Outcome:
        changes = self.statement.update
        position = self.query.match.array_index(old) if changes.needs_array_index and self.query.match is not None else None
        new = changes.apply(old, array_index=position)
        if new is not old:
            writer.update(old, new, record_id, changes.entry(old, new))
        return new if self.args["new"] else old, {"n": 1, "updatedExisting": True}

    def _insert(self, writer: Writer) -> Outcome:
        if not self.args["upsert"]:
            return self.nothing
        match = self.query.match if self.query.match is not None else parse_match({}, self.query.context)
        document = upsert_document(match, self.statement.update, self.query.context)
        writer.insert(document)
        return document if self.args["new"] else None, {"n": 1, "updatedExisting": False, "upserted": prepared_id(document)}
