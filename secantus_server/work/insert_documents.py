"""Insertion of documents, for insert and bulkWrite."""

from __future__ import annotations

from secantus_server.bson.values import timestamp_seconds
from secantus_server.dispatch.operations import Operation
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.transaction_numbers import executed_before
from secantus_server.dispatch.unit_of_work import Transaction
from secantus_server.errors import CommandError
from secantus_server.storage import StorageError
from secantus_server.storage.errors import OUT_OF_SPACE
from secantus_server.work.writers import open_writer
from secantus_server.work.writing import WriteErrors, writable, write_error

# The maximum number of documents in a transaction. A transaction ends earlier if it is large.
CHUNK = 1000


def insert_documents(
    request: Request, name: str, documents: list[bytes], *, ordered: bool, bypass_validation: bool
) -> tuple[int, WriteErrors]:
    """Insert documents into a collection. Create the collection if it does not exist.

    Arguments:
        documents: valid BSON documents, as sent by the client.
        ordered: whether to stop at the first error.

    Returns:
        the number of inserted documents, and the write errors.
    """
    if request.retry is not None and request.retry.executed:
        return _insert_remaining(request, name, documents, ordered, bypass_validation)
    return _insert_run(request, name, documents, 0, len(documents), ordered, bypass_validation)


def _insert_remaining(
    request: Request, name: str, documents: list[bytes], ordered: bool, bypass_validation: bool
) -> tuple[int, WriteErrors]:
    """Retry a retryable insert. Skip the documents that an earlier attempt inserted, but count them as inserted.

    Return the same values as `insert_documents`.
    """
    total, position = 0, 0
    errors: WriteErrors = []
    while position < len(documents) and not (errors and ordered):
        done, stop = _executed(request, position), position + 1
        while stop < len(documents) and _executed(request, stop) == done:
            stop += 1
        if done:
            total += stop - position
        else:
            count, failed = _insert_run(request, name, documents, position, stop, ordered, bypass_validation)
            total, errors = total + count, [*errors, *failed]
        position = stop
    return total, errors


def _executed(request: Request, index: int) -> bool:
    """Return whether an earlier attempt of the retryable write inserted the document at this position."""
    return executed_before(request, request.statement + index, "insert") is not None


def _insert_run(
    request: Request, name: str, documents: list[bytes], start: int, stop: int, ordered: bool, bypass_validation: bool
) -> tuple[int, WriteErrors]:
    """Insert the documents from index `start` to `stop` (exclusive). Return the number of inserted documents, and the write errors."""
    total, position = 0, start
    errors: WriteErrors = []
    while position < stop and not (errors and ordered):
        chunk = Chunk(request, name, documents, position, stop, ordered, bypass_validation)
        try:
            total += request.work.write(chunk.run, request.operation.check)
            errors += chunk.errors
        except CommandError as error:
            # If the error is a StorageError (the disk is full), the store has stopped, so the whole command fails.
            if error.code != OUT_OF_SPACE or isinstance(error, StorageError):
                raise
            errors += chunk.refused(error)
        if chunk.interruption is not None:
            raise chunk.interruption
        position = chunk.reached
    return total, errors


class Chunk:
    """The documents to insert in one transaction. After `run`, `reached` is the index of the first document that was not processed.

    Arguments:
        start, stop: the indexes in `documents` of the first document, and of the first document that does not belong to the chunk.
    """

    __slots__ = (
        "_bypass_validation", "_ends_at_error", "_ordered", "_request", "_start", "_stop", "_timestamps", "documents",
        "errors", "interruption", "name", "reached",
    )  # fmt: skip

    def __init__(
        self, request: Request, name: str, documents: list[bytes], start: int, stop: int, ordered: bool, bypass_validation: bool
    ) -> None:
        self._request = request
        self.name = name
        self.documents = documents
        self._start = self.reached = start
        # A retryable write ends its transaction after a failed document, because one record of the log of retryable writes covers only
        # consecutive statements.
        has_ids = request.retry is not None and request.body.get("stmtIds") is not None
        self._stop = start + 1 if has_ids else min(start + CHUNK, stop)
        self._ends_at_error = ordered or request.retry is not None
        self._ordered = ordered
        self._bypass_validation = bypass_validation
        self.errors: WriteErrors = []
        # The error that interrupted the command, or None. Documents inserted before the interruption stay.
        self.interruption: CommandError | None = None
        self._timestamps = 0

    def run(self, transaction: Transaction) -> int:
        """Insert the documents, and return the number of inserted documents."""
        services = self._request.services
        collection = writable(transaction, self._request.db, self.name)
        writer = open_writer(services, transaction, collection, bypass_validation=self._bypass_validation)
        self.errors = []
        position, stop, count = self._start, self._stop, 0
        operation = self._request.operation
        while position < stop and not transaction.is_large:
            if position > self._start and (interruption := _interruption(operation)) is not None:
                self.interruption = interruption
                break
            end = min(position + writer.run_length, stop)
            reached, error = writer.insert_run(self.documents, position, end, self._timestamp, operation.check)
            count += reached - position
            position = reached
            if error is not None:
                if operation.is_ended_by(error):
                    self.interruption = error
                    break
                self.errors.append(write_error(reached, error.of(services.release)))
                position += 1
                if self._ends_at_error:
                    break
        self.reached = position
        write = self._request.retry
        if write is not None and count:
            # If the client sent statement ids, each document has its own transaction, so consecutive ids are not needed.
            first = self._request.statement_id(self._request.statement + self._start)
            transaction.retried = (write, ("insert", first, first + count - 1, None))
        return count

    def refused(self, error: CommandError) -> WriteErrors:
        """Return the write errors for the case that the store ran out of space. None of the chunk's documents was inserted then."""
        stop = self.reached = self._stop
        return [write_error(index, error) for index in range(self._start, self._start + 1 if self._ordered else stop)]

    def _timestamp(self) -> int:
        """Return the value that replaces an empty timestamp, or 0 if the command sets `bypassEmptyTsReplacement`.

        The value is unique. It is later than the newest oplog entry, unless a test has changed the clock.
        """
        if self._request.body.get("bypassEmptyTsReplacement"):
            return 0
        clock = self._request.services.clock
        self._timestamps += 1
        if clock.is_moved:
            return timestamp_seconds(clock.now_ms()) << 32 | self._timestamps
        last = self._request.services.oplog.newest
        return int(last.time) << 32 | int(last.inc) + self._timestamps


def _interruption(operation: Operation) -> CommandError | None:
    """Return the error with which an operation was interrupted, or None."""
    try:
        operation.check()
    except CommandError as error:
        return error
    return None
