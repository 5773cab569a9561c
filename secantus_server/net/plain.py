"""The transport over an unencrypted socket."""

from __future__ import annotations

import _socket
from collections.abc import Callable

from secantus_server.diagnostics.cores import usable_cores
from secantus_server.net._peers import is_own_process
from secantus_server.net._receive import Receiver, Turn
from secantus_server.system._clock import monotonic
from secantus_server.system.sockets import Socket, peek, receive_exactly

# How long a connection spins for the next message before blocking: pymongo's turnaround is 50 to 100 microseconds.
PATIENCE_US = 300
# How long a connection keeps the turn while other clients of the server's process wait: much longer than waking the threads at
# a change of turn takes. With ten threads that call without pause, each thread waits for at most nine such periods.
SHARE_US = 2000

# The maximum number of bytes received at once while there is a timeout.
PIECE_BYTES = 1 << 16


def new_turn() -> Turn:
    """Return the lock that the connections of a server share, so that only one connection runs commands at a time.

    With a single core, spinning for the next message is disabled, because it would delay the client.
    """
    return Turn(PATIENCE_US, SHARE_US) if usable_cores() > 1 else Turn(0)


class PlainTransport:
    """A Transport over a socket.

    Arguments:
        sock: a blocking socket, which the transport owns from now on.
        turn: the lock that the server's connections share to run commands; see `new_turn`.
    """

    # Bound methods of compiled objects, without a Python frame around them: both run once per message.
    receive: Callable[[], bytes]
    send: Callable[[bytes], None]

    def __init__(self, sock: Socket, turn: Turn) -> None:
        self._sock = sock
        # The client's end of a Unix domain socket has no address by which it could be found in this process.
        receiver = Receiver(sock, turn, not sock.is_unix and is_own_process(sock.fileno()))
        self.receive = receiver.receive
        self.send = sock.sendall
        self.push: Callable[[bytes], int] | None = receiver.push

    def receive_exactly(self, size: int, start: bytes = b"", timeout_s: float | None = None) -> bytes:
        """Wait for `size` bytes and return them, as `Transport.receive_exactly` does."""
        if timeout_s is None:
            return receive_exactly(self._sock, size, start)
        deadline = monotonic() + timeout_s
        pieces = [start]
        missing = size - len(start)
        while missing > 0:
            piece = self.receive_until(deadline, missing)
            if not piece:
                raise EOFError(f"closed after {size - missing} of {size} bytes")
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def receive_until(self, deadline: float, size: int = PIECE_BYTES) -> bytes:
        """Wait for at least one byte, then return up to `size` available bytes. At the end of the stream, return an empty value.

        Arguments:
            deadline: when to stop waiting, on the monotonic clock.

        Raises:
            TimeoutError: nothing arrived before the deadline.
            OSError: the connection is broken.
        """
        left_s = deadline - monotonic()
        if left_s <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left_s)
        try:
            return self._sock.recv(min(size, PIECE_BYTES))
        finally:
            # The compiled receiver needs a blocking socket.
            self._sock.settimeout(None)

    def peek(self, size: int) -> bytes | None:
        """Return up to `size` available bytes without removing them from the stream, or None if no byte is available yet.

        At the end of the stream, return an empty value. A broken connection counts as ended, so no error is raised.
        """
        return peek(self._sock, size)

    def peek_closed(self) -> bool:
        """Return whether the client has closed the connection, as `Transport.peek_closed` does."""
        return peek(self._sock, 1) == b""

    def stop_receiving(self) -> None:
        """Shut down the socket for receiving.

        Raises:
            OSError: the socket is no longer connected.
        """
        self._sock.shutdown(_socket.SHUT_RD)

    def shut_down(self) -> None:
        """Shut down the socket in both directions.

        Raises:
            OSError: the socket is no longer connected.
        """
        self._sock.shutdown(_socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket's descriptor."""
        self._sock.close()
