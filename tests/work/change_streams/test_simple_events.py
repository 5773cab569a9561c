"""The compiled conversion of common oplog entries to events, compared with the general one."""

from __future__ import annotations

from typing import Any

import bson
import pytest
from bson import Binary, Decimal128, Int64, ObjectId

from secantus_server.oplog.reader import EVERYTHING, operations_of
from secantus_server.oplog.resume_tokens import Token, parse_token
from secantus_server.pipeline.stages.change_stream import ChangeStreamOptions
from secantus_server.work.change_streams._simple_events import simple_event
from secantus_server.work.change_streams.events import EventMaker
from secantus_server.work.change_streams.scope import StreamScope

STAMP = 1_795_970_785 << 32 | 17
UUID = Binary(bytes(range(16)), 4)
WALL = b"\x09wall\0" + (1_795_970_785_123).to_bytes(8, "little")
COMMON = [
    *(0, 1, -1, 63, 64, -64, 127, 128, -128, 255, 256, 2**31 - 1, -(2**31)),
    *map(Int64, (0, 5, -5, 2**40, -(2**40), 2**62 - 1, -(2**62) + 1)),
    *("", "a", "name", "a" * 300, "\u00e4\u20ac", "."),
    ObjectId("0123456789abcdef01234567"),
]
UNCOMMON = [Int64(2**62), Int64(-(2**63)), "a\0b", 1.0, 1.5, True, None, {"a": 1}, {}, Binary(b"x", 0), Decimal128("1")]


def entry_of(op: str, o: dict[str, Any], o2: dict[str, Any] | None, **more: Any) -> bytes:
    """Return an oplog entry. Its `wall` is encoded by hand, because its value must be a date of this server's own type."""
    fields = {**more, "op": op, "ns": "shop.a.b", "ui": UUID, "o": o, **({} if o2 is None else {"o2": o2}), "t": Int64(1), "v": Int64(2)}
    body = bson.encode(fields)[4:-1] + WALL
    return (len(body) + 5).to_bytes(4, "little") + body + b"\0"


def general(entry: bytes) -> tuple[bytes, str, bytes]:
    maker = EventMaker(StreamScope("shop", "a.b"), ChangeStreamOptions(), lambda *_: None, lambda _: None)
    (operation,) = operations_of(None, STAMP, entry, EVERYTHING)  # type: ignore[arg-type] - only transactions are read
    (event,) = maker.events(operation)
    assert not isinstance(event.document, bytes)
    return event.document(), event.text, event.token.rest


def entries(key: Any) -> list[bytes]:
    document = {"_id": key, "n": 1, "text": "x"}
    return [
        entry_of("i", document, {"_id": key}),
        entry_of("i", document, {"_id": key}, lsid={"id": UUID}, txnNumber=Int64(7), stmtId=0),
        entry_of("u", document, {"_id": key}),
        entry_of("d", {"_id": key}, None),
    ]


@pytest.mark.parametrize("key", COMMON, ids=repr)
def test_common_entries_become_the_same_events(key: Any) -> None:
    for entry in entries(key):
        event = simple_event(entry, STAMP)
        assert event == general(entry)
        assert event is not None
        assert parse_token(event[1]) == Token(STAMP, True, 0, False, event[2])


@pytest.mark.parametrize("key", UNCOMMON, ids=repr)
def test_uncommon_ids_are_left_to_the_general_conversion(key: Any) -> None:
    assert [simple_event(entry, STAMP) for entry in entries(key)] == [None] * 4


def test_other_entries_are_left_to_the_general_conversion() -> None:
    for entry in (
        entry_of("u", {"$v": 2, "diff": {"u": {"n": 2}}}, {"_id": 1}),
        entry_of("c", {"drop": "c"}, None),
        entry_of("n", {"msg": "note"}, None),
        entry_of("i", {"_id": 1}, None),
        entry_of("i", {"_id": 1, "shard": 2}, {"shard": 2, "_id": 1}),
    ):
        assert simple_event(entry, STAMP) is None
