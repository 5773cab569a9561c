"""Blocking TCP sockets below the module `socket`, whose class test tools replace or disable."""

from __future__ import annotations

import _socket
import os
import sys

#: Maximum number of connections waiting to be accepted.
BACKLOG = 512


class Socket(_socket.socket):
    """A socket of the operating system, without context manager, timeouts and file objects."""

    def accept(self) -> tuple[Socket, tuple[str, int]]:
        """Wait for a connection; return its blocking socket and the peer's address."""
        descriptor, address = self._accept()  # type: ignore[attr-defined]
        accepted = Socket(self.family, self.type, self.proto, descriptor)
        # `socket.setdefaulttimeout` applies to all new sockets of the process.
        accepted.setblocking(True)
        return accepted, (address[0], address[1])


def listen(host: str, port: int) -> Socket:
    """Listen on one of the host's addresses, preferring IPv4: clients that resolve the name to IPv6 also try IPv4.

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
