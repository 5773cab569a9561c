"""`$exists`, `$type`, `$size`, `$all`, `$elemMatch`, `$mod` and the `$bits` family."""

from __future__ import annotations

from typing import Any

import pytest
from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey

from secantus_server.bson.values import UNDEFINED, Date, Regex
from tests.mql.match.matching import failure, matches


@pytest.mark.parametrize(
    ("wanted", "stored", "expected"),
    [
        ("string", "x", True),
        (2, "x", True),
        (Int64(2), "x", True),
        (2.0, ["x"], True),
        ("array", [1], True),
        ("array", [[1]], True),
        ("int", [1], True),
        ("int", Int64(1), False),
        ("long", Int64(1), True),
        ("number", 1.5, True),
        ("number", Decimal128("1"), True),
        ("number", Date(1), False),
        (["string", "bool"], True, True),
        (-1, MinKey(), True),
        ("maxKey", MaxKey(), True),
        ("null", None, True),
        ("undefined", UNDEFINED, True),
        ("object", {}, True),
        ("bool", 1, False),
    ],
)
def test_type(wanted: Any, stored: Any, expected: bool) -> None:
    assert matches({"a": {"$type": wanted}}, {"a": stored}) is expected
    assert not matches({"a": {"$type": wanted}}, {})


@pytest.mark.parametrize(
    ("argument", "expected"),
    [(1, True), (0, False), ("", True), (None, False), (0.0, False), (Decimal128("0"), False), (float("nan"), True)],
)
def test_exists_takes_any_argument(argument: Any, expected: bool) -> None:
    assert matches({"a": {"$exists": argument}}, {"a": 1}) is expected


@pytest.mark.parametrize(
    ("size", "stored", "expected"),
    [
        (0, [], True),
        (2, [1, 2], True),
        (1, [1, 2], False),
        (2.0, [1, 2], True),
        (Decimal128("2"), [[], {}], True),
        (1, {"x": 1}, False),
        (0, None, False),
    ],
)
def test_size(size: Any, stored: Any, expected: bool) -> None:
    assert matches({"a": {"$size": size}}, {"a": stored}) is expected


@pytest.mark.parametrize(
    ("wanted", "stored", "expected"),
    [
        (["x", "y"], ["y", "x", "z"], True),
        (["x", "y"], ["x"], False),
        ([], [], False),
        (["x"], "x", True),
        ([["x"]], ["x"], True),
        ([["x"]], [["x"]], True),
        ([Regex("^x")], ["ab", "xa"], True),
        ([{"$elemMatch": {"b": 1}}, {"$elemMatch": {"b": 2}}], [{"b": 1}, {"b": 2}], True),
        ([{"$elemMatch": {"b": 1}}, {"$elemMatch": {"b": 2}}], [{"b": 1}], False),
        ([None], [1], False),
    ],
)
def test_all(wanted: list[Any], stored: Any, expected: bool) -> None:
    assert matches({"a": {"$all": wanted}}, {"a": stored}) is expected


@pytest.mark.parametrize(
    ("condition", "stored", "expected"),
    [
        ({"$gt": 1, "$lt": 3}, [0, 5], False),
        ({"$gt": 1, "$lt": 3}, [0, 2], True),
        ({"b": 1, "c": 2}, [{"b": 1}, {"c": 2}], False),
        ({"b": 1, "c": 2}, [{"b": 1, "c": 2}], True),
        ({"$gt": 1}, 5, False),
        ({}, [1, 2], False),
        ({}, [{}], True),
        ({"$not": {"$gt": 3}}, [5, 2], True),
        ({"$elemMatch": {"$gt": 3}}, [[5], [1]], True),
        ({"0": 5}, [[5]], True),
        ({"$or": [{"b": 1}, {"c": 1}]}, [{"c": 1}], True),
        ({"b": {"$exists": False}}, [{"c": 1}], True),
        ({"$in": [[1]]}, [[1]], True),
        ({"$eq": 1}, [[1]], False),
        ({"$ref": "x"}, [{"$ref": "x"}], True),
    ],
)
def test_elem_match(condition: dict[str, Any], stored: Any, expected: bool) -> None:
    assert matches({"a": {"$elemMatch": condition}}, {"a": stored}) is expected


@pytest.mark.parametrize(
    ("argument", "stored", "expected"),
    [
        ([4, 0], 8, True),
        ([4, 1], 8, False),
        ([4, 1], -7, False),
        ([4, -3], -7, True),
        ([-4, -3], -7, True),
        ([4, 0], 8.9, True),
        ([4.9, 0.1], Int64(8), True),
        ([3, 0], Decimal128("9.5"), True),
        ([3, 0], float("nan"), False),
        ([3, 0], float("inf"), False),
        ([3, 0], 1e300, False),
        ([-1, 0], Int64(-(2**63)), True),
        ([Int64(2**40), 5], Int64(2**40 + 5), True),
        ([2, 0], "4", False),
        ([2, 0], [1, 4], True),
    ],
)
def test_mod(argument: list[Any], stored: Any, expected: bool) -> None:
    assert matches({"a": {"$mod": argument}}, {"a": stored}) is expected


