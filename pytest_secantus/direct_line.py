"""A replacement for the sockets of pymongo's connections, and the adapters between the two."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from secantus_server.net.direct import DirectConnection


class Line:
    """A replacement for the socket of a pymongo connection. It sends and receives whole messages.

    Arguments:
        direct: the connection to the server.
        timeout_s: the time limit of each command, or None.
    """

    __slots__ = ("direct", "timeout_s", "waiter")

    def __init__(self, direct: DirectConnection, timeout_s: float | None) -> None:
        self.direct = direct
        self.timeout_s = timeout_s
        #: The future that a task awaits until a reply arrives; None if no task waits.
        self.waiter: asyncio.Future[None] | None = None

    def __del__(self) -> None:
        """Close the connection when a client is garbage-collected without having been closed."""
        self.direct.close()

    def wake(self) -> None:
        """Wake the task that waits for a reply. Any thread may call this."""
        waiter = self.waiter
        if waiter is not None:
            # The loop may have been closed.
            with suppress(RuntimeError):
                waiter.get_loop().call_soon_threadsafe(resolve, waiter)

    def settimeout(self, timeout: float | None) -> None:
        """Set the time limit of all following commands."""
        self.timeout_s = timeout

    def fileno(self) -> int:
        """Raise ValueError, because a Line has no file descriptor.

        Raises:
            ValueError: always.
        """
        raise ValueError("a direct connection has no file descriptor")


class _LineInterface:
    """The base class of the adapters between a Line and pymongo's connections."""

    __slots__ = ("__weakref__", "conn")

    def __init__(self, line: Line) -> None:
        self.conn = line

    @property
    def get_conn(self) -> Line:
        """The adapted Line."""
        return self.conn

    @property
    def sock(self) -> Line:
        """The adapted Line."""
        return self.conn

    def settimeout(self, timeout: float | None) -> None:
        """Set the time limit of all following commands."""
        self.conn.timeout_s = timeout

    def is_closing(self) -> bool:
        """Return whether either side has closed the connection."""
        return self.conn.direct.is_closed


class Interface(_LineInterface):
    """The adapter between a Line and pymongo's synchronous connection."""

    __slots__ = ()

    def gettimeout(self) -> float | None:
        """Return the time limit of commands."""
        return self.conn.timeout_s

    def close(self) -> None:
        """Close the connection."""
        self.conn.direct.close()


class AsyncInterface(_LineInterface):
    """The adapter between a Line and pymongo's asynchronous connection."""

    __slots__ = ()

    @property
    def gettimeout(self) -> float | None:
        """Return the time limit of commands."""
        return self.conn.timeout_s

    async def close(self) -> None:
        """Close the connection."""
        self.conn.direct.close()


def resolve(future: asyncio.Future[None]) -> None:
    """Resolve a future unless it was cancelled."""
    if not future.done():
        future.set_result(None)
