"""secantusAdmin.restoreArchive: restores an archive to a new directory. MongoDB has no such command.

The running server continues to use its current directory, because it cannot replace open files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bson.int64 import Int64
from bson.timestamp import Timestamp

from secantus_server.auth.collections import USERS, USERS_DB
from secantus_server.auth.privileges import Grants
from secantus_server.backup.restore import restore_archive
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import Authorized, on_cluster
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request

# The namespaces that a restored archive may contain; "" stands for all databases or collections.
_CONTENTS = (("", ""), ("config", ""), (USERS_DB, USERS))


def _may_restore(_call: Authorized, grants: Grants) -> bool:
    """Return whether the user may write everything that an archive may contain. The role `restore` grants this."""
    return all("insert" in grants.on(db, collection) for db, collection in _CONTENTS)


@command(
    "secantusAdmin.restoreArchive",
    {"archivePath": a.string(required=True), "targetPath": a.string(required=True)},
    admin_only=True,
    privileges=on_cluster(by_arguments=("insert",), check=_may_restore),
)
def restore_to_directory(request: Request, args: dict[str, Any]) -> Reply:
    """Verify an archive and restore it to a directory that does not exist or is empty. Both paths are on the server's machine."""
    services, target = request.services, Path(args["targetPath"]).absolute()
    begun = services.clock.monotonic()
    manifest = restore_archive(Path(args["archivePath"]).absolute(), target, lambda _size: request.operation.check())
    without = "" if manifest.includes_users else "; the backup contains no users and roles"
    services.log.info(f"restored a backup to {target}{without}", component="STORAGE")
    return {
        "targetPath": str(target),
        "files": len(manifest.files),
        "includesUsers": manifest.includes_users,
        "timestamp": Timestamp(manifest.stamp >> 32, manifest.stamp & 0xFFFFFFFF),
        "durationMillis": Int64(int((services.clock.monotonic() - begun) * 1000)),
    }
