"""Refuses connections beyond the connection limit. The reply to the first message is an error that tells the user what to do."""

from __future__ import annotations

from secantus_server.dispatch.dispatcher import error_reply
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError
from secantus_server.net.transport import Transport
from secantus_server.system._threads import Lock, Thread
from secantus_server.wire.header import HEADER_SIZE, ProtocolError, parse_header
from secantus_server.wire.messages import build_reply, parse_message

# The maximum wait for the header of a refused client's first message (including the TLS handshake), and again for the rest of the message.
TIMEOUT_S = 1.0
# The maximum number of refused clients that are answered at the same time; further connections are closed immediately.
MOST_ANSWERED = 16
# The maximum length of the first message, which is a hello. A longer message is not read.
MAX_HELLO_BYTES = 1 << 16


class Refusal:
    """Refuses connections beyond the connection limit, with an error that tells the client the reason.

    Arguments:
        limit: the maximum number of connections.

    Threads: `_lock` guards `_logged` and `_answering`, which is the number of threads that are replying.
    """

    def __init__(self, services: Services, limit: int) -> None:
        self._services = services
        self._lock = Lock()
        self._answering = 0
        self._logged = False
        remedy = (
            "raise max_connections"
            if services.settings.max_connections
            else "raise the limit on open files (ulimit -n), or the hard limit if that is reached"
        )
        self.sentence = f"The server has reached its limit of {limit} connections: close unused clients, or {remedy}."

    def refuse(self, transport: Transport) -> None:
        """Start a thread that replies to the first message of a connection with an error and closes the connection."""
        self._services.counters.add("connectionsRejected")
        with self._lock:
            first, self._logged = not self._logged, True
            answered = self._answering < MOST_ANSWERED
            self._answering += answered
        if first:
            self._services.log.warning(f"a connection was refused: {self.sentence}", component="NETWORK")
        if not answered:
            transport.close()
            return
        try:
            Thread(self._answer, (transport,), "secantus-refuse").start()
        except RuntimeError:
            self._end(transport)

    def _end(self, transport: Transport) -> None:
        transport.close()
        with self._lock:
            self._answering -= 1

    def _answer(self, transport: Transport) -> None:
        try:
            start = transport.receive_exactly(HEADER_SIZE, timeout_s=TIMEOUT_S)
            header = parse_header(start)
            if header.length <= MAX_HELLO_BYTES:
                message = parse_message(header, transport.receive_exactly(header.length, start, TIMEOUT_S))
                transport.send(build_reply(message, error_reply(CommandError(1, self.sentence), self._services), 1))
        except (OSError, EOFError, ProtocolError) as error:
            self._services.log.debug(f"could not tell a refused client the reason: {error}", component="NETWORK")
        finally:
            self._end(transport)
