"""Observes commands that have run: writes the profiler's documents and the log's lines about slow commands.

https://www.mongodb.com/docs/manual/tutorial/manage-the-database-profiler/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import encode
from secantus_server.commands.create import create_collection
from secantus_server.commands.document_writer import DocumentWriter
from secantus_server.commands.operations import Operation
from secantus_server.commands.profile_entries import profile_entries
from secantus_server.commands.registry import Reply
from secantus_server.commands.request import ClientInfo
from secantus_server.commands.services import Services
from secantus_server.commands.writing import write_transaction
from secantus_server.errors import CommandError
from secantus_server.exec.uninterrupted import uninterrupted
from secantus_server.storage import RecoveryUnit, StorageError
from secantus_server.wire.message import Message

PROFILE = "system.profile"
MAX_BYTES = 1024 * 1024

# hello waits as long as the client likes, and profile concerns the profiler itself.
_NEVER_OBSERVED = frozenset(["hello", "isMaster", "ismaster", "profile"])


def observe(
    services: Services, client: ClientInfo, operation: Operation, message: Message, seconds: float, result: Reply | CommandError
) -> None:
    """Profile and log a command that took longer than the observer's threshold."""
    name, millis = next(iter(operation.body)), int(seconds * 1000)
    if name in _NEVER_OBSERVED:
        return
    profiling, logs_all = services.observer.profiling, services.observer.logs_all
    slow = seconds * 1000 > profiling.slow_ms and services.clock.random.random() < profiling.sample_rate
    if slow or logs_all:
        _log(services, operation, name, millis, slow)
    level, chosen = profiling.levels.get(operation.db, 0), profiling.filters.get(operation.db)
    if not level or (level == 1 and chosen is None and not slow):
        return
    for entry in profile_entries(services, client, operation, message, millis, result):
        if chosen is None or chosen[1].matches(encode(entry)):
            _write(services, operation.db, entry)


def _log(services: Services, operation: Operation, name: str, millis: int, slow: bool) -> None:
    target = operation.body[name]
    namespace = f"{operation.db}.{target}" if type(target) is str else operation.db
    what = "Slow command" if slow else "Command"
    write = services.log.info if slow else services.log.debug
    write(f"{what} {name} on {namespace}: {millis} ms (conn{operation.connection_id})")


def make_profile_collection(services: Services, db: str) -> None:
    """Make the collection that the profiler writes to, unless there is one."""
    create_collection(services, db, PROFILE, {"capped": True, "size": MAX_BYTES}, if_missing=True)


def _write(services: Services, db: str, entry: dict[str, Any]) -> None:
    """Store a document of the profiler. A failure is only logged: the command itself has been done."""
    document = encode({"_id": services.clock.object_id(), **entry})

    def work(unit: RecoveryUnit) -> None:
        collection = services.catalog.find(db, PROFILE)
        if collection is None or collection.is_view:
            return
        writer = DocumentWriter(services, unit, collection, bypass_validation=True, replicated=False)
        writer.insert(document)
        writer.commit()

    try:
        make_profile_collection(services, db)
        write_transaction(services, uninterrupted, work)
    except StorageError as error:
        if error.fatal:
            raise
        services.log.warning(f"the profiler could not write to {db}.{PROFILE}: {error.message}")
    except CommandError as error:
        services.log.warning(f"the profiler could not write to {db}.{PROFILE}: {error.message}")
