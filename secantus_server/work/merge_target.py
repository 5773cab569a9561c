"""The collection that `$merge` writes to.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/merge/
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import MissingCollection, Transaction
from secantus_server.errors import CommandError
from secantus_server.mql.context import Collation
from secantus_server.pipeline.host import Found, WriteTarget
from secantus_server.query.canonical import parse_query
from secantus_server.query.find import plan_of
from secantus_server.query.point import value_lookup
from secantus_server.storage.errors import concerns_store
from secantus_server.work.prepared_documents import prepare_made_document
from secantus_server.work.writers import Writer, open_writer
from secantus_server.work.writing import check_not_view

T = TypeVar("T")


class MergeTarget:
    """The implementation of `pipeline.host.WriteTarget` for one transaction.

    Arguments:
        transaction: the transaction in which the target is read and written.
        collation: the collation for comparing strings in `find`.
    """

    def __init__(self, request: Request, transaction: Transaction, db: str, name: str, collation: Collation | None, bypass: bool) -> None:
        self._request = request
        self._unit = transaction.unit
        self._namespace = (db, name)
        self._collation = collation
        self._collection = transaction.catalog.find(db, name)
        check_not_view(self._collection)
        self.writer: Writer | None = None
        if self._collection is not None:
            self.writer = open_writer(request.services, transaction, self._collection, bypass_validation=bypass)

    def find(self, values: dict[str, Any]) -> Found | None:
        """Return the document that has the given values at the given paths, or None."""
        collection = self._collection
        if collection is None:
            return None
        if len(values) == 1:
            [(path, value)] = values.items()
            lookup = value_lookup(collection, path, value, self._collation)
            if lookup is not None:
                return lookup.first(self._unit)
        context = self._request.parse_context(collation=self._collation)
        query = parse_query({path: {"$eq": value} for path, value in values.items()}, context)
        return plan_of(collection, query).first(self._unit, self._request.operation.check)

    def insert(self, document: bytes) -> None:
        """Insert a document. Create the collection if it does not exist.

        Raises:
            CommandError: 11000, 121, or another write error.
            WriteConflict: if the transaction must be retried.
        """
        if self.writer is None:
            raise MissingCollection(*self._namespace)
        self.writer.insert(prepare_made_document(document, self._request.services.clock))

    def replace(self, found: Found, new: bytes, entry: bytes) -> None:
        """Replace a document that `find` returned.

        Arguments:
            entry: the field `o` of the oplog entry.

        Raises:
            CommandError: 11000, 121, or another write error.
            WriteConflict: if the transaction must be retried.
        """
        assert self.writer is not None, "it was found in a collection"
        self.writer.update(found[1], new, found[0], entry)


def merge_documents(
    request: Request, make_target: Callable[[Transaction], MergeTarget], documents: Sequence[T], merge: Callable[[WriteTarget, T], None]
) -> CommandError | None:
    """Merge documents into a target, with many documents per transaction.

    Arguments:
        make_target: returns the target for a transaction.
        merge: merges one document atomically. It is called again after a write conflict.

    Returns:
        the first error of a document, or None. Documents after the failing one are still merged.

    Raises:
        CommandError: if the operation was interrupted. Documents already written remain.
    """
    failure: CommandError | None = None
    position = 0

    def body(transaction: Transaction) -> Merged:
        return _merge_some(request, make_target(transaction), transaction, documents[position:], merge)

    while position < len(documents):
        merged = request.work.write(body, request.operation.check)
        if merged.interruption is not None:
            raise merged.interruption
        position += merged.merged
        failure = failure or merged.failure
    return failure


class Merged(NamedTuple):
    """The outcome of one transaction: the number of processed documents, the first error of a document, and the interruption's error."""

    merged: int
    failure: CommandError | None
    interruption: CommandError | None = None


def _merge_some(
    request: Request, target: MergeTarget, transaction: Transaction, documents: Sequence[T], merge: Callable[[WriteTarget, T], None]
) -> Merged:
    """Merge documents until the transaction is large or an error ends the operation. Return the outcome."""
    reached = 0
    failed: CommandError | None = None
    try:
        while reached < len(documents) and (not reached or not transaction.is_large):
            request.operation.check()
            try:
                merge(target, documents[reached])
            except CommandError as error:
                if concerns_store(error) or request.operation.is_ended_by(error):
                    raise
                failed = failed or error
            reached += 1
    except CommandError as error:
        if concerns_store(error):
            raise
        return Merged(reached, failed, error)
    return Merged(reached, failed)
