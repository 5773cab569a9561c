"""How commands write: transactions that are tried again on a conflict, and what the write commands share.

A statement's failure keeps what the statements before it wrote, as in MongoDB; a conflict with another transaction is never seen by
the client.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from bson.int64 import Int64

from secantus_server.bson import decode_unique
from secantus_server.catalog.collection import Collection
from secantus_server.commands.concerns import is_unacknowledged, waits_for_disk
from secantus_server.commands.create import create_collection
from secantus_server.commands.registry import Reply
from secantus_server.commands.request import Request
from secantus_server.commands.services import Services
from secantus_server.errors import CommandError
from secantus_server.storage import CacheTooSmall, RecoveryUnit, WriteConflict

T = TypeVar("T")
WriteErrors = list[dict[str, Any]]

MAX_STATEMENTS = 100_000
# What the cache has no room for is tried again so often, for others may have filled it.
CACHE_TRIES = 3
OUT_OF_SPACE = 14031


def write_transaction(services: Services, check: Callable[[], None], work: Callable[[RecoveryUnit], T]) -> T:
    """Do some work in a transaction, again if it conflicts with another one, or if a full store can give back room.

    Arguments:
        check: asked before each try whether to go on.
        work: reads and writes through the unit and commits; it may be called several times.

    Raises:
        CommandError: what the work raises; 14031 OutOfDiskSpace where the store has no room for it.
    """
    if services.engine.is_crowded():
        services.engine.relieve()
    unit = services.engine.acquire()
    too_large = 0
    has_made_room = False
    try:
        while True:
            check()
            try:
                unit.begin()
                return work(unit)
            except WriteConflict as error:
                services.counters.add("writeConflicts")
                too_large += isinstance(error, CacheTooSmall)
                if too_large == CACHE_TRIES:
                    raise
            except CommandError as error:
                if error.code != OUT_OF_SPACE or has_made_room:
                    raise
                if unit.in_transaction:
                    unit.rollback()
                has_made_room = services.engine.make_room()
                if not has_made_room:
                    raise
            finally:
                if unit.in_transaction:
                    unit.rollback()
    finally:
        services.engine.release(unit)


def writable_collection(request: Request, name: str) -> Collection:
    """The collection to write to, made if it is not there.

    Raises:
        CommandError: 166 CommandNotSupportedOnView, 73 InvalidNamespace.
    """
    collection = request.services.catalog.find(request.db, name)
    if collection is None:
        collection = create_collection(request.services, request.db, name, {}, if_missing=True)
    check_not_view(collection)
    return collection


def check_not_view(collection: Collection | None) -> None:
    """Refuse to write to a view.

    Raises:
        CommandError: 166 CommandNotSupportedOnView.
    """
    if collection is not None and collection.is_view:
        raise CommandError(166, f"Namespace {collection.namespace} is a view, not a collection")


def statements(request: Request, key: str, body: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """The statements of a write command, from its body or sent beside it.

    Raises:
        CommandError: 16 InvalidLength, 40414, 40413 and 238 for two fields of one name.
    """
    sent = request.sequences.get(key)
    if sent is not None:
        found = [decode_unique(document) for document in sent]
    elif body is not None:
        found = body
    else:
        raise CommandError(40414, f"BSON field '{request.name}.{key}' is missing but a required field")
    check_statement_count(len(found))
    return found


def check_statement_count(count: int) -> None:
    """Hold the number of a command's statements to the limit.

    Raises:
        CommandError: 16 InvalidLength.
    """
    if not 1 <= count <= MAX_STATEMENTS:
        raise CommandError(16, f"Write batch sizes must be between 1 and {MAX_STATEMENTS}. Got {count} operations.")


def write_error(index: int, error: CommandError) -> dict[str, Any]:
    """A statement's entry in `writeErrors`."""
    return {"index": index, "code": error.code, "errmsg": error.message, **error.info}


def finish_write(request: Request, reply: Reply, errors: WriteErrors, *, silent: bool = True) -> Reply:
    """Complete the reply of a write command: its errors, and when it was made.

    Arguments:
        silent: a write of `w: 0` is answered with nothing but `ok`.
    """
    concern = request.body.get("writeConcern")
    if silent and is_unacknowledged(concern):
        return {}
    if errors:
        reply["writeErrors"] = errors
    if waits_for_disk(concern) or request.services.settings.sync_on_commit:
        request.services.engine.flush_log()
    if request.services.settings.replica_set:
        services = request.services
        reply["electionId"] = services.topology.election_id
        reply["opTime"] = {"ts": services.oplog.last_timestamp(), "t": Int64(1)}
    return reply
