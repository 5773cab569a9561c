"""BSON types as the matchers see them."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp, encode
from bson.raw_bson import RawBSONDocument
from secantus_conformance.unified.values import ALIASES, identical, plain, type_alias

OID = ObjectId()


@pytest.mark.parametrize(
    ("value", "alias"),
    [
        (1, "int"),
        (-(2**31), "int"),
        (2**31, "long"),
        (Int64(1), "long"),
        (1.0, "double"),
        (True, "bool"),
        ("", "string"),
        (None, "null"),
        ({}, "object"),
        (DBRef("a", 1), "object"),
        ([], "array"),
        ((), "array"),
        (OID, "objectId"),
        (datetime.datetime(2020, 1, 1), "date"),
        (Decimal128("1"), "decimal"),
        (b"", "binData"),
        (Binary(b"", 4), "binData"),
        (Regex("a"), "regex"),
        (Timestamp(0, 0), "timestamp"),
        (MinKey(), "minKey"),
        (MaxKey(), "maxKey"),
        (Code("f"), "javascript"),
        (Code("f", {}), "javascriptWithScope"),
    ],
)
def test_type_alias(value: Any, alias: str) -> None:
    assert type_alias(value) == alias
    assert alias in ALIASES


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": Int64(1)}, False),
        ({"a": 1}, {"a": 1.0}, False),
        ({"a": 1}, {"a": 1, "b": 1}, False),
        ([1, 2], [1, 2], True),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1}]}, True),
        (None, False, False),
        (float("nan"), float("nan"), True),
        (b"x", Binary(b"x", 0), True),
        (b"x", Binary(b"x", 5), False),
        ({"$ref": "c", "$id": 1}, DBRef("c", 1), True),
    ],
)
def test_identical(left: Any, right: Any, same: bool) -> None:
    assert identical(left, right) is same
    assert identical(right, left) is same


def test_raw_documents_become_plain() -> None:
    assert plain(RawBSONDocument(encode({"a": {"b": 1}}))) == {"a": {"b": 1}}
