"""The 16 bytes before every message, and the limits of a message.

https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/#standard-message-header
"""

from __future__ import annotations

import struct
from typing import NamedTuple

OP_REPLY = 1
OP_QUERY = 2004
OP_COMPRESSED = 2012
OP_MSG = 2013

HEADER_SIZE = 16
MAX_MESSAGE_SIZE = 48_000_000
MAX_DOCUMENT_SIZE = 16 * 1024 * 1024
# Commands and replies may be larger than a user's document by this much.
INTERNAL_HEADROOM = 16 * 1024
MAX_WRITE_BATCH_SIZE = 100_000

_HEADER = struct.Struct("<iiii")
_KNOWN = frozenset([OP_QUERY, OP_COMPRESSED, OP_MSG])
_HTTP = (b"GET ", b"POST", b"HEAD", b"PUT ", b"OPTI")


class ProtocolError(Exception):
    """The bytes are no message; there is nothing to answer, the connection is closed."""


class Header(NamedTuple):
    """A message's header; `length` includes the header itself."""

    length: int
    request_id: int
    response_to: int
    op_code: int


def parse_header(data: bytes | bytearray | memoryview) -> Header:
    """Read a header from its 16 bytes.

    Raises:
        ProtocolError: the length cannot be one, or the bytes are the first ones of another protocol.
    """
    header = tuple.__new__(Header, _HEADER.unpack_from(data))
    if header.op_code not in _KNOWN:
        _refuse_other_protocols(bytes(data[:4]))
    if not HEADER_SIZE <= header.length <= MAX_MESSAGE_SIZE:
        raise ProtocolError(f"a message of {header.length} bytes is not possible")
    return header


def _refuse_other_protocols(start: bytes) -> None:
    """Say what came, where that is plain: a client of TLS would wait for an answer until it gives up, and nobody would know why."""
    if start[:2] == b"\x16\x03":
        raise ProtocolError("a TLS handshake came, but the server does not speak TLS; connect without tls=true")
    if start in _HTTP:
        raise ProtocolError("an HTTP request came, but this is no HTTP server; connect with a MongoDB driver or mongosh")


def build_header(body_length: int, request_id: int, response_to: int, op_code: int) -> bytes:
    """The header for a body of so many bytes."""
    return _HEADER.pack(HEADER_SIZE + body_length, request_id, response_to, op_code)
