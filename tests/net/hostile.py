"""Hostile messages: each maker builds one from a random source."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from typing import Any

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from tests.wire.messages import (
    OP_COMPRESSED,
    OP_MSG,
    OP_QUERY,
    body_section,
    command,
    message,
    op_compressed,
    op_msg,
    op_query,
    sequence_section,
)

Maker = Callable[[random.Random], bytes]
MAKERS: list[Maker] = []

COMMANDS: list[dict[str, Any]] = [
    {"ping": 1},
    {"hello": 1, "helloOk": True, "client": {"driver": {"name": "d", "version": "1"}, "os": {"type": "Linux"}}, "compression": ["zlib"]},
    {
        "find": "c",
        "filter": {"a": {"$gt": 5, "$in": [1, 2, "x"]}, "$or": [{"b": 1}, {"c.d": {"$exists": True}}]},
        "sort": {"a": -1},
        "limit": 5,
    },
    {
        "find": "c",
        "filter": {"x": {"$elemMatch": {"y": {"$regex": "^a", "$options": "i"}}}},
        "projection": {"a": 1, "b": {"$slice": 2}},
        "singleBatch": True,
    },
    {
        "insert": "c",
        "documents": [{"_id": 1, "a": [1, 2.5, None, {"b": b"bytes"}]}, {"_id": bson.ObjectId(b"x" * 12), "d": bson.Decimal128("1.5")}],
    },
    {
        "update": "c",
        "updates": [
            {"q": {"a": 1}, "u": {"$set": {"b.c": 1}, "$push": {"x": {"$each": [1], "$slice": -3}}}, "upsert": True, "multi": False}
        ],
    },
    {"delete": "c", "deletes": [{"q": {"a": {"$lt": 1}}, "limit": 0}]},
    {"findAndModify": "c", "query": {"_id": 1}, "update": [{"$set": {"n": {"$add": ["$n", 1]}}}], "new": True},
    {"aggregate": "c", "pipeline": [{"$match": {"a": 1}}, {"$group": {"_id": "$a", "n": {"$sum": 1}}}, {"$sort": {"n": 1}}], "cursor": {}},
    {"aggregate": 1, "pipeline": [{"$documents": [{"x": 1}]}, {"$project": {"y": {"$concat": ["a", {"$toString": "$x"}]}}}], "cursor": {}},
    {"count": "c", "query": {"a": {"$type": "string"}}},
    {"distinct": "c", "key": "a.b"},
    {"getMore": bson.Int64(12345), "collection": "c"},
    {"killCursors": "c", "cursors": [bson.Int64(5)]},
    {"listCollections": 1, "filter": {"name": "c"}},
    {"createIndexes": "c", "indexes": [{"key": {"a": 1, "b": -1}, "name": "a_1_b_-1", "unique": False}]},
    {"listIndexes": "c"},
    {"bulkWrite": 1, "ops": [{"insert": 0, "document": {"_id": 7}}], "nsInfo": [{"ns": "test.c"}], "$db": "admin"},
    {"endSessions": [{"id": bson.Binary(b"x" * 16, 4)}], "lsid": {"id": bson.Binary(b"y" * 16, 4)}},
]


def maker(function: Maker) -> Maker:
    """Register a maker."""
    MAKERS.append(function)
    return function


def some_command(chance: random.Random) -> dict[str, Any]:
    return chance.choice(COMMANDS)


def valid(chance: random.Random) -> bytes:
    """Build a valid message of any kind."""
    document = some_command(chance)
    kind = chance.randrange(5)
    if kind == 0:
        return op_query("test.$cmd", document)
    if kind == 1:
        plain = command(document)
        return op_compressed(plain, zlib.compress(plain[16:]), 2)
    if kind == 2:
        return command(document, flags=1)
    if kind == 3:
        return op_msg(
            body_section({"insert": "c", "$db": "test"}),
            sequence_section("documents", [{"a": chance.random()}, {"a": "x" * chance.randrange(99)}]),
        )
    return command(document)


@maker
def truncated(chance: random.Random) -> bytes:
    raw = valid(chance)
    return raw[: chance.randrange(len(raw))]


@maker
def truncated_with_its_length_corrected(chance: random.Random) -> bytes:
    raw = valid(chance)
    raw = raw[: chance.randrange(16, len(raw))]
    return struct.pack("<i", len(raw)) + raw[4:]


@maker
def with_an_invalid_length(chance: random.Random) -> bytes:
    raw = valid(chance)
    length = chance.choice(
        [-1, 0, 15, 16, 17, len(raw) - 1, len(raw) + 1, 48_000_000, 48_000_001, 2**31 - 1, -(2**31), chance.randrange(1 << 31)]
    )
    return struct.pack("<i", length) + raw[4:]


@maker
def random_bytes(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(1, 400))


@maker
def a_header_and_random_bytes(chance: random.Random) -> bytes:
    return message(chance.choice([OP_MSG, OP_MSG, OP_QUERY, OP_COMPRESSED]), chance.randbytes(chance.randrange(200)))


@maker
def of_an_unknown_op_code(chance: random.Random) -> bytes:
    return message(chance.choice([0, 1, 2001, 2002, 2004, 2005, 2006, 2007, 2010, 2011, -1, chance.randrange(1 << 31)]), valid(chance)[16:])


@maker
def with_random_flags(chance: random.Random) -> bytes:
    raw = command(some_command(chance))
    return raw[:16] + struct.pack("<I", 1 << chance.randrange(32) | chance.choice([0, 1, 2, 1 << 16])) + raw[20:]


def flipped(raw: bytes, chance: random.Random, start: int) -> bytes:
    """Return the bytes with some bits flipped."""
    changed = bytearray(raw)
    for _ in range(chance.choice([1, 1, 1, 2, 3, 8])):
        changed[chance.randrange(start, len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


@maker
def with_bits_flipped_anywhere(chance: random.Random) -> bytes:
    return flipped(valid(chance), chance, 0)


@maker
def with_bits_flipped_behind_the_header(chance: random.Random) -> bytes:
    return flipped(valid(chance), chance, 16)


@maker
def with_bits_flipped_before_compression(chance: random.Random) -> bytes:
    plain = command(some_command(chance))
    return op_compressed(plain, zlib.compress(flipped(plain, chance, 16)[16:]), 2)


@maker
def with_bytes_moved(chance: random.Random) -> bytes:
    raw = bytearray(valid(chance))
    start, length, target = (chance.randrange(16, len(raw)) for _ in range(3))
    raw[target : target + length % 9] = raw[start : start + length % 9]
    return struct.pack("<i", len(raw)) + bytes(raw[4:])


@maker
def with_an_inner_length_changed(chance: random.Random) -> bytes:
    raw = bytearray(command(some_command(chance)))
    places = [place for place in range(21, len(raw) - 4) if 4 < struct.unpack_from("<i", raw, place)[0] < 400]
    place = chance.choice(places)
    struct.pack_into(
        "<i", raw, place, chance.choice([-1, 0, 1, 4, 5, struct.unpack_from("<i", raw, place)[0] + chance.choice([-1, 1, 100]), 2**31 - 1])
    )
    return bytes(raw)


@maker
def with_another_type_in_it(chance: random.Random) -> bytes:
    document = dict(some_command(chance))
    key = chance.choice(list(document))
    strange: list[Any] = [
        None,
        1,
        -1.5,
        float("nan"),
        "",
        "\0",
        b"",
        [],
        {},
        [[]],
        {"$a": 1},
        bson.MinKey(),
        bson.Timestamp(1, 1),
        bson.Regex("("),
        True,
        2**62,
    ]
    document[key] = chance.choice(strange)
    return command(document)


@maker
def with_invalid_utf8(chance: random.Random) -> bytes:
    raw = command({"find": "cafe", "filter": {"name": "cafe", "cafe": 1}, "comment": "cafe"})
    parts = raw.split(b"cafe")
    words = [b"cafe"] * (len(parts) - 1)
    words[chance.randrange(len(words))] = chance.choice([b"caf\xff", b"\xc3\x28fe", b"\xed\xa0\x80e", b"\xf0\x28\x8c\x28", b"ca\0e"])
    return parts[0] + b"".join(word + part for word, part in zip(words, parts[1:], strict=True))


def nested(levels: int, wrap: Callable[[Any], Any], inner: Any) -> RawBSONDocument | bytes:
    """Build a nested document without recursion."""
    raw = bson.encode(inner)
    for _ in range(levels):
        raw = bson.encode(wrap(RawBSONDocument(raw, CodecOptions(document_class=RawBSONDocument))))
    return raw


WRAPS: list[Callable[[Any], Any]] = [
    lambda x: {"a": x},
    lambda x: {"a": [x]},
    lambda x: {"$and": [x]},
    lambda x: {"$or": [x, x]} if len(x.raw) < 2000 else {"$nor": [x]},
    lambda x: {"a": {"$elemMatch": x}},
    lambda x: {"a": {"$not": x}},
    lambda x: {"$expr": x},
    lambda x: {"$add": [1, x]},
    lambda x: {"$cond": [x, 1, 2]},
    lambda x: {"$let": {"vars": {"a": x}, "in": "$$a"}},
]


@maker
def nested_deeply(chance: random.Random) -> bytes:
    inner = nested(chance.choice([20, 60, 90, 95, 190, 250, 1000]), chance.choice(WRAPS), {"x": 1})
    raw = RawBSONDocument(inner if isinstance(inner, bytes) else inner.raw)
    commands: list[dict[str, Any]] = [
        {"find": "c", "filter": raw},
        {"find": "c", "filter": {"$expr": raw}},
        {"find": "c", "projection": raw},
        {"insert": "c", "documents": [raw]},
        {"update": "c", "updates": [{"q": {}, "u": {"$set": {"deep": raw}}}]},
        {"update": "c", "updates": [{"q": {}, "u": [{"$set": {"deep": raw}}]}]},
        {"aggregate": "c", "pipeline": [{"$project": {"x": raw}}], "cursor": {}},
        {"aggregate": "c", "pipeline": [{"$match": raw}], "cursor": {}},
        raw,
    ]
    chosen = chance.choice(commands)
    return op_msg(body_section(chosen.raw if isinstance(chosen, RawBSONDocument) else bson.encode({**chosen, "$db": "test"})))


@maker
def with_abused_sequences(chance: random.Random) -> bytes:
    body = body_section({"insert": "c", "$db": "test"})
    document = bson.encode({"a": 1})
    sections = [
        [body, sequence_section("documents", [document], length=chance.choice([-1, 0, 4, 5, 1000, 2**31 - 1]))],
        [body, sequence_section("documents", [document[:-1]])],
        [body, sequence_section("documents", [document, b"\xff\xff\xff\x7f"])],
        [body, sequence_section("documents", [document]), sequence_section("documents", [document])],
        [body, body],
        [sequence_section("documents", [document])],
        [body, sequence_section("", [document])],
        [body, sequence_section("documents", [])],
        [body, sequence_section("nonsense", [document] * 50)],
        [body, b"\1" + struct.pack("<i", 9) + b"abcde"],
        [body, bytes([chance.randrange(2, 256)]) + document],
        [sequence_section("updates", [document] * 3), body_section({"update": "c", "$db": "test"})],
        [body_section({"insert": "c", "$db": "test", "documents": [{"b": 1}]}), sequence_section("documents", [document])],
    ]
    return op_msg(*chance.choice(sections), flags=chance.choice([0, 0, 0, 1, 2]))


@maker
def compressed_wrongly(chance: random.Random) -> bytes:
    plain = command(some_command(chance))
    data = zlib.compress(plain[16:])
    size = chance.choice([-1, 0, 1, len(plain) - 17, len(plain) - 15, 47_999_984, 48_000_000, 2**31 - 1])
    return chance.choice(
        [
            op_compressed(plain, data, 2, size=size),
            op_compressed(plain, data[: chance.randrange(len(data))], 2),
            op_compressed(plain, flipped(data, chance, 0), 2),
            op_compressed(plain, data, chance.randrange(256)),
            op_compressed(plain, data, 2, op_code=chance.choice([0, 1, 2004, 2012, 2010, -5])),
            op_compressed(plain, plain[16:], 0, size=size),
            op_compressed(plain, b"", 2),
        ]
    )


BOMB = zlib.compress(bytes(47_000_000), 9)


def bomb(chance: random.Random) -> bytes:
    """Build a small message that decompresses to 47 MB; too slow to send as often as the others."""
    return op_compressed(b"", BOMB, 2, size=chance.choice([100, 46_000_000, 47_000_000, 47_000_001]))
