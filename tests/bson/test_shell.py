"""Values as MongoDB prints them in messages."""

from __future__ import annotations

from typing import Any

import pytest
from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson.shell import document_text, shell_text
from secantus_server.bson.values import UNDEFINED, Date, DBPointer, JavaScript, Regex, Symbol

OID = ObjectId("0123456789abcdef01234567")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (Int64(-5), "-5"),
        (1.0, "1.0"),
        (1.5, "1.5"),
        (1e20, "1e+20"),
        (float("nan"), "nan.0"),
        (float("inf"), "inf.0"),
        (float("-inf"), "-inf.0"),
        ("text", '"text"'),
        ('a"b\\c\n', '"a\\"b\\\\c\\n"'),
        (True, "true"),
        (False, "false"),
        (None, "null"),
        ({}, "{}"),
        ({"a": 1, "b": {"c": []}}, "{ a: 1, b: { c: [] } }"),
        ([1, "x"], '[ 1, "x" ]'),
        (OID, f"ObjectId('{OID}')"),
        (Date(5), "new Date(5)"),
        (Binary(b"\x01\xff", 0), "BinData(0, 01FF)"),
        (Binary(bytes(range(16)), 4), 'UUID("00010203-0405-0607-0809-0a0b0c0d0e0f")'),
        (Binary(b"\x01\xff", 4), "BinData(4, 01FF)"),
        (Timestamp(3, 4), "Timestamp(3, 4)"),
        (Regex("^a", "i"), "/^a/i"),
        (Decimal128("1.50"), "1.50"),
        (JavaScript("f()", None), "f()"),
        (JavaScript("f()", {"x": 1}), "CodeWScope( f(), { x: 1 })"),
        (Symbol("s"), '"s"'),
        (DBPointer("db.c", OID), f'DBRef("db.c", {OID})'),
        (UNDEFINED, "undefined"),
        (MinKey(), "MinKey"),
        (MaxKey(), "MaxKey"),
    ],
)
def test_text(value: Any, text: str) -> None:
    assert shell_text(value) == text
    assert document_text({"v": value}) == f"{{ v: {text} }}"
