"""OP_MSG: sections, flags, checksums, and malformed messages."""

from __future__ import annotations

import struct
from typing import Any

import bson
import pytest

from secantus_server.bson import RawDocument
from secantus_server.errors import CommandError
from secantus_server.wire.header import MAX_DOCUMENT_SIZE, MAX_MESSAGE_SIZE, ProtocolError
from secantus_server.wire.message import Message
from secantus_server.wire.messages import build_reply, parse_message
from secantus_server.wire.op_msg import EXHAUST_ALLOWED, MORE_TO_COME
from tests.wire.messages import OP_MSG, body_section, command, message, op_msg, parsed, sequence_section

PING = {"ping": 1, "$db": "admin"}


def read(raw: bytes) -> Message:
    return parse_message(*parsed(raw))


def test_a_command() -> None:
    found = read(command(PING, request_id=9))
    assert found == Message(9, PING)


@pytest.mark.parametrize(("flags", "name"), [(MORE_TO_COME, "more_to_come"), (EXHAUST_ALLOWED, "exhaust_allowed")])
def test_flags(flags: int, name: str) -> None:
    assert getattr(read(command(PING, flags)), name)


@pytest.mark.parametrize("bit", [17, 24, 31])
def test_unknown_optional_flags_are_ignored(bit: int) -> None:
    assert read(command(PING, 1 << bit)).body == PING


@pytest.mark.parametrize("bit", range(2, 16))
def test_unknown_required_flags_are_refused(bit: int) -> None:
    with pytest.raises(ProtocolError, match="unknown required flags"):
        read(command(PING, 1 << bit))


def test_a_checksum_holds() -> None:
    assert read(command(PING, 1)).body == PING


@pytest.mark.parametrize("place", [4, 17, 25, -1])
def test_a_wrong_checksum_is_refused(place: int) -> None:
    raw = bytearray(command(PING, 1))
    raw[place] ^= 64
    with pytest.raises(ProtocolError, match=r"the checksum of an OP_MSG does not match|unknown required flags"):
        read(bytes(raw))


@pytest.mark.parametrize("sequence_first", [False, True])
def test_document_sequences(sequence_first: bool) -> None:
    documents = [{"_id": 1}, {"_id": 2}]
    sections = [body_section({"insert": "c", "$db": "test"}), sequence_section("documents", documents), sequence_section("empty", [])]
    found = read(op_msg(*(reversed(sections) if sequence_first else sections)))
    assert found.sequences == {"documents": list(map(bson.encode, documents)), "empty": []}


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (message(OP_MSG, b""), "an OP_MSG is truncated"),
        (message(OP_MSG, bytes(9)), "an OP_MSG is truncated"),
        (op_msg(b"\2" + bson.encode(PING)), "a section of unknown kind 2"),
        (op_msg(body_section(PING), body_section(PING)), "an OP_MSG has two body sections"),
        (op_msg(sequence_section("documents", [{}])), "an OP_MSG has no body section"),
        (op_msg(body_section(PING), sequence_section("a", []), sequence_section("a", [])), "two document sequences 'a'"),
        (op_msg(body_section(PING), b"\1\5\0"), "a section of an OP_MSG is truncated"),
        (op_msg(body_section(PING), sequence_section("a", [{}], length=4)), "a section of an OP_MSG has an invalid length"),
        (op_msg(body_section(PING), sequence_section("a", [{}], length=12)), "a section of an OP_MSG has an invalid length"),
        (op_msg(body_section(PING), sequence_section("a", [{}], length=-1)), "a section of an OP_MSG has an invalid length"),
        (op_msg(body_section(PING), b"\1\7\0\0\0abc"), "a document sequence has no name"),
        (op_msg(body_section(PING), sequence_section("a", [b"\x06\0\0\0\0"])), "a section of an OP_MSG has an invalid length"),
        (op_msg(body_section(PING), sequence_section("a", [b"\4\0\0\0\0"])), "a section of an OP_MSG has an invalid length"),
        (op_msg(body_section(b"\xff\xff\xff\x7f\0\0\0\0\0\0")), "a section of an OP_MSG has an invalid length"),
        (op_msg(body_section(b"\xff\xff\xff\xff\0\0\0\0\0\0")), "a section of an OP_MSG has an invalid length"),
        (op_msg(body_section({})), "the command document is empty"),
        (message(1, bytes(40)), "op code 1 is not supported"),
        (message(2010, bytes(40)), "op code 2010 is not supported"),
    ],
)
def test_what_is_no_message_closes_the_connection(raw: bytes, text: str) -> None:
    with pytest.raises(ProtocolError, match=text):
        read(raw)


