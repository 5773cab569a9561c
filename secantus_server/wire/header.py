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
        ProtocolError: the length cannot be one.
    """
    header = tuple.__new__(Header, _HEADER.unpack_from(data))
    if not HEADER_SIZE <= header.length <= MAX_MESSAGE_SIZE:
        raise ProtocolError(f"a message of {header.length} bytes is not possible")
    return header


def build_header(body_length: int, request_id: int, response_to: int, op_code: int) -> bytes:
    """The header for a body of so many bytes."""
    return _HEADER.pack(HEADER_SIZE + body_length, request_id, response_to, op_code)
