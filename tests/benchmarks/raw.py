"""A single-connection client that can send a command without waiting for the reply, and without pymongo's threads, which affect
measurements.
"""

from __future__ import annotations

import socket
import struct
from types import TracebackType
from typing import Any

import bson

OP_MSG = 2013


class RawConnection:
    """A connection to the server on a local port."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> RawConnection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._socket.close()

    def send(self, document: dict[str, Any]) -> None:
        """Send a command. The default of `$db` is "bench"."""
        # The command's name must come first.
        body = bson.encode({**document, "$db": document.get("$db", "bench")})
        self._socket.sendall(struct.pack("<iiiiIB", 21 + len(body), 1, 0, OP_MSG, 0, 0) + body)

    def receive(self) -> dict[str, Any]:
        """Return the next reply. Raise AssertionError if the reply is an error."""
        (length,) = struct.unpack("<i", self._read(4))
        reply: dict[str, Any] = bson.decode(self._read(length - 4)[17:])
        assert reply["ok"], reply
        return reply

    def run(self, document: dict[str, Any]) -> dict[str, Any]:
        """Send a command and return its reply."""
        self.send(document)
        return self.receive()

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self._socket.recv(size - len(data))
            assert piece, "the server has closed the connection"
            data += piece
        return data
