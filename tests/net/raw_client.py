"""A client that sends and receives raw bytes."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Any, Protocol

import bson

from tests.wire.messages import command

MORE_TO_COME = 2
EXHAUST_ALLOWED = 1 << 16


class Listening(Protocol):
    """A server of this process or another."""

    @property
    def port(self) -> int:
        """The port that it listens on."""


class RawClient:
    """A client with one connection."""

    def __init__(self, server: Listening) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise EOFError(f"closed after {len(data)} of {size} bytes")
            data += piece
        return data

    def receive_message(self) -> bytes:
        """Return the next whole message."""
        start = self._read(16)
        return start + self._read(struct.unpack_from("<i", start)[0] - 16)

    def receive(self) -> tuple[int, int, dict[str, Any]]:
        """Return the flags, the `responseTo` and the document of the next OP_MSG."""
        raw = self.receive_message()
        _, _, response_to, op_code, flags = struct.unpack_from("<iiiiI", raw)
        assert op_code == 2013
        return flags, response_to, bson.decode(raw[21:])

    def run(self, document: dict[str, Any], flags: int = 0) -> dict[str, Any]:
        """Return the reply to a command."""
        self.send(command(document, flags))
        return self.receive()[2]

    def is_closed(self) -> bool:
        """Return whether the server closes the connection instead of sending data; wait for either."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.socket.close()


@contextlib.contextmanager
def connected(server: Listening) -> Iterator[RawClient]:
    """Connect a client, and close it at the end of the block."""
    client = RawClient(server)
    try:
        yield client
    finally:
        client.close()
