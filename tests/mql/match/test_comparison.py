"""`$eq`, `$ne`, `$gt`, `$gte`, `$lt`, `$lte`, `$in`, `$nin`."""

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
from hypothesis import given
from hypothesis import strategies as st

from secantus_server.bson import canonical_type, compare_values
from secantus_server.bson.values import UNDEFINED, Date, JavaScript, Regex, Symbol
from tests.mql.match.matching import failure, matches

NAN = float("nan")
INFINITY = float("inf")
HINT = "If you have a field name that starts with a '$' symbol, consider using $getField or $setField."
MANY = [1, Int64(1), 1.0, Decimal128("1")]


@pytest.mark.parametrize("stored", MANY)
@pytest.mark.parametrize("asked", MANY)
def test_numbers_of_all_widths_are_equal(stored: Any, asked: Any) -> None:
    assert matches({"a": asked}, {"a": stored})
    assert matches({"a": {"$in": [7, asked]}}, {"a": stored})
    assert not matches({"a": {"$ne": asked}}, {"a": stored})
    assert not matches({"a": {"$gt": asked}}, {"a": stored})
    assert matches({"a": {"$lte": asked}}, {"a": stored})


@pytest.mark.parametrize(
    ("operator", "operand", "stored", "expected"),
    [
        ("$gt", 9007199254740992.0, Int64(9007199254740993), True),
        ("$eq", 9007199254740992.0, Int64(9007199254740993), False),
        ("$gt", Int64(2**63 - 1), float(2**63), True),
        ("$lt", 4.5, 4, True),
        ("$gt", 4, 4.5, True),
        ("$gt", Decimal128("4.4"), 4.5, True),
        ("$eq", 0.1, Decimal128("0.1"), False),
        ("$eq", 0.0, -0.0, True),
        ("$eq", Decimal128("-0"), 0, True),
        ("$lt", INFINITY, 10**6, True),
        ("$lte", -INFINITY, Decimal128("-Infinity"), True),
    ],
)
def test_numbers_compare_exactly(operator: str, operand: Any, stored: Any, expected: bool) -> None:
    assert matches({"a": {operator: operand}}, {"a": stored}) is expected


@pytest.mark.parametrize("nan", [NAN, Decimal128("NaN")])
def test_nan_equals_only_nan(nan: Any) -> None:
    for operator, expected in (("$eq", True), ("$gte", True), ("$lte", True), ("$gt", False), ("$lt", False)):
        assert matches({"a": {operator: nan}}, {"a": NAN}) is expected
        assert not matches({"a": {operator: nan}}, {"a": 1})
        assert not matches({"a": {operator: 1}}, {"a": nan})
    assert matches({"a": {"$in": [nan]}}, {"a": Decimal128("NaN")})


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ("a", "b"),
        ("a", "aa"),
        ("", "a"),
        ("Z", "a"),
        ("z", "é"),
        ("a\0a", "a\0b"),
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": 1, "b": 1}),
        ([1, 2], [1, 3]),
        (Binary(b"zz"), Binary(b"aaa")),
        (ObjectId("0" * 24), ObjectId("1" * 24)),
        (False, True),
        (Date(-1), Date(0)),
        (Timestamp(1, 2), Timestamp(2, 1)),
        (Symbol("a"), "b"),
    ],
)
def test_order_within_a_type(small: Any, large: Any) -> None:
    assert matches({"a": {"$lt": large}}, {"a": small})
    assert matches({"a": {"$lte": large}}, {"a": small})
    assert matches({"a": {"$gt": small}}, {"a": large})
    assert matches({"a": {"$gte": small, "$lte": small}}, {"a": small})
    assert not matches({"a": {"$gt": large}}, {"a": small})
    assert not matches({"a": small}, {"a": large})


@pytest.mark.parametrize(
    ("operand", "stored"),
    [(5, "x"), ("x", 5), (0, False), (1, True), (0, Date(0)), (Date(0), Timestamp(0, 0)), (5, None), (None, 5), ({}, None), ("1", 1)],
)
def test_other_types_never_match(operand: Any, stored: Any) -> None:
    for operator in ("$eq", "$gt", "$gte", "$lt", "$lte"):
        assert not matches({"a": {operator: operand}}, {"a": stored})


@pytest.mark.parametrize(("operator", "expected"), [("$eq", True), ("$gte", True), ("$lte", True), ("$gt", False), ("$lt", False)])
def test_null_is_missing(operator: str, expected: bool) -> None:
    assert matches({"a": {operator: None}}, {"a": None}) is expected
    assert matches({"a": {operator: None}}, {}) is expected
    assert not matches({"a": {operator: None}}, {"a": UNDEFINED})


@pytest.mark.parametrize("stored", [{"a": 1}, {"a": "x"}, {"a": None}, {}, {"a": []}])
def test_min_and_max_key_compare_with_everything(stored: dict[str, Any]) -> None:
    assert matches({"a": {"$gt": MinKey()}}, stored)
    assert matches({"a": {"$lt": MaxKey()}}, stored)
    assert not matches({"a": {"$lt": MinKey()}}, stored)
    assert not matches({"a": {"$gte": MaxKey()}}, stored)
    assert not matches({"a": MinKey()}, stored)


def test_min_key_equals_itself() -> None:
    assert matches({"a": MinKey()}, {"a": MinKey()})
    assert matches({"a": {"$gte": MaxKey()}}, {"a": MaxKey()})


