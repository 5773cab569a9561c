"""secantusAdmin.backupArchive: a backup of the storage directory. MongoDB does not have this command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bson.int64 import Int64
from bson.timestamp import Timestamp

from secantus_server.auth.privileges import Grants
from secantus_server.backup.take import take_backup
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import Authorized, on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request

# The contents of an archive: all databases, the server's own databases, and the users.
_CONTENTS = (("", ""), ("config", ""), ("local", ""), ("admin", "system.users"))


def _may_copy(_call: Authorized, grants: Grants) -> bool:
    """Return whether the user may read everything, as the role `backup` may."""
    return all("find" in grants.on(db, collection) for db, collection in _CONTENTS)


@command(
    "secantusAdmin.backupArchive",
    {"outputPath": a.string(required=True)},
    admin_only=True,
    privileges=on_cluster(by_arguments=("find",), check=_may_copy),
)
def backup_archive(request: Request, args: dict[str, Any]) -> Reply:
    """Write a consistent archive of the storage directory to a file on the server's machine. Writes continue during the backup."""
    services, path = request.services, Path(args["outputPath"]).absolute()
    begun = services.clock.monotonic()
    manifest = take_backup(services.engine, services.oplog, services.clock, path, lambda _size: request.operation.check())
    services.log.info(f"wrote the backup {path}", component="STORAGE")
    return {
        "outputPath": str(path),
        "sizeBytes": Int64(path.stat().st_size),
        "files": len(manifest.files),
        "timestamp": Timestamp(manifest.stamp >> 32, manifest.stamp & 0xFFFFFFFF),
        "durationMillis": Int64(int((services.clock.monotonic() - begun) * 1000)),
    }
