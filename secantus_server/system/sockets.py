"""Blocking sockets, and two operations on any socket. They do not use the class `socket.socket`, because test tools may replace it."""

from __future__ import annotations

import _socket
import os
import sys
from pathlib import Path

#: Maximum number of connections waiting to be accepted.
BACKLOG = 512
#: Maximum number of bytes requested at once. `recv` allocates that many in advance.
PIECE_BYTES = 1 << 20
#: The host of a client of a Unix domain socket, which has no address. It is the name in MongoDB's log.
UNIX_CLIENT = "anonymous unix socket"
# The permissions of a Unix domain socket: only the server's user can connect.
_UNIX_PERMISSIONS = 0o700


class Socket(_socket.socket):
    """An operating system socket, without the context manager, timeouts and file objects of `socket.socket`."""

    def accept(self) -> tuple[Socket, tuple[str, int]]:
        """Wait for a connection, then return its blocking socket and the peer's address."""
        descriptor, address = self._accept()  # type: ignore[attr-defined]
        accepted = Socket(self.family, self.type, self.proto, descriptor)
        # `socket.setdefaulttimeout` applies to all new sockets of the process.
        accepted.setblocking(True)
        return accepted, (UNIX_CLIENT, 0) if self.is_unix else (address[0], address[1])

    @property
    def is_unix(self) -> bool:
        """Return whether this is a Unix domain socket."""
        return self.family == _socket.AF_UNIX


def listen(host: str, port: int) -> Socket:
    """Return a socket that listens on one of the host's addresses.

    IPv4 is preferred, because clients that resolve the name to IPv6 also try IPv4.

    Raises:
        OSError: the host name cannot be resolved (`socket.gaierror`), or the address cannot be bound.
    """
    found = _socket.getaddrinfo(host, port, 0, _socket.SOCK_STREAM)
    family, _, _, _, address = min(found, key=lambda one: one[0] != _socket.AF_INET)
    listener = Socket(family, _socket.SOCK_STREAM)
    try:
        listener.setblocking(True)
        if os.name == "posix" and sys.platform != "cygwin":
            listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        if family == _socket.AF_INET6:
            listener.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def listen_at(path: Path) -> Socket:
    """Return a Unix domain socket that listens at a path. Replace a socket that a terminated process has left there.

    Raises:
        OSError: the path is too long, or a file or a socket with a listener exists at it, or it cannot be created.
    """
    listener = Socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        listener.setblocking(True)
        if _is_left_over(path):
            path.unlink()
        listener.bind(str(path))
        # Nobody can connect before listen().
        path.chmod(_UNIX_PERMISSIONS)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _is_left_over(path: Path) -> bool:
    """Return whether there is a Unix domain socket at a path that no process listens on."""
    probe = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        probe.connect(str(path))
    except ConnectionRefusedError:
        return path.is_socket()
    except OSError:
        return False
    finally:
        probe.close()
    return False


def receive_exactly(sock: _socket.socket, size: int, start: bytes = b"") -> bytes:
    """Wait for `size` bytes and return them. Memory use grows with the bytes received, not with `size`.

    Arguments:
        sock: a blocking socket, or a socket with a timeout, which then applies to each received piece.
        size: the length of the result.
        start: bytes that were already received; the result begins with them.

    Raises:
        EOFError: the peer closed the connection before `size` bytes arrived.
        OSError: the connection is broken; TimeoutError if nothing arrived within the timeout.
    """
    pieces = [start]
    missing = size - len(start)
    while missing > 0:
        piece = sock.recv(min(missing, PIECE_BYTES))
        if not piece:
            raise EOFError(f"closed after {size - missing} of {size} bytes")
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def peek(sock: _socket.socket, size: int) -> bytes | None:
    """Return up to `size` available bytes without removing them from the stream, or None if no byte is available yet.

    Return an empty value if the peer has closed the connection or the connection is broken.
    """
    try:
        return sock.recv(size, _socket.MSG_PEEK | _socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def peek_closed(sock: _socket.socket) -> bool:
    """Return True if the peer has closed the connection and no received bytes are unread. A broken connection counts as closed."""
    return peek(sock, 1) == b""