def nested(depth: int) -> bytes:
    inner = b"\5\0\0\0\0"
    for _ in range(depth - 1):
        inner = struct.pack("<i", len(inner) + 8) + b"\3a\0" + inner + b"\0"
    return inner


@pytest.mark.parametrize(
    ("document", "code", "text"),
    [
        (b"\x0b\0\0\0\x10ab\1\0\0\0", 22, "Invalid BSON"),
        (b"\x0e\0\0\0\2a\0\3\0\0\0x\0\0", 22, "invalid length"),
        (b"\x08\0\0\0\x55a\0\0", 22, "Invalid BSON"),
        (nested(202), 15, "exceeds maximum nested object depth: 200"),
        (nested(5000), 15, "exceeds maximum nested object depth: 200"),
    ],
    ids=["truncated", "length", "type", "depth", "abyss"],
)
@pytest.mark.parametrize("in_sequence", [False, True])
@pytest.mark.parametrize("flags", [0, MORE_TO_COME])
def test_invalid_documents_are_answered(document: bytes, code: int, text: str, in_sequence: bool, flags: int) -> None:
    sections = [body_section(PING), sequence_section("documents", [document])] if in_sequence else [body_section(document)]
    found = read(op_msg(*sections, flags=flags))
    assert isinstance(found.error, CommandError)
    assert found.error.code == code
    assert text in found.error.message
    assert found.more_to_come == bool(flags)


@pytest.mark.parametrize("in_sequence", [False, True])
@pytest.mark.parametrize(("size", "fits"), [(MAX_DOCUMENT_SIZE + 16 * 1024, True), (MAX_DOCUMENT_SIZE + 16 * 1024 + 1, False)])
def test_the_size_of_documents(size: int, fits: bool, in_sequence: bool) -> None:
    document = bson.encode({"x": b"x" * (size - 13)})
    assert len(document) == size
    found = read(op_msg(*([body_section(PING), sequence_section("documents", [document])] if in_sequence else [body_section(document)])))
    if fits:
        assert found.error is None
    else:
        assert found.error is not None
        assert found.error.code == 10334
        assert found.error.message == "BSONObj size: 16793601 (0x1004001) is invalid. Size must be between 0 and 16793600(16MB)"


@pytest.mark.parametrize(("more", "flags"), [(False, 0), (True, MORE_TO_COME)])
def test_a_reply(more: bool, flags: int) -> None:
    raw = build_reply(Message(5, PING), {"ok": 1.0}, 77, more)
    assert struct.unpack_from("<iiiiIB", raw) == (len(raw), 77, 5, OP_MSG, flags, 0)
    assert bson.decode(raw[21:]) == {"ok": 1.0}


def test_a_reply_that_is_too_large_is_an_error() -> None:
    huge: dict[str, Any] = {"value": RawDocument(struct.pack("<i", MAX_MESSAGE_SIZE) + bytes(MAX_MESSAGE_SIZE - 4))}
    with pytest.raises(CommandError) as caught:
        build_reply(Message(5, PING), huge, 1)
    assert caught.value.code == 10334


def test_the_time_of_the_cluster_is_not_decoded() -> None:
    sent = {"clusterTime": {"a": 1}, "x": [1, {"y": "é"}]}
    body = read(command({"ping": 1, "$clusterTime": sent, "é": {"$clusterTime": {}}})).body
    assert bson.decode(body.pop("$clusterTime").data) == sent
    assert body == {"ping": 1, "é": {"$clusterTime": {}}, "$db": "test"}


@pytest.mark.parametrize("names", [["a", "b"], ["é", "e"], ["", "x" * 33], ["a" * 32, "b" * 32], [f"n{number}" for number in range(3000)]])
def test_names_are_told_apart(names: list[str]) -> None:
    for _ in range(2):
        body = read(command({"ping": 1, **{name: place for place, name in enumerate(names)}})).body
        assert [name for name in body if name not in ("ping", "$db")] == names
