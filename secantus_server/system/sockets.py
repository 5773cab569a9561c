"""Blocking TCP sockets beneath the module `socket`, whose class a test's tools replace or forbid."""

from __future__ import annotations

import _socket
import os
import sys

#: How many connections may wait to be accepted.
BACKLOG = 512


class Socket(_socket.socket):
    """A socket of the operating system. `with`, timeouts and files are not needed here."""

    def accept(self) -> tuple[Socket, tuple[str, int]]:
        """Wait for a connection; gives its socket, which blocks, and the address of the other end."""
        descriptor, address = self._accept()  # type: ignore[attr-defined]
        accepted = Socket(self.family, self.type, self.proto, descriptor)
        # `socket.setdefaulttimeout` holds for all new sockets of the process.
        accepted.setblocking(True)
        return accepted, (address[0], address[1])


def listen(host: str, port: int) -> Socket:
    """Listen on an address of the host, on an IPv4 one rather than on one of IPv6, as clients try those too.

    Raises:
        OSError: the host's name cannot be resolved (`socket.gaierror`), or the address cannot be listened on.
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
