"""Comparisons, `$and`, `$or`, `$not`, `$cond`, `$ifNull`, `$switch`."""

from __future__ import annotations

import math
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId

from secantus_server.bson.values import MISSING, UNDEFINED, Date
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import truthy
from tests.mql.expressions.evaluation import error_of, evaluate, parse_error_of

# In MongoDB's order of types.
ASCENDING = [
    MinKey(),
    None,
    math.nan,
    -math.inf,
    Decimal128("-1.5"),
    0,
    Int64(2**53 + 1),
    "",
    "A",
    "a",
    "é",
    {},
    {"a": 1},
    [],
    [1],
    Binary(b""),
    ObjectId("0" * 24),
    False,
    True,
    Date(0),
    MaxKey(),
]


class LowerCase:
    """A case-insensitive collation."""

    def sort_key(self, text: str) -> bytes:
        return text.lower().encode()


@pytest.mark.parametrize("index", range(len(ASCENDING) - 1))
def test_order_of_types(index: int) -> None:
    doc = {"a": ASCENDING[index], "b": ASCENDING[index + 1]}
    found = [evaluate({name: ["$a", "$b"]}, doc) for name in ("$cmp", "$lt", "$lte", "$gt", "$gte", "$eq", "$ne")]
    assert found == [-1, True, True, False, False, False, True]


@pytest.mark.parametrize(
    ("a", "b"),
    [(1, 1.0), (Int64(1), Decimal128("1.00")), (math.nan, Decimal128("NaN")), (0.0, -0.0), ({"a": 1}, {"a": 1.0}), (None, None)],
)
def test_equal_values(a: Any, b: Any) -> None:
    doc = {"a": a, "b": b}
    found = [evaluate({name: ["$a", "$b"]}, doc) for name in ("$cmp", "$lt", "$lte", "$gt", "$gte", "$eq", "$ne")]
    assert found == [0, False, True, False, True, True, False]


def test_nothing_is_less_than_null() -> None:
    assert evaluate({"$cmp": ["$missing", None]}) == -1
    assert evaluate({"$eq": ["$missing", "$other"]}) is True


def test_collation() -> None:
    ctx = ParseContext(collation=LowerCase())
    assert evaluate({"$eq": ["$a", "ABC"]}, {"a": "abc"}, ctx) is True
    assert evaluate({"$cmp": ["$a", "B"]}, {"a": "abc"}, ctx) == -1
    assert evaluate({"$gt": ["$a", "$missing"]}, {"a": "abc"}, ctx) is True


def test_a_comparison_takes_two_arguments() -> None:
    assert parse_error_of({"$eq": 1}) == (16020, "Expression $eq takes exactly 2 arguments. 1 were passed in.")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (False, False),
        (0, False),
        (Int64(0), False),
        (-0.0, False),
        (Decimal128("0E+10"), False),
        (None, False),
        (UNDEFINED, False),
        (MISSING, False),
        ("", True),
        ([], True),
        ({}, True),
        (math.nan, True),
        (Decimal128("NaN"), True),
        (-1, True),
    ],
)
def test_truth(value: Any, expected: bool) -> None:
    assert truthy(value) is expected
    doc = {} if value is MISSING else {"v": value}
    assert evaluate({"$and": ["$v"]}, doc) is expected
    assert evaluate({"$or": ["$v"]}, doc) is expected
    assert evaluate({"$not": "$v"}, doc) is not expected
    assert evaluate({"$cond": ["$v", True, False]}, doc) is expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"$and": []}, True),
        ({"$or": []}, False),
        ({"$and": ["$zero", {"$divide": [1, "$zero"]}]}, False),
        ({"$and": [{"$divide": [1, "$zero"]}, False]}, False),
        ({"$or": [{"$divide": [1, "$zero"]}, True]}, True),
        ({"$cond": {"if": "$zero", "then": {"$divide": [1, "$zero"]}, "else": "kept"}}, "kept"),
        ({"$ifNull": ["$missing", None, "$one", 7]}, 1),
        ({"$ifNull": ["$missing", "$other"]}, MISSING),
        ({"$ifNull": [False, 7]}, False),
        ({"$switch": {"branches": [{"case": "$zero", "then": 1}, {"case": "$one", "then": 2}]}}, 2),
        ({"$switch": {"branches": [{"case": "$zero", "then": 1}], "default": 3}}, 3),
        ({"$switch": {"branches": [{"case": True, "then": 1}, {"case": {"$divide": [1, 0]}, "then": 2}]}}, 1),
        ({"$switch": {"branches": [{"case": False, "then": {"$divide": [1, 0]}}, {"case": "$one", "then": 2}]}}, 2),
    ],
)
def test_choices(spec: Any, expected: Any) -> None:
    assert evaluate(spec, {"zero": 0, "one": 1}) == expected


@pytest.mark.parametrize(
    ("spec", "code", "message"),
    [
        ({"$not": []}, 16020, "Expression $not takes exactly 1 arguments. 0 were passed in."),
        ({"$cond": [1, 2]}, 16020, "Expression $cond takes exactly 3 arguments. 2 were passed in."),
        ({"$cond": {}}, 17080, "Missing 'if' parameter to $cond"),
        ({"$cond": {"if": 1}}, 17081, "Missing 'then' parameter to $cond"),
        ({"$cond": {"if": 1, "then": 1}}, 17082, "Missing 'else' parameter to $cond"),
        ({"$cond": {"if": 1, "then": 1, "else": 1, "x": 1}}, 17083, "Unrecognized parameter to $cond: x"),
        ({"$ifNull": ["$a"]}, 1257300, "$ifNull needs at least two arguments, had: 1"),
        ({"$switch": 1}, 40060, "$switch requires an object as an argument, found: int"),
        ({"$switch": {"branches": {}}}, 40061, "$switch expected an array for 'branches', found: object"),
        ({"$switch": {"branches": [1]}}, 40062, "$switch expected each branch to be an object, found: int"),
        ({"$switch": {"branches": [{"x": 1}]}}, 40063, "$switch found an unknown argument to a branch: x"),
        ({"$switch": {"branches": [{"then": 1}]}}, 40064, "$switch requires each branch have a 'case' expression"),
        ({"$switch": {"branches": [{"case": 1}]}}, 40065, "$switch requires each branch have a 'then' expression."),
        ({"$switch": {"x": 1}}, 40067, "$switch found an unknown argument: x"),
        ({"$switch": {"branches": []}}, 40068, "$switch requires at least one branch."),
        ({"$switch": {"branches": [{"case": True, "then": 1}], "default": {"$divide": [1, 0]}}}, 2, "can't $divide by zero"),
        ({"$cond": ["$a", 1, {"$divide": [1, 0]}]}, 2, "can't $divide by zero"),
    ],
)
def test_errors_while_parsing(spec: Any, code: int, message: str) -> None:
    assert parse_error_of(spec) == (code, message)


def test_switch_without_a_match() -> None:
    assert parse_error_of({"$switch": {"branches": [{"case": False, "then": 1}]}})[0] == 40069
    spec = {"$switch": {"branches": [{"case": "$zero", "then": 1}]}}
    message = "$switch could not find a matching branch for an input, and no default was specified."
    assert error_of(spec, {"zero": 0}) == (40066, message)
