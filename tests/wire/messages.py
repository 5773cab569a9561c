"""Valid and malformed messages as sent by clients."""

from __future__ import annotations

import struct
from typing import Any

import bson

from secantus_server.wire._sections import crc32c
from secantus_server.wire.header import Header, parse_header

OP_QUERY = 2004
OP_COMPRESSED = 2012
OP_MSG = 2013


def message(op_code: int, payload: bytes, request_id: int = 7, length: int | None = None) -> bytes:
    """Build a complete message; `length` overrides the true length."""
    return struct.pack("<iiii", 16 + len(payload) if length is None else length, request_id, 0, op_code) + payload


def body_section(document: dict[str, Any] | bytes) -> bytes:
    """Build a section of kind 0."""
    return b"\0" + (document if isinstance(document, bytes) else bson.encode(document))


def sequence_section(name: str, documents: list[Any], length: int | None = None) -> bytes:
    """Build a section of kind 1; `length` overrides the true length."""
    payload = name.encode() + b"\0" + b"".join(one if isinstance(one, bytes) else bson.encode(one) for one in documents)
    return b"\1" + struct.pack("<i", 4 + len(payload) if length is None else length) + payload


def op_msg(*sections: bytes, flags: int = 0, request_id: int = 7) -> bytes:
    """Build an OP_MSG of these sections, with a checksum if the flags require it."""
    payload = struct.pack("<I", flags) + b"".join(sections)
    if not flags & 1:
        return message(OP_MSG, payload, request_id)
    start = message(OP_MSG, payload, request_id, 20 + len(payload))
    return start + struct.pack("<I", crc32c(start))


def command(document: dict[str, Any], flags: int = 0, request_id: int = 7) -> bytes:
    """Build an OP_MSG with one command."""
    return op_msg(body_section(document if "$db" in document else {**document, "$db": "test"}), flags=flags, request_id=request_id)


def op_query(namespace: str, document: dict[str, Any] | bytes) -> bytes:
    """Build an OP_QUERY for one document."""
    payload = document if isinstance(document, bytes) else bson.encode(document)
    return message(OP_QUERY, struct.pack("<i", 0) + namespace.encode() + b"\0" + struct.pack("<ii", 0, -1) + payload)


def op_compressed(inner: bytes, data: bytes, compressor: int, size: int | None = None, op_code: int = OP_MSG) -> bytes:
    """Build an OP_COMPRESSED; `inner` is the message whose compressed body is `data`."""
    return message(OP_COMPRESSED, struct.pack("<iiB", op_code, len(inner) - 16 if size is None else size, compressor) + data)


def parsed(raw: bytes) -> tuple[Header, bytes]:
    """Return a message in the form that `parse_message` takes."""
    return parse_header(raw), raw
