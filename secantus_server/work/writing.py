"""Functions that write commands share: the target collection, statements and replies."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from bson.int64 import Int64

from secantus_server.bson import decode_unique
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.concerns import is_unacknowledged
from secantus_server.dispatch.names import OPLOG_DATABASE, check_not_oplog
from secantus_server.dispatch.registry import Reply
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.session_statements import ends_transaction
from secantus_server.dispatch.unit_of_work import MissingCollection, Transaction
from secantus_server.errors import CommandError, not_supported
from secantus_server.modules import import_late

WriteErrors = list[dict[str, Any]]

MAX_STATEMENTS = 100_000
# The code of CommandNotSupportedOnView, an error that fails the whole command, not only one statement.
ON_VIEW = 166
# The term of every optime. It never changes, because a single node never elects another primary.
_TERM = Int64(1)


def writable(transaction: Transaction, db: str, name: str) -> Collection:
    """Return the collection into which a command inserts. For a time-series collection, this is the view.

    Raises:
        MissingCollection: if the collection does not exist. The unit of work then creates it.
        CommandError: 166 CommandNotSupportedOnView, 73 InvalidNamespace.
    """
    collection = transaction.catalog.find(db, name)
    if collection is None:
        raise MissingCollection(db, name)
    if not collection.is_timeseries:
        check_not_view(collection)
    return collection


def check_not_view(collection: Collection | None) -> None:
    """Raise if the target of a write is a view.

    Raises:
        CommandError: 166 CommandNotSupportedOnView.
    """
    if collection is not None and collection.is_view:
        raise CommandError(ON_VIEW, f"Namespace {collection.namespace} is a view, not a collection")


def check_explains(args: dict[str, Any]) -> None:
    """Raise if explain is requested for a write with Queryable Encryption, which would have to write the state collections.

    Raises:
        CommandError: 238.
    """
    if args["encryptionInformation"] is not None:
        raise not_supported("explain of a write with encryptionInformation", "explain a find with the same query")


def check_one_statement(specs: list[dict[str, Any]]) -> None:
    """Raise if a command has several updates or deletes.

    Raises:
        CommandError: 2 BadValue.
    """
    if len(specs) > 1:
        raise CommandError(2, "A command with Queryable Encryption can have only one update or delete")


def encrypted_write(name: str, information: dict[str, Any]) -> Callable[..., Any]:
    """Return the function of `work.encrypted.writes` with a given name, which writes to an encrypted collection.

    Arguments:
        information: the command's `encryptionInformation`.
    """
    return partial(getattr(import_late("secantus_server.work.encrypted.writes"), name), information=information)


class OverBuckets(Exception):
    """The exception for an update or delete on a time-series collection. The caller must run it as a different statement on the buckets."""


def check_stored(collection: Collection | None) -> None:
    """Raise if the target of an update or delete is a view.

    Raises:
        CommandError: 166 CommandNotSupportedOnView.
        OverBuckets: if the view is a time-series collection.
    """
    if collection is not None and collection.is_view:
        if collection.is_timeseries:
            raise OverBuckets
        check_not_view(collection)


def statements(request: Request, key: str, body: list[dict[str, Any]] | None, *, may_be_empty: bool = False) -> list[dict[str, Any]]:
    """Return the statements of a write command, which are in its body or in a document sequence.

    Raises:
        CommandError: 16 InvalidLength, 40414, 40413, and 238 for duplicate field names.
    """
    if request.db == OPLOG_DATABASE:
        check_not_oplog(request.db, request.body[request.name])
    sent = request.sequences.get(key)
    if sent is not None:
        found = [decode_unique(document) for document in sent]
    elif body is not None:
        found = body
    else:
        raise CommandError(40414, f"BSON field '{request.name}.{key}' is missing but a required field")
    if found or not may_be_empty:
        check_statement_count(len(found))
    return found


def check_statement_count(count: int) -> None:
    """Raise if a command has no statements or too many.

    Raises:
        CommandError: 16 InvalidLength.
    """
    if not 1 <= count <= MAX_STATEMENTS:
        raise CommandError(16, f"Write batch sizes must be between 1 and {MAX_STATEMENTS}. Got {count} operations.")


def stops_at_error(request: Request, ordered: bool) -> bool:
    """Return whether a write command stops at its first failing statement. Within a transaction, every write command does.

    Arguments:
        ordered: the command's `ordered` option.
    """
    return ordered or request.transaction is not None


def note_failure(request: Request, errors: WriteErrors, index: int, error: CommandError) -> None:
    """Append a statement's error to the write errors. If the error concerns the whole command, raise it instead.

    Raises:
        CommandError: the given error.
    """
    if request.operation.is_ended_by(error) or error.code == ON_VIEW or ends_transaction(request, error):
        raise error
    errors.append(write_error(index, error.of(request.services.release)))


def write_error(index: int, error: CommandError) -> dict[str, Any]:
    """Return the `writeErrors` entry of a failed statement."""
    return {"index": index, "code": error.code, "errmsg": error.message, **error.info}


def finish_write(request: Request, reply: Reply, errors: WriteErrors, *, silent: bool = True) -> Reply:
    """Add the write errors and the operation time to the reply of a write command, and return it.

    Arguments:
        silent: whether the reply to an unacknowledged write (`w: 0`) contains only `ok`.
    """
    concern = request.body.get("writeConcern")
    if silent and is_unacknowledged(concern):
        return {}
    if errors:
        reply["writeErrors"] = errors
    if request.services.settings.replica_set:
        services = request.services
        reply["electionId"] = services.topology.election_id
        # A retried write that was already executed returns the operation time of its first execution.
        time = None if request.retry is None else request.retry.last_time
        reply["opTime"] = {"ts": time or services.oplog.newest, "t": _TERM}
    return reply
