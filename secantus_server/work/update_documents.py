"""Parsing and execution of update statements, for update, bulkWrite and findAndModify."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from secantus_server.bson.values import MISSING, type_name
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.transaction_numbers import check_single, executed_before
from secantus_server.dispatch.unit_of_work import MissingCollection, Transaction
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.mql.update import Update, parse_update, upsert_document
from secantus_server.mql.update.upsert import check_upsert_filter
from secantus_server.query.canonical import CanonicalQuery, parse_query, single_sort
from secantus_server.query.find import plan_of
from secantus_server.sessions.executed import Executed
from secantus_server.storage.errors import concerns_store
from secantus_server.work.batches import FIRST_INTERVAL, Pace, Target, Targets
from secantus_server.work.prepared_documents import prepared_id
from secantus_server.work.reading import command_context, count_lookup
from secantus_server.work.retried import stage_retried
from secantus_server.work.timeseries_updates import update_of_buckets
from secantus_server.work.writers import Writer, open_writer
from secantus_server.work.writing import OverBuckets, check_stored


@dataclass(slots=True)
class UpdateStatement:
    """A parsed update statement.

    Arguments:
        sole: whether the statement changes at most one document.
    """

    query: CanonicalQuery
    update: Update
    upsert: bool
    sole: bool


@dataclass(slots=True)
class UpdateOutcome:
    """The result of an update statement or of one of its batches.

    Arguments:
        upserted_id: the `_id` of the inserted document, or MISSING if nothing was inserted.
        failure: the error that stopped a batch, or None.
    """

    matched: int = 0
    modified: int = 0
    upserted_id: Any = MISSING
    failure: CommandError | None = None

    def recorded(self) -> list[Any]:
        """Return the outcome in the format in which the log of retryable writes stores it."""
        return [self.matched, self.modified] if self.upserted_id is MISSING else [self.matched, self.modified, self.upserted_id]

    @classmethod
    def of_record(cls, group: Executed, statement: int) -> UpdateOutcome:
        """Return a statement's outcome from the log of retryable writes.

        Arguments:
            group: the group that contains the statement. Its result is a value of `recorded`, or a list with one for each statement.
            statement: the id of the statement.
        """
        result = group.result
        return cls(*(result[statement - group.first] if type(result[0]) is list else result))


def parse_statement(request: Request, collection: Collection | None, spec: dict[str, Any], let: dict[str, Any]) -> UpdateStatement:
    """Parse an update statement.

    Arguments:
        collection: the collection to update, or None if it does not exist.

    Raises:
        CommandError: if the statement is invalid.
    """
    if spec["c"] is not None and type(spec["u"]) is not list:
        raise CommandError(51198, "Constant values may only be specified for pipeline updates")
    variables = {**let, **spec["c"]} if spec["c"] else let
    ctx = command_context(request, let=variables, collation=spec["collation"], collection=collection)
    check_single(request, spec["multi"], "multi=true")
    if spec["sort"] and spec["multi"]:
        raise CommandError(9, "Cannot specify sort with multi=true")
    return make_statement(spec, ctx)


def make_statement(spec: dict[str, Any], ctx: ParseContext) -> UpdateStatement:
    """Parse the validated arguments of an update statement (`q`, `u`, `arrayFilters`, `multi`, `upsert`, `sort`, `hint`)."""
    if type(spec["u"]) not in (dict, list):
        raise CommandError(9, f"Update argument must be either an object or an array, not {type_name(spec['u'])}")
    changes = parse_update(spec["u"], ctx, array_filters=spec["arrayFilters"], multi=spec["multi"])
    sort = single_sort(spec["q"], spec["sort"], spec["hint"], ctx) if spec["sort"] else spec["sort"]
    query = parse_query(spec["q"], ctx, sort=sort, hint=spec["hint"], limit=0 if spec["multi"] else 1)
    if spec["upsert"]:
        check_upsert_filter(query.match if query.match is not None else parse_match({}, ctx))
    return UpdateStatement(query, changes, spec["upsert"], not spec["multi"])


def run_update(request: Request, name: str, spec: dict[str, Any], let: dict[str, Any], *, bypass_validation: bool) -> UpdateOutcome:
    """Parse and run an update statement.

    Raises:
        CommandError: if the statement is invalid, a document could not be updated, or the operation was interrupted. Documents already
            updated remain updated.
    """
    if request.retry is not None and request.retry.executed:
        before = executed_before(request, request.statement, "update")
        if before is not None:
            return UpdateOutcome.of_record(before, request.statement_id(request.statement))
    kind = _ManyUpdates if spec["multi"] else OneUpdate
    try:
        return kind(request, name, spec, let, bypass_validation).run()
    except OverBuckets:
        return _SeriesUpdates(request, name, spec, let, True).run()


class OneUpdate:
    """The execution of a statement that updates at most one document."""

    __slots__ = ("_bypass_validation", "_let", "_name", "_request", "_spec")

    def __init__(self, request: Request, name: str, spec: dict[str, Any], let: dict[str, Any], bypass_validation: bool) -> None:
        self._request = request
        self._name = name
        self._spec = spec
        self._let = let
        self._bypass_validation = bypass_validation

    def run(self) -> UpdateOutcome:
        """Run the statement and return its outcome."""
        return self._request.work.write(self._body, self._request.operation.check)

    def _body(self, transaction: Transaction) -> UpdateOutcome:
        collection = transaction.catalog.find(self._request.db, self._name)
        statement = self._parse(transaction, collection)
        if collection is None:
            return self._without_collection(statement)
        check_stored(collection)
        check = self._request.operation.check
        source = plan_of(collection, statement.query)
        first = source.first(transaction.unit, check)
        if first is not None:
            count_lookup(self._request, source)
        found = [] if first is None else [first]
        writer = self._writer(transaction, collection)
        outcome = change_documents(writer, statement, found, check)
        if statement.upsert and not found:
            outcome.upserted_id = insert_upsert(writer, statement)
        if self._request.retry is not None:
            stage_retried(self._request, transaction, "update", outcome.recorded())
        return outcome

    def _parse(self, transaction: Transaction, collection: Collection | None) -> UpdateStatement:
        """Parse the statement; see `parse_statement`."""
        return parse_statement(self._request, collection, self._spec, self._let)

    def _without_collection(self, statement: UpdateStatement) -> UpdateOutcome:
        """Return the outcome of a statement whose collection does not exist, so that no document matches.

        Raises:
            MissingCollection: if the statement is an upsert, so that the collection must be created first.
        """
        if statement.upsert:
            raise MissingCollection(self._request.db, self._name)
        return UpdateOutcome()

    def _writer(self, transaction: Transaction, collection: Collection) -> Writer:
        return open_writer(self._request.services, transaction, collection, bypass_validation=self._bypass_validation)


class _ManyUpdates(OneUpdate):
    """The execution of a statement that updates all matching documents in batches, with one transaction per batch."""

    __slots__ = ("_collection", "_matched", "_statement", "_targets")

    _statement: UpdateStatement

    def run(self) -> UpdateOutcome:
        """Run the statement and return its outcome."""
        self._targets: Targets | None = None
        # The collection for which the statement was parsed.
        self._collection: Collection | None = None
        total = UpdateOutcome()
        while True:
            self._matched = total.matched
            outcome = super().run()
            total.matched += outcome.matched
            total.modified += outcome.modified
            total.upserted_id = outcome.upserted_id
            if self._targets is not None:
                self._targets.done(outcome.matched)
            if outcome.failure is not None:
                raise outcome.failure
            if self._targets is None or self._targets.at_end:
                return total

    def _body(self, transaction: Transaction) -> UpdateOutcome:
        targets = self._begun(transaction)
        check_stored(self._collection)
        found = targets.read(transaction)
        if targets.collection is None:
            return self._without_collection(self._statement)
        writer = self._writer(transaction, targets.collection)
        try:
            outcome = change_documents(writer, self._statement, found, self._request.operation.check)
            if self._statement.upsert and targets.at_end and not found and not self._matched:
                outcome.upserted_id = insert_upsert(writer, self._statement)
        except CommandError as error:
            if concerns_store(error):
                raise
            # Documents updated before the failing one stay updated but are not counted, as in MongoDB.
            return UpdateOutcome(failure=error)
        return outcome

    def _begun(self, transaction: Transaction) -> Targets:
        """Parse the statement if necessary, and return its target documents.

        The statement is parsed before the first batch. If the first batch conflicts and the collection is replaced, it is parsed again.
        """
        collection = transaction.catalog.find(self._request.db, self._name)
        if self._targets is None or (not self._targets.has_begun and collection is not self._collection):
            self._collection = collection
            self._statement = parse_statement(self._request, collection, self._spec, self._let)
            check, query = self._request.operation.check, self._statement.query
            self._targets = Targets(self._request.services, self._request.db, self._name, query, check, stay=True)
        return self._targets


class _SeriesUpdates(_ManyUpdates):
    """The execution of an update of a time-series collection, which updates the buckets instead of the measurements."""

    __slots__ = ("_of_series",)

    def __init__(self, request: Request, name: str, spec: dict[str, Any], let: dict[str, Any], bypass_validation: bool) -> None:
        super().__init__(request, name, spec, let, bypass_validation)
        self._of_series = (name, spec)

    def _begun(self, transaction: Transaction) -> Targets:
        if self._targets is None or not self._targets.has_begun:
            name, spec = self._of_series
            series = transaction.catalog.find(self._request.db, name)
            self._name, self._spec = update_of_buckets(self._request, series, spec)
        return super()._begun(transaction)


def change_documents(writer: Writer, statement: UpdateStatement, documents: list[Target], check: Callable[[], None]) -> UpdateOutcome:
    """Update at least one document, and continue until the transaction is large. Return the outcome.

    Arguments:
        check: raises an error to interrupt the operation.
    """
    query, changes = statement.query, statement.update
    run = writer.update_run
    if changes.needs_array_index and query.match is not None:
        run = partial(_update_located, writer, query.match.array_index)
    if len(documents) <= 1:
        # A single document, the usual case, needs no interruption check.
        return UpdateOutcome(len(documents), run(documents, 0, 1, changes) if documents else 0)
    pace, total = Pace(check), len(documents)
    matched, stop, modified = 0, min(FIRST_INTERVAL, total), 0
    while True:
        modified += run(documents, matched, stop, changes)
        matched = stop
        if matched == total:
            break
        stop = min(matched + pace.look(), total)
        if writer.is_large:
            break
    return UpdateOutcome(matched, modified)


def _update_located(
    writer: Writer, locate: Callable[[bytes], int | None], targets: list[Target], start: int, stop: int, change: Update
) -> int:
    """Update documents like `Writer.update_run`, by an update that depends on the index of the array element that the query matched."""
    modified = 0
    for record_id, document in targets[start:stop]:
        new = change.apply(document, array_index=locate(document))
        if new is not document:
            writer.update(document, new, record_id, change.entry(document, new))
            modified += 1
    return modified


def insert_upsert(writer: Writer, statement: UpdateStatement) -> Any:
    """Insert the document of an upsert, and return its `_id`."""
    query = statement.query
    match = query.match if query.match is not None else parse_match({}, query.context)
    document = upsert_document(match, statement.update, query.context)
    writer.insert(document)
    return prepared_id(document)
