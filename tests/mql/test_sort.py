"""Sort specifications: validation, and the resulting order."""

from __future__ import annotations

import random
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId

from secantus_server.bson import encode
from secantus_server.bson.values import Date, Regex
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.sort import SortPattern

CTX = ParseContext()


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ({"a": 1}, [("a", 1)]),
        ({"a": -1, "b.c": 1}, [("a", -1), ("b.c", 1)]),
        ({"a": Int64(-1)}, [("a", -1)]),
        ({"a": 1.0}, [("a", 1)]),
        ({"a": 1.9}, [("a", 1)]),
        ({"a": Decimal128("-1")}, [("a", -1)]),
        ({"_id": 1}, [("_id", 1)]),
    ],
)
def test_parts(spec: dict[str, Any], parts: list[tuple[str, int]]) -> None:
    assert SortPattern.parse(spec, CTX).parts == parts


@pytest.mark.parametrize(
    ("spec", "code", "message"),
    [
        ({}, 15976, "$sort stage must have at least one sort key"),
        ({"a": 2}, 15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)"),
        ({"a": 0}, 15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)"),
        ({"a": 0.5}, 15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)"),
        ({"a": float("nan")}, 15975, "$sort key ordering must be 1 (for ascending) or -1 (for descending)"),
        ({"a": "asc"}, 15974, 'Illegal key in $sort specification: a: "asc"'),
        ({"a": None}, 15974, "Illegal key in $sort specification: a: null"),
        ({"a": True}, 15974, "Illegal key in $sort specification: a: true"),
        ({"a": {"$x": 1}}, 17312, "$meta is the only expression supported by $sort right now"),
        ({"": 1}, 40352, "FieldPath cannot be constructed with empty string"),
        ({"a": {"$meta": "textScore"}}, 40218, "query requires text score metadata, but it is not available"),
    ],
)
def test_errors(spec: dict[str, Any], code: int, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        SortPattern.parse(spec, CTX)
    assert (caught.value.code, caught.value.message) == (code, message)


def test_too_many_fields() -> None:
    assert len(SortPattern.parse({f"f{number}": 1 for number in range(32)}, CTX).parts) == 32
    with pytest.raises(CommandError) as caught:
        SortPattern.parse({f"f{number}": 1 for number in range(33)}, CTX)
    assert caught.value.code == 13103


def test_the_order_of_types() -> None:
    """https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/"""
    values: list[Any] = [
        MinKey(), None, -1, 2.5, "a", {"a": 1}, b"x", ObjectId(b"0" * 12), False, True, Date(0), Regex("a", ""), MaxKey(),
    ]  # fmt: skip
    documents = [{"v": value} for value in values]
    ascending, descending = SortPattern.parse({"v": 1}, CTX), SortPattern.parse({"v": -1}, CTX)
    assert sorted(random.Random(1).sample(documents, len(documents)), key=lambda one: ascending.key(encode(one))) == documents
    assert sorted(documents, key=lambda one: descending.key(encode(one))) == documents[::-1]


def test_fields_after_the_first_decide_between_equals() -> None:
    pattern = SortPattern.parse({"a": 1, "b": -1}, CTX)
    documents = [{"a": 1, "b": 1}, {"a": 1.0, "b": 3}, {"a": 0}, {"b": 5}]
    order = sorted(documents, key=lambda one: pattern.key(encode(one)))
    assert order == [{"b": 5}, {"a": 0}, {"a": 1.0, "b": 3}, {"a": 1, "b": 1}]
