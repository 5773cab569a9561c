"""fsync and fsyncUnlock. https://www.mongodb.com/docs/manual/reference/command/fsync/"""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64

from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.operations import Operation
from secantus_server.dispatch.privileges import on_cluster
from secantus_server.dispatch.registry import Reply, command, command_to_run, is_command, writes
from secantus_server.dispatch.request import Request


def _timeout_ms(name: str, value: Any) -> int:
    """Check the timeout, which must be an int32, and return it. A negative timeout counts as 0."""
    if type(value) is not int:
        raise a.wrong_type(name, value, "int")
    return max(value, 0)


@command(
    "fsync",
    {"lock": a.boolean(), "async": a.boolean(), "fsyncLockAcquisitionTimeoutMillis": a.Field(_timeout_ms, 90_000)},
    admin_only=True,
    privileges=on_cluster("fsync"),
)
def fsync(request: Request, args: dict[str, Any]) -> Reply:
    """Write a checkpoint to disk, and optionally block all writes until fsyncUnlock."""
    services = request.services
    if not args["lock"]:
        services.engine.checkpoint()
        return {"numFiles": 1}
    timeout_s = args["fsyncLockAcquisitionTimeoutMillis"] / 1000
    count = services.fsync_lock.acquire(request.operation, services.operations, _is_write, timeout_s)
    services.engine.checkpoint()
    return {
        "info": "now locked against writes, use db.fsyncUnlock() to unlock",
        "lockCount": Int64(count),
        "seeAlso": "http://dochub.mongodb.org/core/fsynccommand",
    }


def _is_write(operation: Operation) -> bool:
    """Return whether a running operation may write."""
    name = next(iter(operation.body))
    return name == "commitTransaction" or (is_command(name) and writes(command_to_run(name), operation.body))


@command("fsyncUnlock", lenient=True, admin_only=True, privileges=on_cluster("unlock"))
def fsync_unlock(request: Request, _args: dict[str, Any]) -> Reply:
    """Decrement the count of the fsync lock, which can be acquired several times. Writes continue once the count is 0.

    Raises:
        CommandError: 20 IllegalOperation if the lock is not held.
    """
    return {"info": "fsyncUnlock completed", "lockCount": Int64(request.services.fsync_lock.release())}
