"""A minimal wire protocol client, which can send bytes that no driver would send. It sends one OP_MSG and receives one OP_MSG at a time.

Specification: https://github.com/mongodb/specifications/blob/master/source/message/OP_MSG.md
"""

from __future__ import annotations

import itertools
import socket
import struct
from typing import Any

import bson

_HEADER = struct.Struct("<iiii")
_OP_MSG = 2013
_REQUEST_IDS = itertools.count(1)
_MAX_REPLY = 48_000_000


class WireConnection:
    """A connection to a server. As a context manager, it closes at the end of the `with` block."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self._socket = socket.create_connection((host, port), timeout=timeout)

    def __enter__(self) -> WireConnection:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def command(self, body: bytes) -> dict[str, Any]:
        """Send a raw command document and return the reply. Raise ConnectionError if the server disconnects or its reply is invalid."""
        message = struct.pack("<i", 0) + b"\0" + body
        self._socket.sendall(_HEADER.pack(_HEADER.size + len(message), next(_REQUEST_IDS), 0, _OP_MSG) + message)
        length, _, _, code = _HEADER.unpack(self._read(_HEADER.size))
        if code != _OP_MSG or not _HEADER.size + 5 < length <= _MAX_REPLY:
            raise ConnectionError(f"The server replies with opcode {code} and {length} bytes.")
        payload = self._read(length - _HEADER.size)
        return dict(bson.decode(payload[5:]))

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self._socket.recv(count - len(data))
            if not part:
                raise ConnectionError("The server closed the connection.")
            data += part
        return data


def document(*elements: bytes) -> bytes:
    """Build a BSON document from raw elements."""
    body = b"".join(elements) + b"\0"
    return struct.pack("<i", len(body) + 4) + body


def element(kind: int, name: str, value: bytes) -> bytes:
    """Build a raw BSON element."""
    return bytes([kind]) + name.encode() + b"\0" + value


def string(name: str, text: str) -> bytes:
    """Build a BSON string element."""
    data = text.encode() + b"\0"
    return element(0x02, name, struct.pack("<i", len(data)) + data)


def int32(name: str, number: int) -> bytes:
    """Build a BSON int32 element."""
    return element(0x10, name, struct.pack("<i", number))
