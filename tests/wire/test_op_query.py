"""OP_QUERY and its reply, for the first hello of older drivers."""

from __future__ import annotations

import struct

import bson
import pytest

from secantus_server.wire.header import ProtocolError
from secantus_server.wire.message import Message
from secantus_server.wire.messages import build_reply, parse_message
from tests.wire.messages import OP_QUERY, message, op_query, parsed


def test_a_handshake() -> None:
    found = parse_message(*parsed(op_query("admin.$cmd", {"isMaster": 1, "helloOk": True})))
    assert found.body == {"isMaster": 1, "helloOk": True, "$db": "admin"}
    assert found.legacy


@pytest.mark.parametrize("key", ["$query", "query"])
def test_a_wrapped_command(key: str) -> None:
    document = {key: {"hello": 1}, "$readPreference": {"mode": "primary"}}
    assert parse_message(*parsed(op_query("admin.$cmd", document))).body == {"hello": 1, "$db": "admin"}


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (message(OP_QUERY, b""), "truncated"),
        (message(OP_QUERY, bytes(4) + b"admin.$cmd"), "truncated"),
        (message(OP_QUERY, bytes(4) + b"admin.$cmd\0" + bytes(8)), "truncated"),
        (op_query("test.documents", {}), "may only contain a command"),
        (op_query("admin", {"ping": 1}), "may only contain a command"),
        (op_query("admin.$cmd", b"\x20\0\0\0\0"), "invalid length"),
        (op_query("admin.$cmd", b"\xff\xff\xff\xff\0"), "invalid length"),
        (op_query("admin.$cmd", {}), "empty"),
        (op_query("admin.$cmd", {"$query": {}}), "empty"),
    ],
)
def test_what_is_no_command_closes_the_connection(raw: bytes, text: str) -> None:
    with pytest.raises(ProtocolError, match=text):
        parse_message(*parsed(raw))


def test_invalid_bson_is_answered() -> None:
    found = parse_message(*parsed(op_query("admin.$cmd", b"\x08\0\0\0\x55a\0\0")))
    assert found.legacy
    assert found.error is not None
    assert found.error.code == 22


@pytest.mark.parametrize("name", ["find", "ping", "saslStart"])
def test_other_commands_are_refused(name: str) -> None:
    found = parse_message(*parsed(op_query("test.$cmd", {name: 1})))
    assert found.error is not None
    assert found.error.code == 352


def test_a_reply() -> None:
    raw = build_reply(Message(5, {}, legacy=True), {"ok": 1.0}, 77)
    assert struct.unpack_from("<iiiiiqii", raw) == (len(raw), 77, 5, 1, 8, 0, 0, 1)
    assert bson.decode(raw[36:]) == {"ok": 1.0}
