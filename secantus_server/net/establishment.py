"""The rate limit for new connections, which protects the server if many clients connect at the same time.

https://www.mongodb.com/docs/manual/tutorial/configure-rate-limiter/

The server parameters `ingressConnectionEstablishment...` configure the limit. They are read for each connection, so a change applies
immediately.
"""

from __future__ import annotations

import math

from secantus_server.dispatch import establishment as parameters
from secantus_server.dispatch.parameters import parameter_value
from secantus_server.dispatch.services import Services
from secantus_server.net.connection import Connection
from secantus_server.system._threads import Lock
from secantus_server.system.conditions import Event

# How often a waiting connection checks whether its client has disconnected and whether the limit still applies.
LOOK_S = 0.1


class Establishment:
    """The rate limit for new connections: a token bucket that fills at the configured rate. Each connection takes one token or waits for
    the next.

    Threads: `_lock` guards `_tokens`, `_filled` and `_waiting`. The threads of new connections acquire it.

    Arguments:
        closing: an event that is set when the server closes.
    """

    def __init__(self, services: Services, closing: Event) -> None:
        self._services = services
        self._closing = closing
        self._lock = Lock()
        # Negative if connections wait: each of them has taken a token that the bucket does not have yet.
        self._tokens = math.inf
        self._filled = 0.0
        self._waiting = 0

    def admit(self, connection: Connection) -> bool:
        """Block a new connection's thread until a token is available, then return whether the connection may be served."""
        if not self._applies():
            return True
        wait_s = self._take()
        if wait_s is None:
            self._services.counters.add(parameters.REJECTED)
            return False
        return not wait_s or self._wait(connection, self._services.clock.monotonic() + wait_s)

    def _applies(self) -> bool:
        return bool(parameter_value(self._services, parameters.ENABLED))

    def _take(self) -> float | None:
        """Take a token, and return the seconds until the token becomes available. Return None if too many connections are waiting."""
        rate = parameter_value(self._services, parameters.RATE)
        capacity = rate * parameter_value(self._services, parameters.BURST)
        depth = parameter_value(self._services, parameters.DEPTH)
        with self._lock:
            now = self._services.clock.monotonic()
            tokens = min(self._tokens + (now - self._filled) * rate, capacity)
            self._tokens, self._filled = tokens, now
            if tokens < 1 and self._waiting >= depth:
                return None
            self._tokens -= 1
            if tokens >= 1:
                return 0.0
            self._waiting += 1
        self._services.counters.add(parameters.QUEUED)
        return float((1 - tokens) / rate)

    def _wait(self, connection: Connection, until: float) -> bool:
        """Wait until a token is available, then return True. Return False if the client disconnects or the server closes first."""
        clock = self._services.clock
        try:
            while self._applies() and (left_s := until - clock.monotonic()) > 0:
                if self._closing.wait(min(left_s, LOOK_S)):
                    return False
                if connection.peek_closed():
                    self._services.counters.add(parameters.INTERRUPTED)
                    return False
            return True
        finally:
            self._services.counters.add(parameters.QUEUED, -1)
            with self._lock:
                self._waiting -= 1
