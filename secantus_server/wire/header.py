"""The 16-byte header of every message, and the size limits of messages.

https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/#standard-message-header
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial

from secantus_server.records import NamedTuple

OP_REPLY = 1
OP_QUERY = 2004
OP_COMPRESSED = 2012
OP_MSG = 2013

HEADER_SIZE = 16
MAX_MESSAGE_SIZE = 48_000_000
MAX_DOCUMENT_SIZE = 16 * 1024 * 1024
# The amount by which commands and replies may exceed the size limit of user documents.
INTERNAL_HEADROOM = 16 * 1024
MAX_WRITE_BATCH_SIZE = 100_000

_HEADER = struct.Struct("<iiii")
_KNOWN = frozenset([OP_QUERY, OP_COMPRESSED, OP_MSG])
_HTTP = (b"GET ", b"POST", b"HEAD", b"PUT ", b"OPTI")


class ProtocolError(Exception):
    """Raised if the bytes are not a valid message. No reply is possible, so the connection is closed."""


class OtherProtocol(ProtocolError):
    """Raised if the bytes belong to a protocol that the server does not support on this port."""


class Header(NamedTuple):
    """A message's header; `length` includes the header itself."""

    length: int
    request_id: int
    response_to: int
    op_code: int


# Faster than the class, which would check the number of fields.
_make_header: Callable[[tuple[int, ...]], Header] = partial(tuple.__new__, Header)


def parse_header(data: bytes | bytearray | memoryview) -> Header:
    """Parse a header from its 16 bytes.

    Raises:
        ProtocolError: the length is invalid, or the bytes belong to another protocol.
    """
    length, _, _, op_code = fields = _HEADER.unpack_from(data)
    if op_code not in _KNOWN:
        _refuse_other_protocols(bytes(data[:4]))
    if not HEADER_SIZE <= length <= MAX_MESSAGE_SIZE:
        raise ProtocolError(f"invalid message length: {length} bytes")
    return _make_header(fields)


def is_tls(start: bytes) -> bool:
    """Return whether the first bytes of a connection, at least three, are the start of a TLS handshake.

    A MongoDB message of 66,326 bytes or more can begin with the same bytes, but no driver's first message is that long.
    """
    return start[:2] == b"\x16\x03" and 1 <= start[2] <= 4


def _refuse_other_protocols(start: bytes) -> None:
    """Raise an error if the bytes belong to another known protocol.

    The log then explains the failure. Without this check, a TLS client would only see a timeout.

    Raises:
        OtherProtocol: the bytes belong to another known protocol.
    """
    if is_tls(start):
        raise OtherProtocol("received a TLS handshake, but the server does not speak TLS; connect without tls=true")
    if start in _HTTP:
        raise OtherProtocol("received an HTTP request, but this is not an HTTP server; connect with a MongoDB driver or mongosh")


def build_header(body_length: int, request_id: int, response_to: int, op_code: int) -> bytes:
    """Return the header for a body of this length."""
    return _HEADER.pack(HEADER_SIZE + body_length, request_id, response_to, op_code)
