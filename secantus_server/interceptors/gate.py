"""The gate, an interceptor with which a test harness can make the server refuse commands.

While the gate is closed, the server refuses all commands except those that drivers need to connect and disconnect.
"""

from __future__ import annotations

from typing import Final

from secantus_server.dispatch.interceptors import Call, Interceptor, Interceptors
from secantus_server.dispatch.registry import command_to_run
from secantus_server.errors import CommandError

ILLEGAL_OPERATION: Final = 20
#: The commands that pass a closed gate.
PASSING: Final = frozenset(["hello", "isMaster", "saslStart", "saslContinue", "logout", "endSessions"])


class Gate(Interceptor):
    """An interceptor that refuses commands while a test harness has closed the gate.

    Arguments:
        interceptors: the server's interceptors.
    """

    def __init__(self, interceptors: Interceptors) -> None:
        self._interceptors = interceptors
        self._reason: str | None = None

    @property
    def is_active(self) -> bool:
        """Return whether the gate is closed."""
        return self._reason is not None

    def close(self, reason: str | None) -> None:
        """Close the gate, or open it if the reason is None.

        Arguments:
            reason: the error message for the refused commands; None opens the gate.
        """
        self._reason = reason
        self._interceptors.refresh()

    def before(self, call: Call) -> None:
        """Raise an error if the gate is closed.

        Raises:
            CommandError: 20 IllegalOperation.
        """
        reason = self._reason
        if reason is not None and command_to_run(call.name).name not in PASSING:
            raise CommandError(ILLEGAL_OPERATION, reason)
