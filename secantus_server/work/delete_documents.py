"""Deletion of documents, for the delete commands and for TTL indexes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from secantus_server.catalog.collection import Collection
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.transaction_numbers import check_single, executed_before
from secantus_server.dispatch.unit_of_work import Transaction, UnitOfWork
from secantus_server.errors import CommandError
from secantus_server.query.canonical import CanonicalQuery, parse_query
from secantus_server.query.find import plan_of
from secantus_server.query.plan import Found
from secantus_server.storage.errors import concerns_store
from secantus_server.work.batches import FIRST_INTERVAL, Pace, Target, Targets
from secantus_server.work.reading import command_context, count_lookup
from secantus_server.work.retried import stage_retried
from secantus_server.work.timeseries_deletes import MeasurementDeletion
from secantus_server.work.writers import open_writer
from secantus_server.work.writing import OverBuckets, check_stored


def parse_delete(request: Request, collection: Collection | None, spec: dict[str, Any], let: dict[str, Any]) -> CanonicalQuery:
    """Parse a delete statement.

    Arguments:
        collection: the collection to delete from, or None if it does not exist.

    Raises:
        CommandError: if the statement is invalid.
    """
    limit = a.integer()("delete.deletes.limit", spec["limit"])
    if limit not in (0, 1):
        raise CommandError(9, f"The limit field in delete objects must be 0 or 1. Got {limit}")
    check_single(request, limit == 0, "limit=0")
    ctx = command_context(request, let=let, collation=spec["collation"], collection=collection)
    return parse_query(spec["q"], ctx, hint=spec["hint"], limit=limit)


def run_delete(request: Request, name: str, spec: dict[str, Any], let: dict[str, Any]) -> int:
    """Parse and run a delete statement, and return the number of deleted documents.

    Raises:
        CommandError: if the statement is invalid or the operation was interrupted. Documents already deleted remain deleted.
    """
    services, check = request.services, request.operation.check
    if request.retry is not None and executed_before(request, request.statement, "delete") is not None:
        return 1
    targets: Targets | None = None

    def body(transaction: Transaction) -> Deleted:
        nonlocal targets
        targets = None
        collection = transaction.catalog.find(request.db, name)
        check_stored(collection)
        query = parse_delete(request, collection, spec, let)
        if collection is None:
            return Deleted()
        if query.limit:
            found = first_match(request, transaction, collection, query)
        else:
            # Read the first batch in this transaction, because the statement was parsed for the collection of this transaction.
            targets = Targets(services, request.db, name, query, check, stay=False)
            found = targets.read(transaction)
        outcome = delete_documents(services, transaction, collection, found, check)
        if request.retry is not None:
            stage_retried(request, transaction, "delete", outcome.deleted)
        return outcome

    try:
        outcome = request.work.write(body, check)
    except OverBuckets:
        return _delete_measurements(request, name, spec, let)
    if targets is not None:
        return delete_matches(services, request.work, targets, check, outcome)
    if outcome.failure is not None:
        raise outcome.failure
    return outcome.deleted


def first_match(request: Request, transaction: Transaction, collection: Collection, query: CanonicalQuery) -> list[Found]:
    """Return the first matching document as a list of one item, or an empty list if no document matches."""
    source = plan_of(collection, query)
    first = source.first(transaction.unit, request.operation.check)
    if first is None:
        return []
    count_lookup(request, source)
    return [first]


def _delete_measurements(request: Request, name: str, spec: dict[str, Any], let: dict[str, Any]) -> int:
    """Run a delete statement on a time-series collection, and return the number of deleted measurements."""
    deletion: MeasurementDeletion | None = None

    def body(transaction: Transaction) -> int:
        nonlocal deletion
        if deletion is None or not deletion.has_begun:
            # The statement is parsed for the collection from which its first batch is read.
            series = transaction.catalog.find(request.db, name)
            if series is None or not series.is_timeseries:
                raise CommandError(26, f"ns does not exist: {request.db}.{name}")
            deletion = MeasurementDeletion(request, series, parse_delete(request, series, spec, let))
        return deletion.delete(transaction)

    total = 0
    while True:
        total += request.work.write(body, request.operation.check)
        if deletion is None or deletion.committed():
            return total


def delete_matches(services: Services, work: UnitOfWork, targets: Targets, check: Callable[[], None], first: Deleted | None = None) -> int:
    """Delete all documents that match a statement, in batches, and return the number of deleted documents.

    Arguments:
        first: the outcome of the first batch if it is already committed, or None.

    Raises:
        CommandError: the error of `check`, or 175 QueryPlanKilled. Documents already deleted remain deleted.
    """

    def body(transaction: Transaction) -> Deleted:
        found = targets.read(transaction)
        return Deleted() if targets.collection is None else delete_documents(services, transaction, targets.collection, found, check)

    total = 0
    outcome = work.write(body, check) if first is None else first
    while True:
        targets.done(outcome.deleted)
        total += outcome.deleted
        if outcome.failure is not None:
            raise outcome.failure
        if targets.at_end:
            return total
        outcome = work.write(body, check)


class Deleted(NamedTuple):
    """The outcome of a delete: the number of deleted documents, and the error that stopped it, or None."""

    deleted: int = 0
    failure: CommandError | None = None


def delete_documents(
    services: Services, transaction: Transaction, collection: Collection, documents: list[Target], check: Callable[[], None]
) -> Deleted:
    """Delete documents until the transaction reaches its size limit, but at least one. Return the outcome.

    Arguments:
        check: raises an error to interrupt the operation. Documents already deleted remain deleted.
    """
    writer = open_writer(services, transaction, collection)
    total = len(documents)
    if total <= 1:
        # A single document, the usual case, needs no interruption check.
        for record_id, document in documents:
            writer.delete(document, record_id)
        return Deleted(total)
    pace, position, stop = Pace(check), 0, min(FIRST_INTERVAL, total)
    try:
        while True:
            writer.delete_run(documents, position, stop)
            position = stop
            if position == total:
                break
            stop = min(position + pace.look(), total)
            if transaction.is_large:
                break
    except CommandError as error:
        if concerns_store(error):
            raise
        return Deleted(len(writer.changes), error)
    return Deleted(position)
