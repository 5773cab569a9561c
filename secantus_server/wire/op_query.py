"""OP_QUERY and OP_REPLY, the legacy message types that drivers may still use for their first hello.

https://www.mongodb.com/docs/manual/legacy-opcodes/
"""

from __future__ import annotations

import struct
from typing import Any

from secantus_server.bson import decode, encode, validate
from secantus_server.errors import CommandError
from secantus_server.wire.header import OP_REPLY, Header, ProtocolError, build_header
from secantus_server.wire.message import Message

_REPLY_PREFIX = struct.Struct("<iqii")
#: The names of hello, the only command that MongoDB still answers when it comes in an OP_QUERY.
HELLO_NAMES = frozenset(["hello", "isMaster", "ismaster"])


def parse_op_query(header: Header, raw: bytes) -> Message:
    """Parse a complete OP_QUERY that contains a command.

    If the command is not a handshake, set the message's error to 352, because MongoDB 5.1 and later refuse it.

    Raises:
        ProtocolError: the message is truncated, or is not a command on `<database>.$cmd`.
    """
    stop = raw.find(b"\0", 20)
    if stop < 0 or len(raw) < stop + 9 + 5:
        raise ProtocolError("an OP_QUERY is truncated")
    namespace = raw[20:stop].decode("utf-8", "replace")
    database, _, collection = namespace.partition(".")
    if collection != "$cmd":
        raise ProtocolError("an OP_QUERY may only contain a command; use OP_MSG")
    start = stop + 9
    (size,) = struct.unpack_from("<i", raw, start)
    if not 5 <= size <= len(raw) - start:
        raise ProtocolError("the query of an OP_QUERY has an invalid length")
    document = raw[start : start + size]
    message = Message(header.request_id, {}, legacy=True)
    try:
        validate(document)
    except CommandError as error:
        message.error = error
        return message
    command = _unwrap(decode(document))
    name = next(iter(command), None)
    if name is None:
        return message
    if name in HELLO_NAMES:
        message.body = {**command, "$db": database}
    else:
        link = "https://dochub.mongodb.org/core/legacy-opcode-removal"
        text = f"Unsupported OP_QUERY command: {name}. The client driver may require an upgrade. For more details see {link}"
        message.error = CommandError(352, text)
    return message


def _unwrap(query: dict[str, Any]) -> dict[str, Any]:
    """Return the command inside a query of the form {$query: command, $readPreference: ...}, or the query itself if it has another form."""
    inner = query.get("$query", query.get("query"))
    return inner if type(inner) is dict and next(iter(query)) in ("$query", "query") else query


def build_op_reply(reply: dict[str, Any], request_id: int, response_to: int) -> bytes:
    """Return a complete OP_REPLY with one document."""
    document = encode(reply)
    prefix = _REPLY_PREFIX.pack(8, 0, 0, 1)
    return build_header(len(prefix) + len(document), request_id, response_to, OP_REPLY) + prefix + document
