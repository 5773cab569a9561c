"""The limit on the number of strangers: connections that have not authenticated, on a server that requires authentication.

Drivers monitor the server through connections that never authenticate. Therefore such a connection may stay open, and only its first
command has a deadline. If there are too many strangers, the server closes the oldest stranger of the address that has the most strangers.
Thus an attacker at one address cannot lock out clients at other addresses.
"""

from __future__ import annotations

from collections import Counter

from secantus_server.dispatch.services import Services
from secantus_server.net.connection import Connection

# The bounds of the default limit. It is half of the connection limit, but at least what the monitors of a few clients need.
FEWEST = 16
MOST = 4096


class Strangers:
    """The unauthenticated connections ("strangers") of a server, with a limit on their number.

    Threads: the listener's lock guards all attributes.

    Arguments:
        limit: the maximum number of unauthenticated connections.
    """

    def __init__(self, services: Services, limit: int) -> None:
        self._services = services
        self.limit = limit
        # Ordered by age, oldest first. Some of them may have authenticated since.
        self._connections: dict[Connection, None] = {}
        self._logged = False

    def add(self, connection: Connection) -> None:
        """Add a new connection. If there are too many strangers, close the oldest stranger of the address with the most strangers."""
        if len(self._connections) >= self.limit:
            self._connections = {one: None for one in self._connections if not one.client.users}
        if len(self._connections) >= self.limit:
            self._end_one()
        self._connections[connection] = None

    def remove(self, connection: Connection) -> None:
        """Remove a connection that has ended."""
        self._connections.pop(connection, None)

    def _end_one(self) -> None:
        """Close the oldest stranger of the address with the most strangers."""
        counts = Counter(one.client.address[0] for one in self._connections)
        ((host, count),) = counts.most_common(1)
        victim = next(one for one in self._connections if one.client.address[0] == host)
        del self._connections[victim]
        victim.end()
        self._services.counters.add("connectionsRejected")
        text = (
            f"connection {victim.client.connection_id}: closed: there are {self.limit} connections that have not authenticated, "
            f"{count} of them from {host}; see max_unauthenticated_connections"
        )
        # Only the first time is a warning, so that an attack does not fill the log.
        (self._services.log.debug if self._logged else self._services.log.warning)(text)
        self._logged = True


def default_limit(connection_limit: int) -> int:
    """Return the maximum number of unauthenticated connections for a given maximum number of connections."""
    return min(max(FEWEST, connection_limit // 2), MOST)
