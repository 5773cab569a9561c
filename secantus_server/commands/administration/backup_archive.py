"""secantusAdmin.backupArchive: writes a backup of the storage directory. MongoDB has no such command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bson.int64 import Int64
from bson.timestamp import Timestamp

from secantus_server.auth.collections import ROLES, USERS, USERS_DB
from secantus_server.auth.privileges import Grants
from secantus_server.backup.take import take_backup
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import Authorized, on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request

# The namespaces that an archive contains: all databases, and the server's internal databases. "" stands for all databases or collections.
_CONTENTS = (("", ""), ("config", ""), ("local", ""))
_WITH_USERS = (*_CONTENTS, (USERS_DB, USERS), (USERS_DB, ROLES))


def _may_copy(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may read everything that the backup contains. The role `backup` grants this."""
    contents = _WITH_USERS if call.body.get("includeUsers") else _CONTENTS
    return all("find" in grants.on(db, collection) for db, collection in contents)


@command(
    "secantusAdmin.backupArchive",
    {"outputPath": a.string(required=True), "includeUsers": a.boolean(False)},
    admin_only=True,
    privileges=on_cluster(by_arguments=("find",), check=_may_copy),
)
def backup_archive(request: Request, args: dict[str, Any]) -> Reply:
    """Write a consistent archive of the storage directory to a file on the server's machine. Clients can write during the backup.

    The archive contains users and roles only if `includeUsers` is true.
    """
    services, path = request.services, Path(args["outputPath"]).absolute()
    begun = services.clock.monotonic()
    check, with_users = request.operation.check, args["includeUsers"]
    manifest = take_backup(services.engine, services.oplog, services.clock, path, lambda _size: check(), with_users=with_users)
    services.log.info(f"wrote the backup {path}, {'with' if with_users else 'without'} users and roles", component="STORAGE")
    return {
        "outputPath": str(path),
        "sizeBytes": Int64(path.stat().st_size),
        "files": len(manifest.files),
        "includesUsers": manifest.includes_users,
        "timestamp": Timestamp(manifest.stamp >> 32, manifest.stamp & 0xFFFFFFFF),
        "durationMillis": Int64(int((services.clock.monotonic() - begun) * 1000)),
    }
