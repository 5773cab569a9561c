"""Sends commands and messages that a driver does not send, over a socket."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bson import decode, encode
from pymongo.database import Database

_OP_MSG = 2013


@contextmanager
def connected(db: Database[dict[str, Any]]) -> Iterator[socket.socket]:
    """Connect to a database's server."""
    address = db.client.address
    assert address is not None, "the client is connected"
    with socket.create_connection(address, timeout=10) as connection:
        yield connection


def exchange(connection: socket.socket, payload: bytes, opcode: int = _OP_MSG) -> bytes | None:
    """Send a message with a header, and return the whole reply. Return None if the server closes the connection."""
    connection.sendall(struct.pack("<iiii", 16 + len(payload), 7, 0, opcode) + payload)
    return receive(connection)


def receive(connection: socket.socket) -> bytes | None:
    """Return the next message. Return None if the server closes the connection."""
    header = _read(connection, 4)
    if header is None:
        return None
    rest = _read(connection, struct.unpack("<i", header)[0] - 4)
    return None if rest is None else header + rest


def _read(connection: socket.socket, size: int) -> bytes | None:
    data = b""
    while len(data) < size:
        try:
            piece = connection.recv(size - len(data))
        except ConnectionError:
            return None
        if not piece:
            return None
        data += piece
    return data


def message(document: dict[str, Any], flags: int = 0) -> bytes:
    """Return the payload of an OP_MSG with one document."""
    return struct.pack("<I", flags) + b"\0" + encode(document)


def body(reply: bytes | None) -> dict[str, Any]:
    """Return the document of an OP_MSG reply."""
    assert reply is not None, "the server closed the connection"
    return decode(reply[21:])


def send(db: Database[dict[str, Any]], document: dict[str, Any]) -> dict[str, Any]:
    """Send one command over a new connection, exactly as given. Return the reply."""
    with connected(db) as connection:
        return body(exchange(connection, message(document)))
