"""Connections beyond the limit: the first message is answered with an error that says what to do, then the connection is closed."""

from __future__ import annotations

from collections.abc import Callable

from secantus_server.dispatch.dispatcher import error_reply
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError
from secantus_server.system._threads import Lock, Thread
from secantus_server.system.sockets import Socket
from secantus_server.wire.header import HEADER_SIZE, ProtocolError, parse_header
from secantus_server.wire.messages import build_reply, parse_message

# How long a refused client may take to send its first message.
TIMEOUT_S = 1.0
# How many refused clients are answered at a time; the connections of others are closed at once.
MOST_ANSWERED = 16
# The first message is a hello; anything longer is not read.
MAX_HELLO_BYTES = 1 << 16


class Refusal:
    """Tells the clients of refused connections why.

    Arguments:
        limit: how many connections there may be.

    Threads: `_lock` guards `_answering`, the number of threads that answer, and `_logged`.
    """

    def __init__(self, services: Services, limit: int) -> None:
        self._services = services
        self._lock = Lock()
        self._answering = 0
        self._logged = False
        remedy = (
            "raise max_connections"
            if services.settings.max_connections
            else "raise the limit of open files (ulimit -n), or the hard limit if it is at that"
        )
        self.sentence = f"The server has {limit} connections, which is its limit: close clients that are no longer used, or {remedy}."

    def refuse(self, sock: Socket) -> None:
        """Answer the first message of a connection with the reason, in a thread of its own, and close it."""
        self._services.counters.add("connectionsRejected")
        with self._lock:
            first, self._logged = not self._logged, True
            answered = self._answering < MOST_ANSWERED
            self._answering += answered
        if first:
            self._services.log.warning(f"a connection was refused: {self.sentence}")
        if not answered:
            sock.close()
            return
        try:
            Thread(self._answer, (sock,), "secantus-refuse").start()
        except RuntimeError:
            self._end(sock)

    def _end(self, sock: Socket) -> None:
        sock.close()
        with self._lock:
            self._answering -= 1

    def _answer(self, sock: Socket) -> None:
        try:
            sock.settimeout(TIMEOUT_S)
            start = _read(sock.recv, HEADER_SIZE)
            header = parse_header(start)
            if header.length <= MAX_HELLO_BYTES:
                message = parse_message(header, start + _read(sock.recv, header.length - HEADER_SIZE))
                sock.sendall(build_reply(message, error_reply(CommandError(1, self.sentence), self._services), 1))
        except (OSError, EOFError, ProtocolError) as error:
            self._services.log.debug(f"a refused client did not wait for the reason: {error}")
        finally:
            self._end(sock)


def _read(receive: Callable[[int], bytes], size: int) -> bytes:
    """Receive exactly so many bytes.

    Raises:
        EOFError: the other side has closed the connection.
    """
    data = b""
    while len(data) < size:
        piece = receive(size - len(data))
        if not piece:
            raise EOFError(f"closed after {len(data)} of {size} bytes")
        data += piece
    return data
