"""OP_MSG, the message type of all commands and replies.

https://github.com/mongodb/specifications/blob/master/source/message/OP_MSG.md
"""

from __future__ import annotations

import struct
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.wire._sections import crc32c, read_sections, write_message
from secantus_server.wire.header import Header, ProtocolError
from secantus_server.wire.message import Message

CHECKSUM_PRESENT = 1
MORE_TO_COME = 2
EXHAUST_ALLOWED = 1 << 16
_UNKNOWN_REQUIRED = 0xFFFF & ~(CHECKSUM_PRESENT | MORE_TO_COME)

_UINT32 = struct.Struct("<I")


def parse_op_msg(header: Header, raw: bytes) -> Message:
    """Parse a complete OP_MSG.

    Arguments:
        header: the message's header.
        raw: the whole message, including the header.

    Raises:
        ProtocolError: the message is malformed.
    """
    if len(raw) < 26:
        raise ProtocolError("an OP_MSG is truncated")
    (flags,) = _UINT32.unpack_from(raw, 16)
    if flags & _UNKNOWN_REQUIRED:
        raise ProtocolError(f"an OP_MSG has unknown required flags: {flags & _UNKNOWN_REQUIRED:#06x}")
    end = _end_before_checksum(raw) if flags & CHECKSUM_PRESENT else len(raw)
    more_to_come, exhaust_allowed = flags & MORE_TO_COME != 0, flags & EXHAUST_ALLOWED != 0
    try:
        body, sequences = read_sections(raw, end)
    except CommandError as error:
        return Message(header.request_id, {}, {}, more_to_come, exhaust_allowed, error=error)
    return Message(header.request_id, body, sequences, more_to_come, exhaust_allowed, False, None, None, raw)


def sections_of(raw: bytes) -> tuple[dict[str, Any], dict[str, list[bytes]]]:
    """Return the body and the document sequences of an OP_MSG that `parse_op_msg` has accepted."""
    return read_sections(raw, _end_of_sections(raw))


def _end_of_sections(raw: bytes) -> int:
    (flags,) = _UINT32.unpack_from(raw, 16)
    return len(raw) - 4 if flags & CHECKSUM_PRESENT else len(raw)


def _end_before_checksum(raw: bytes) -> int:
    end = len(raw) - 4
    if _UINT32.unpack_from(raw, end)[0] != crc32c(memoryview(raw)[:end]):
        raise ProtocolError("the checksum of an OP_MSG does not match")
    return end


def build_op_msg(reply: dict[str, Any], request_id: int, response_to: int, flags: int = 0) -> bytes:
    """Return a complete OP_MSG with one body section.

    Raises:
        CommandError: 10334 if the reply exceeds the message limit.
    """
    return write_message(reply, request_id, response_to, flags)
