"""OP_MSG: the message that carries every command and reply.

https://github.com/mongodb/specifications/blob/master/source/message/OP_MSG.md
"""

from __future__ import annotations

import struct
from typing import Any

from secantus_server.bson import decode, encode, validate
from secantus_server.errors import CommandError
from secantus_server.wire.crc32c import crc32c
from secantus_server.wire.header import (
    HEADER_SIZE,
    INTERNAL_HEADROOM,
    MAX_DOCUMENT_SIZE,
    MAX_MESSAGE_SIZE,
    OP_MSG,
    Header,
    ProtocolError,
    build_header,
)
from secantus_server.wire.message import Message

CHECKSUM_PRESENT = 1
MORE_TO_COME = 2
EXHAUST_ALLOWED = 1 << 16
_KNOWN_REQUIRED = CHECKSUM_PRESENT | MORE_TO_COME
_REQUIRED_MASK = 0xFFFF

_UINT32 = struct.Struct("<I")
_REPLY_PREFIX = struct.Struct("<IB")


def parse_op_msg(header: Header, raw: bytes) -> Message:
    """Read a whole OP_MSG.

    Arguments:
        header: its header.
        raw: the whole message, header included.

    Raises:
        ProtocolError: it is no OP_MSG.
    """
    if len(raw) < 26:
        raise ProtocolError("an OP_MSG is cut off")
    (flags,) = _UINT32.unpack_from(raw, 16)
    if flags & _REQUIRED_MASK & ~_KNOWN_REQUIRED:
        raise ProtocolError(f"an OP_MSG has unknown required flags: {flags & _REQUIRED_MASK:#06x}")
    end = _end_of_sections(flags, raw)
    message = Message(header.request_id, {}, {}, bool(flags & MORE_TO_COME), bool(flags & EXHAUST_ALLOWED))
    try:
        message.body, message.sequences = _parse_sections(raw, 20, end)
    except CommandError as error:
        message.error = error
    return message


def _end_of_sections(flags: int, raw: bytes) -> int:
    if not flags & CHECKSUM_PRESENT:
        return len(raw)
    end = len(raw) - 4
    if _UINT32.unpack_from(raw, end)[0] != crc32c(memoryview(raw)[:end]):
        raise ProtocolError("the checksum of an OP_MSG does not match")
    return end


def _parse_sections(raw: bytes, position: int, end: int) -> tuple[dict[str, Any], dict[str, list[bytes]]]:
    body: bytes | None = None
    sequences: dict[str, list[bytes]] = {}
    while position < end:
        kind = raw[position]
        position += 1
        size = _section_size(raw, position, end)
        if kind == 0:
            if body is not None:
                raise ProtocolError("an OP_MSG has two bodies")
            body = raw[position : position + size]
        elif kind == 1:
            name, documents = _parse_sequence(raw, position, position + size)
            if name in sequences:
                raise ProtocolError(f"an OP_MSG has two document sequences {name!r}")
            sequences[name] = documents
        else:
            raise ProtocolError(f"an OP_MSG has a section of unknown kind {kind}")
        position += size
    if body is None:
        raise ProtocolError("an OP_MSG has no body")
    check_size(len(body))
    validate(body)
    return decode(body), sequences


def _section_size(raw: bytes, position: int, end: int) -> int:
    if end - position < 5:
        raise ProtocolError("a section of an OP_MSG is cut off")
    size: int = _UINT32.unpack_from(raw, position)[0]
    if not 5 <= size <= end - position:
        raise ProtocolError("a section of an OP_MSG has a wrong length")
    return size


def _parse_sequence(raw: bytes, position: int, end: int) -> tuple[str, list[bytes]]:
    stop = raw.find(b"\0", position + 4, end)
    if stop < 0:
        raise ProtocolError("a document sequence has no name")
    name = raw[position + 4 : stop].decode("utf-8", "replace")
    position = stop + 1
    documents = []
    while position < end:
        size = _section_size(raw, position, end)
        document = raw[position : position + size]
        check_size(size)
        validate(document)
        documents.append(document)
        position += size
    return name, documents


def check_size(size: int) -> None:
    """Hold a document of a message to MongoDB's limit.

    Raises:
        CommandError: 10334 BSONObjectTooLarge.
    """
    limit = MAX_DOCUMENT_SIZE + INTERNAL_HEADROOM
    if size > limit:
        raise CommandError(10334, f"BSONObj size: {size} (0x{size:X}) is invalid. Size must be between 0 and {limit}({limit // 1048576}MB)")


def build_op_msg(reply: dict[str, Any], request_id: int, response_to: int, flags: int = 0) -> bytes:
    """A whole OP_MSG of one body section.

    Raises:
        CommandError: 10334 for a reply that is too large for a message.
    """
    document = encode(reply)
    if len(document) > MAX_MESSAGE_SIZE - HEADER_SIZE - _REPLY_PREFIX.size:
        raise CommandError(10334, f"BSONObj size: {len(document)} (0x{len(document):X}) is too large for a reply: ask for less at a time")
    return build_header(5 + len(document), request_id, response_to, OP_MSG) + _REPLY_PREFIX.pack(flags, 0) + document
