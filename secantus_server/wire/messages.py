"""Parses messages of any type, and builds replies."""

from __future__ import annotations

from typing import Any

from secantus_server.wire.header import OP_COMPRESSED, OP_MSG, OP_QUERY, Header, ProtocolError
from secantus_server.wire.message import Message
from secantus_server.wire.op_compressed import compress_message, decompress_message
from secantus_server.wire.op_msg import MORE_TO_COME, build_op_msg, parse_op_msg
from secantus_server.wire.op_query import build_op_reply, parse_op_query


def parse_message(header: Header, raw: bytes) -> Message:
    """Parse a complete message of any supported type.

    Raises:
        ProtocolError: the bytes are not a message that a server handles.
    """
    compressor = None
    if header.op_code == OP_COMPRESSED:
        header, raw, compressor = decompress_message(header, raw)
    if header.op_code == OP_MSG:
        message = parse_op_msg(header, raw)
    elif header.op_code == OP_QUERY:
        message = parse_op_query(header, raw)
    else:
        raise ProtocolError(f"op code {header.op_code} is not supported in requests")
    if not message.body and message.error is None:
        raise ProtocolError("the command document is empty")
    if compressor is not None:
        message.compressor = compressor
    return message


def build_reply(message: Message, reply: dict[str, Any], request_id: int, more_to_come: bool = False) -> bytes:
    """Return the bytes of a reply, in the same message type as the request.

    Arguments:
        message: the request.
        reply: the reply document.
        request_id: the id of the new message.
        more_to_come: whether another reply follows without a new request.
    """
    if message.legacy:
        return build_op_reply(reply, request_id, message.request_id)
    data = build_op_msg(reply, request_id, message.request_id, MORE_TO_COME if more_to_come else 0)
    return data if message.compressor is None else compress_message(data, message.compressor)
