"""OP_COMPRESSED: round trips with each compressor, and messages that do not match their header."""

from __future__ import annotations

import importlib.util
import os
import struct
import tracemalloc
import zlib

import bson
import pytest

from secantus_server.wire.header import ProtocolError
from secantus_server.wire.message import Message
from secantus_server.wire.messages import build_reply, parse_message
from secantus_server.wire.op_compressed import IDS, available_compressors, compress_message, decompress_message
from tests.wire.messages import OP_COMPRESSED, OP_MSG, OP_QUERY, command, message, op_compressed, op_query, parsed

PING = {"ping": 1, "$db": "admin"}
PACKAGES = {"snappy": "cramjam", "zstd": "zstandard"}
INSTALLED = [name for name in IDS if name not in PACKAGES or importlib.util.find_spec(PACKAGES[name])]


def test_what_is_offered() -> None:
    assert set(available_compressors()) == set(INSTALLED) - {"noop"}


@pytest.mark.parametrize("name", INSTALLED)
@pytest.mark.parametrize("size", [0, 1, 100, 1 << 20])
def test_a_message_comes_back(name: str, size: int) -> None:
    inner = command({**PING, "comment": os.urandom(size // 2) + bytes(size // 2)})
    raw = compress_message(inner, IDS[name])
    assert decompress_message(*parsed(raw)) == (*parsed(inner), IDS[name])
    found = parse_message(*parsed(raw))
    assert found.body["ping"] == 1
    assert found.compressor == IDS[name]


@pytest.mark.parametrize("name", INSTALLED)
def test_the_reply_is_compressed_alike(name: str) -> None:
    raw = build_reply(Message(5, PING, compressor=IDS[name]), {"ok": 1.0}, 77)
    assert struct.unpack_from("<iiii", raw) == (len(raw), 77, 5, OP_COMPRESSED)
    header, inner, compressor = decompress_message(*parsed(raw))
    assert compressor == IDS[name]
    assert (header.length, header.op_code) == (len(inner), OP_MSG)
    assert bson.decode(inner[21:]) == {"ok": 1.0}


def test_a_compressed_op_query() -> None:
    inner = op_query("admin.$cmd", {"hello": 1})
    assert parse_message(*parsed(op_compressed(inner, zlib.compress(inner[16:]), 2, op_code=OP_QUERY))).body["hello"] == 1


INNER = command(PING)
DATA = zlib.compress(INNER[16:])


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (message(OP_COMPRESSED, b""), "truncated"),
        (message(OP_COMPRESSED, bytes(8)), "truncated"),
        (op_compressed(INNER, DATA, 2, size=-1), "invalid header"),
        (op_compressed(INNER, DATA, 2, size=48_000_000), "invalid header"),
        (op_compressed(INNER, DATA, 2, op_code=OP_COMPRESSED), "invalid header"),
        (op_compressed(INNER, DATA, 2, size=len(INNER) - 17), "does not match its uncompressed size"),
        (op_compressed(INNER, DATA, 2, size=len(INNER) - 15), "does not match its uncompressed size"),
        (op_compressed(INNER, DATA, 2, size=0), "does not match its uncompressed size"),
        (op_compressed(INNER, DATA[:-10], 2), "does not match its uncompressed size"),
        (op_compressed(INNER, b"nothing", 2), "zlib: "),
        (op_compressed(INNER, INNER[16:-1], 0), "does not match its uncompressed size"),
        (op_compressed(INNER, DATA, 4), "compressor 4 is not available"),
        (op_compressed(INNER, DATA, 255), "compressor 255 is not available"),
        (op_compressed(INNER, DATA, 2, op_code=2010), "op code 2010 is not supported"),
    ],
)
def test_what_is_wrong_closes_the_connection(raw: bytes, text: str) -> None:
    with pytest.raises(ProtocolError, match=text):
        parse_message(*parsed(raw))


@pytest.mark.parametrize("name", [name for name in ("snappy", "zstd") if name in INSTALLED])
@pytest.mark.parametrize("size", [None, 0, 5, 40_000_000])
def test_nonsense_for_the_other_compressors(name: str, size: int | None) -> None:
    with pytest.raises(ProtocolError):
        parse_message(*parsed(op_compressed(INNER, b"\xff\x12nonsense", IDS[name], size=size)))


@pytest.mark.parametrize("name", [name for name in ("zlib", "zstd", "snappy") if name in INSTALLED])
def test_a_bomb_takes_no_more_memory_than_it_admits(name: str) -> None:
    bomb = compress_message(message(OP_MSG, bytes(30_000_000)), IDS[name])
    raw = bomb[:20] + struct.pack("<i", 1000) + bomb[24:]
    tracemalloc.start()
    with pytest.raises(ProtocolError, match="does not match its uncompressed size"):
        parse_message(*parsed(raw))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * len(raw) + 200_000