@pytest.mark.parametrize(
    ("operand", "stored", "expected"),
    [
        (1, [1, 2], True),
        (1, [[1]], False),
        ([1, 2], [1, 2], True),
        ([1, 2], [[1, 2], 3], True),
        ([1, 2], [1, 2, 3], False),
        ([], [], True),
        ([], [[]], True),
        (None, [], False),
        (None, [1, None], True),
        ({"b": 1}, [{"b": 1}], True),
        ({"b": 1, "c": 2}, {"c": 2, "b": 1}, False),
        ({"b": 1}, {"b": 1.0}, True),
    ],
)
def test_arrays_and_documents(operand: Any, stored: Any, expected: bool) -> None:
    assert matches({"a": operand}, {"a": stored}) is expected
    assert matches({"a": {"$ne": operand}}, {"a": stored}) is not expected


@pytest.mark.parametrize(
    ("operands", "stored", "expected"),
    [
        ([], 1, False),
        ([1, "x", None], {"a": "x"}["a"], True),
        ([1, "x"], 2, False),
        ([None], 1, False),
        ([Regex("^x"), 5], "xyz", True),
        ([Regex("^x"), 5], 5, True),
        ([Regex("^x"), 5], Regex("^x"), True),
        ([Regex("^x"), 5], "yx", False),
        ([[1]], [[1], 2], True),
        ([3, 1, 2, 2], [9, 2], True),
        ([{"b": 1}], {"b": 1}, True),
    ],
)
def test_in(operands: list[Any], stored: Any, expected: bool) -> None:
    assert matches({"a": {"$in": operands}}, {"a": stored}) is expected
    assert matches({"a": {"$nin": operands}}, {"a": stored}) is not expected


def test_in_with_null_matches_a_missing_field() -> None:
    assert matches({"a": {"$in": [None, 1]}}, {})
    assert not matches({"a": {"$in": [2, 1]}}, {})
    assert matches({"a": {"$nin": [2, 1]}}, {})


def test_javascript_and_regex_compare_as_values() -> None:
    assert matches({"a": JavaScript("f()")}, {"a": JavaScript("f()")})
    assert matches({"a": {"$eq": Regex("x", "i")}}, {"a": Regex("x", "i")})
    assert not matches({"a": {"$eq": Regex("x")}}, {"a": "x"})


class LowerCase:
    """A case-insensitive collation."""

    def sort_key(self, text: str) -> bytes:
        return text.lower().encode()


@pytest.mark.parametrize(
    ("spec", "stored", "expected"),
    [
        ({"a": "X"}, "x", True),
        ({"a": {"$gt": "B"}}, "c", True),
        ({"a": {"$lt": "b"}}, "C", False),
        ({"a": {"$in": ["X", 1]}}, "x", True),
        ({"a": {"$in": ["X", 1]}}, 1, True),
        ({"a": {"$ne": "X"}}, "x", False),
        ({"a": {"b": "X"}}, {"b": "x"}, True),
        ({"a": ["X"]}, ["x"], True),
        ({"a": Regex("X")}, "x", False),
        ({"a": 1}, 1.0, True),
    ],
)
def test_collation(spec: dict[str, Any], stored: Any, expected: bool) -> None:
    assert matches(spec, {"a": stored}, collation=LowerCase()) is expected


@pytest.mark.parametrize(
    ("spec", "code", "text"),
    [
        ({"a": {"$ne": Regex("x")}}, 2, "Can't have regex as arg to $ne."),
        ({"a.b": {"$gt": Regex("x")}}, 2, "Can't have RegEx as arg to predicate over field 'a.b'."),
        ({"a": {"$in": 1}}, 2, "$in needs an array"),
        ({"a": {"$nin": {"x": 1}}}, 2, "$nin needs an array"),
        ({"a": {"$in": [{"$gt": 1}]}}, 2, "cannot nest $ under $in"),
        ({"a": UNDEFINED}, 2, "cannot compare to undefined"),
        ({"a": {"$lt": UNDEFINED}}, 2, "cannot compare to undefined"),
        (
            {"$eq": 1},
            2,
            f"unknown top level operator: $eq. {HINT}",
        ),
        ({"a": {"$foo": 1}}, 2, "unknown operator: $foo"),
        ({"a": {"$gt": 1, "b": 2}}, 2, "unknown operator: b"),
    ],
)
def test_errors(spec: dict[str, Any], code: int, text: str) -> None:
    assert failure(spec) == (code, text)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1).map(Int64),
    st.floats(allow_nan=False),
    st.text(max_size=4),
    st.binary(max_size=3).map(Binary),
    st.integers(-5, 5).map(Date),
    st.dictionaries(st.sampled_from("ab"), st.integers(0, 3), max_size=2),
)


@given(VALUES, VALUES)
def test_agrees_with_the_order_of_values(stored: Any, operand: Any) -> None:
    same_kind = canonical_type(stored) == canonical_type(operand)
    order = compare_values(stored, operand)
    doc = {"x": 1, "a": stored}
    assert matches({"a": {"$eq": operand}}, doc) is (same_kind and order == 0)
    assert matches({"a": {"$gt": operand}}, doc) is (same_kind and order > 0)
    assert matches({"a": {"$lte": operand}}, doc) is (same_kind and order <= 0)


@given(VALUES, st.lists(VALUES, max_size=5))
def test_in_is_any_equality(stored: Any, operands: list[Any]) -> None:
    expected = any(matches({"a": {"$eq": operand}}, {"a": stored}) for operand in operands)
    assert matches({"a": {"$in": operands}}, {"a": stored}) is expected
