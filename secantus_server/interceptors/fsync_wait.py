"""Makes writes wait while the fsync lock is held.

https://www.mongodb.com/docs/manual/reference/command/fsync/
"""

from __future__ import annotations

from secantus_server.dispatch.interceptors import Call, Interceptor
from secantus_server.dispatch.registry import command_to_run, writes
from secantus_server.dispatch.services import Services


class FsyncWait(Interceptor):
    """An interceptor that makes writes wait while the fsync lock is held."""

    def __init__(self, services: Services) -> None:
        self._lock = services.fsync_lock

    @property
    def is_active(self) -> bool:
        """Return whether the fsync lock is held."""
        return self._lock.is_held

    def before(self, call: Call) -> None:
        """If the command writes, block until the fsync lock is released.

        Raises:
            CommandError: the error that interrupted the operation.
        """
        if writes(command_to_run(call.name), call.body) or call.name == "commitTransaction":
            self._lock.wait(call.operation)