@pytest.mark.parametrize(
    ("operator", "mask", "stored", "expected"),
    [
        ("$bitsAllSet", 5, 7, True),
        ("$bitsAllSet", 5, 4, False),
        ("$bitsAllSet", [0, 2], 7, True),
        ("$bitsAllSet", 0, 1, True),
        ("$bitsAnySet", 0, 1, False),
        ("$bitsAllClear", 5, 2, True),
        ("$bitsAnyClear", 5, 4, True),
        ("$bitsAnyClear", 5, 7, False),
        ("$bitsAllSet", [63], -1, True),
        ("$bitsAllSet", [200], -1, True),
        ("$bitsAllClear", [200], 1, True),
        ("$bitsAllSet", 1, 1.0, True),
        ("$bitsAllSet", 1, 1.5, False),
        ("$bitsAllClear", 1, 1.5, False),
        ("$bitsAllSet", 1, Decimal128("3"), True),
        ("$bitsAllSet", 1, Decimal128("1E+30"), False),
        ("$bitsAllSet", 1, float("nan"), False),
        ("$bitsAllSet", [8], Binary(b"\x00\x01"), True),
        ("$bitsAnySet", [16], Binary(b"\xff\xff"), False),
        ("$bitsAllClear", [16], Binary(b"\xff\xff"), True),
        ("$bitsAllSet", Binary(b"\x03"), 7, True),
        ("$bitsAllSet", 1, "x", False),
        ("$bitsAnyClear", 1, [3, 2], True),
    ],
)
def test_bits(operator: str, mask: Any, stored: Any, expected: bool) -> None:
    assert matches({"a": {operator: mask}}, {"a": stored}) is expected
    assert not matches({"b": {operator: mask}}, {"a": stored})


@pytest.mark.parametrize(
    ("spec", "code", "text"),
    [
        ({"$type": "x"}, 2, "Unknown type name alias: x"),
        ({"$type": 99}, 2, "Invalid numerical type code: 99"),
        ({"$type": 1.5}, 2, "Invalid numerical type code: 1.5"),
        ({"$type": 0}, 2, "Invalid numerical type code: 0. Instead use {$exists:false}."),
        ({"$type": None}, 14, "type must be represented as a number or a string"),
        ({"$type": []}, 9, "a must match at least one type"),
        ({"$size": "1"}, 2, 'Failed to parse $size. Expected a number in: $size: "1"'),
        ({"$size": -1}, 2, "Failed to parse $size. Expected a non-negative number in: $size: -1"),
        ({"$size": 1.5}, 2, "Failed to parse $size. Expected an integer: $size: 1.5"),
        ({"$size": Int64(2**40)}, 2, "Failed to parse $size. Cannot represent as a 32-bit integer: $size: 1099511627776"),
        ({"$all": 1}, 2, "$all needs an array"),
        ({"$all": [1, {"$elemMatch": {}}]}, 2, "no $ expressions in $all"),
        ({"$all": [{"$elemMatch": {}}, 1]}, 2, "$all/$elemMatch has to be consistent"),
        ({"$elemMatch": [1]}, 2, "$elemMatch needs an Object"),
        ({"$elemMatch": {"$where": "1"}}, 2, "$where can only be applied to the top-level document"),
        ({"$elemMatch": {"$gt": 1, "b": 1}}, 2, "unknown operator: b"),
        ({"$mod": 1}, 2, "malformed mod, needs to be an array"),
        ({"$mod": [1]}, 2, "malformed mod, not enough elements"),
        ({"$mod": [1, 2, 3]}, 2, "malformed mod, too many elements"),
        ({"$mod": ["x", 0]}, 2, "malformed mod, divisor not a number"),
        ({"$mod": [0, 0]}, 2, "divisor cannot be 0"),
        (
            {"$mod": [float("nan"), 0]},
            2,
            "malformed mod, divisor value is invalid :: caused by :: Unable to coerce NaN/Inf to integral type",
        ),
        ({"$mod": [1e30, 0]}, 2, "malformed mod, divisor value is invalid :: caused by :: Out of bounds coercing to integral value"),
        ({"$bitsAllSet": -1}, 9, "Expected a non-negative number in: $bitsAllSet: -1"),
        ({"$bitsAllSet": 1.2}, 9, "Expected an integer: $bitsAllSet: 1.2"),
        ({"$bitsAllSet": "1"}, 2, 'a takes an Array, a number, or a BinData but received: $bitsAllSet: "1"'),
        ({"$bitsAllSet": [-1]}, 2, "Failed to parse bit position. Expected a non-negative number in: 0: -1"),
        ({"$bitsAllSet": ["1"]}, 2, 'Failed to parse bit position. Expected a number in: 0: "1"'),
    ],
)
def test_errors(spec: dict[str, Any], code: int, text: str) -> None:
    assert failure({"a": spec}) == (code, text)
