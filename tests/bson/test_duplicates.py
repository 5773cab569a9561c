"""Duplicate field names in a client's request: an error, since decoding would silently drop one of the values."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from secantus_server.bson import decode_unique, encode
from secantus_server.errors import CommandError


def raw(*fields: tuple[str, Any]) -> bytes:
    """Return a document of these fields; names may repeat."""
    body = b"".join(encode({name: value})[4:-1] for name, value in fields)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def nested(kind: bytes, inner: bytes) -> bytes:
    body = kind + b"x\0" + inner
    return struct.pack("<i", len(body) + 5) + body + b"\0"


@pytest.mark.parametrize(("data", "code"), [(raw(("a", 1), ("a", 1)), 40413), (nested(b"\3", raw(("a", 1), ("b", 2), ("a", {}))), 238)])
def test_refused(data: bytes, code: int) -> None:
    with pytest.raises(CommandError) as caught:
        decode_unique(data)
    assert caught.value.code == code
    assert "'a'" in caught.value.message


@pytest.mark.parametrize(
    ("stage", "code"), [("$lookup", 40413), ("$out", 40413), ("$planCacheStats", 9), ("$sort", 7472500), ("$set", 238)]
)
def test_refused_in_a_stage(stage: str, code: int) -> None:
    pipeline = nested(b"\4", nested(b"\3", raw_stage(stage)).replace(b"\3x\0", b"\0030\0", 1))
    with pytest.raises(CommandError) as caught:
        decode_unique(pipeline)
    assert caught.value.code == code


def raw_stage(stage: str) -> bytes:
    body = b"\3" + stage.encode() + b"\0" + raw(("a", 1), ("a", 2))
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def test_the_keys_of_an_array_do_not_matter() -> None:
    data = nested(b"\4", raw(("0", 1), ("0", {"b": 1})))
    assert decode_unique(data) == {"x": [1, {"b": 1}]}


def test_others_are_decoded() -> None:
    document = {"a": {"a": [{"a": 1}, {"a": 2}]}, "b": 1}
    assert decode_unique(encode(document)) == document
