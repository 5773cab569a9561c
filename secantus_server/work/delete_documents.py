"""Deletion of documents, by commands and by TTL indexes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.unit_of_work import Transaction, UnitOfWork, concerns_store
from secantus_server.errors import CommandError
from secantus_server.work.batches import FIRST_INTERVAL, Pace, Target, Targets
from secantus_server.work.document_writer import DocumentWriter


def delete_matches(services: Services, work: UnitOfWork, targets: Targets, check: Callable[[], None]) -> int:
    """Delete every document that a statement matches, a batch at a time; return their number.

    Raises:
        CommandError: the error of `check`, or 175; earlier documents remain deleted.
    """

    def body(transaction: Transaction) -> Deleted:
        found = targets.read(transaction)
        return Deleted() if targets.collection is None else delete_documents(services, transaction, targets.collection, found, check)

    total = 0
    while True:
        outcome = work.write(body, check)
        targets.done(outcome.deleted)
        total += outcome.deleted
        if outcome.failure is not None:
            raise outcome.failure
        if targets.at_end:
            return total


class Deleted(NamedTuple):
    """The number of deleted documents, and the error that stopped the deletion."""

    deleted: int = 0
    failure: CommandError | None = None


def delete_documents(
    services: Services, transaction: Transaction, collection: Collection, documents: list[Target], check: Callable[[], None]
) -> Deleted:
    """Delete at least the first document, and the others until the transaction is large.

    Arguments:
        check: raises if the operation was killed or timed out; earlier documents remain deleted.
    """
    writer = DocumentWriter(services, transaction, collection)
    # A single document, the usual case, needs no pace.
    pace, due = Pace(check) if len(documents) > 1 else None, FIRST_INTERVAL
    deleted = 0
    try:
        for record_id, document in documents:
            if pace is not None and not due:
                due = pace.look()
                if transaction.unit.is_large:
                    break
            due -= 1
            writer.delete(document, record_id)
            deleted += 1
    except CommandError as error:
        if concerns_store(error):
            raise
        return Deleted(deleted, error)
    return Deleted(deleted)
