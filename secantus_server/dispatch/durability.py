"""Waits until a command's writes have reached the disk. https://www.mongodb.com/docs/manual/reference/write-concern/#j-option"""

from __future__ import annotations

from secantus_server.dispatch.concerns import waits_for_disk
from secantus_server.dispatch.request import Request


def settle(request: Request) -> None:
    """Wait until a command's writes are on disk, if its write concern or the server's settings require it."""
    if request.services.settings.sync_on_commit or waits_for_disk(request.body.get("writeConcern")):
        request.services.engine.flush_log()
