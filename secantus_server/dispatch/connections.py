"""The registry of connected clients, with the total traffic of all clients since the server started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secantus_server.dispatch.usage import Usage
from secantus_server.records import NamedTuple
from secantus_server.system._threads import Lock

if TYPE_CHECKING:
    from secantus_server.dispatch.client import ClientInfo


class Traffic(NamedTuple):
    """The numbers of bytes and requests on one or more connections."""

    bytes_in: int = 0
    bytes_out: int = 0
    requests: int = 0

    def plus(self, client: ClientInfo) -> Traffic:
        """Return the sum of this traffic and the traffic of a connection."""
        return Traffic(self.bytes_in + client.bytes_in, self.bytes_out + client.bytes_out, self.requests + client.requests)


class Connections:
    """The connections of a server.

    Threads: `_lock` guards `_clients`, `_traffic` and `_usage`. A connection's own thread updates its `ClientInfo` without the lock, and
    all other threads only read the `ClientInfo`.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._clients: dict[int, ClientInfo] = {}
        # The total traffic of closed connections.
        self._traffic = Traffic()
        self._usage = Usage()

    def add(self, client: ClientInfo) -> None:
        """Register a connection."""
        with self._lock:
            self._clients[client.connection_id] = client

    def remove(self, client: ClientInfo) -> None:
        """Remove a closed connection, and add its traffic and usage to the totals."""
        with self._lock:
            if self._clients.pop(client.connection_id, None) is not None:
                self._traffic = self._traffic.plus(client)
                self._usage.add(client.usage)

    def find(self, connection_id: int) -> ClientInfo | None:
        """Return the connection with an id, or None if absent."""
        with self._lock:
            return self._clients.get(connection_id)

    def all(self) -> list[ClientInfo]:
        """Return the connections, oldest first."""
        with self._lock:
            return list(self._clients.values())

    def traffic(self) -> Traffic:
        """Return the numbers of bytes and requests of all connections, including closed connections."""
        with self._lock:
            total = self._traffic
            for client in self._clients.values():
                total = total.plus(client)
        return total

    def usage(self) -> Usage:
        """Return the counts and times of the commands of all connections, including closed connections."""
        total = Usage()
        with self._lock:
            for usage in (self._usage, *(client.usage for client in self._clients.values())):
                total.add(usage)
        return total

    def forget(self, db: str, collection: str | None = None) -> None:
        """Remove the usage statistics of a dropped collection, or of all collections of a dropped database.

        The server's totals do not change.
        """
        with self._lock:
            for usage in (self._usage, *(client.usage for client in self._clients.values())):
                usage.forget(db, collection)
