"""The pages for backups of a Secantus server, and for restoring them."""

from __future__ import annotations

from typing import Any, Final

from secantus_console.errors import InputError
from secantus_console.page import Answer, Call, Moved, Page, posted, shown

_RESTORE: Final = "secantusAdmin.restoreArchive"


def backup(call: Call) -> Answer:
    """Show which data can be backed up, and how to restore a backup."""
    commands = call.client.admin.command("listCommands")["commands"]
    status = call.client.admin.command("serverStatus")
    data: dict[str, Any] = {
        "available": "secantusAdmin.backupArchive" in commands,
        "restores": _RESTORE in commands,
        "inMemory": status.get("storageEngine", {}).get("persistent") is False,
    }
    return Page("backup.html", "Backup", data)


def take(call: Call) -> Answer:
    """Write a backup archive to a file on the server's machine."""
    path = call.required("output")
    if not path.endswith(".tar.gz"):
        raise InputError("The name of an archive ends in .tar.gz.")
    reply = call.client.admin.command("secantusAdmin.backupArchive", outputPath=path, includeUsers=call.text("users") == "include")
    users = "with" if reply["includesUsers"] else "without"
    text = f"Wrote {reply['outputPath']}, {users} users and roles: {reply['sizeBytes']:,} bytes in {reply['durationMillis']:,} ms."
    return Moved("/backup", text)


def restore(call: Call) -> Answer:
    """Restore a backup archive to a new directory on the server's machine."""
    archive, target = call.required("archive"), call.required("target")
    call.check_typed(target)
    reply = call.client.admin.command(_RESTORE, archivePath=archive, targetPath=target)
    users = "" if reply["includesUsers"] else " The archive contains no users and roles."
    text = f"Restored {reply['files']:,} files to {reply['targetPath']}.{users} Start a server on this directory to use them."
    return Moved("/backup", text)


ROUTES: Final = (shown("/backup", backup), posted("/backup/take", take), posted("/backup/restore", restore))
