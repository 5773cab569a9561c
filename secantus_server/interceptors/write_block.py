"""Refuses writes while they are blocked by setUserWriteBlockMode.

https://www.mongodb.com/docs/manual/reference/command/setUserWriteBlockMode/
"""

from __future__ import annotations

from secantus_server.dispatch.interceptors import Call, Interceptor
from secantus_server.dispatch.parameters import USER_WRITE_BLOCK
from secantus_server.dispatch.registry import command_to_run, writes
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError
from secantus_server.reserved_names import INTERNAL_DATABASES

_USER_WRITES_BLOCKED = 371


class WriteBlock(Interceptor):
    """An interceptor that refuses writes to users' databases. It is active while setUserWriteBlockMode blocks writes."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @property
    def is_active(self) -> bool:
        """Return whether writes are blocked."""
        return bool(self._services.parameters.get(USER_WRITE_BLOCK))

    def before(self, call: Call) -> None:
        """Raise an error for a write, unless the user may bypass the block.

        Raises:
            CommandError: 371 UserWritesBlocked.
        """
        grants = call.client.grants
        if grants is not None and "bypassWriteBlockingMode" in grants.on_cluster():
            return
        if call.name == "bulkWrite" or (call.db not in INTERNAL_DATABASES and writes(command_to_run(call.name), call.body)):
            raise CommandError(_USER_WRITES_BLOCKED, "User writes blocked")
