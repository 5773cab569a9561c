"""`$add`, `$subtract`, `$multiply`, `$divide`, `$mod`, `$abs`, `$pow`, roots and logarithms: number types, nulls, errors."""

from __future__ import annotations

import math
from typing import Any

import pytest
from bson import Decimal128, Int64
from hypothesis import given
from hypothesis import strategies as st

from secantus_server.bson.values import Date
from tests.mql.expressions.evaluation import error_of, evaluate, parse_error_of, same

MAX_INT, MIN_INT = 2**31 - 1, -(2**31)
MAX_LONG, MIN_LONG = Int64(2**63 - 1), Int64(-(2**63))
NAN, INFINITY = math.nan, math.inf
DAY = Date(1767225600000)
LARGEST = Decimal128("9.999999999999999999999999999999999E+6144")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"$add": [1, 2]}, 3),
        ({"$add": []}, 0),
        ({"$add": [MAX_INT, 1]}, Int64(2147483648)),
        ({"$add": [MIN_INT, -1]}, Int64(-2147483649)),
        ({"$add": [Int64(1), 2]}, Int64(3)),
        ({"$add": [MAX_LONG, 1]}, 2.0**63),
        ({"$add": [1, 2.5]}, 3.5),
        ({"$add": [1, Decimal128("2.5")]}, Decimal128("3.5")),
        ({"$add": [0, -0.0]}, 0.0),
        ({"$add": [1e308, 1e308]}, INFINITY),
        ({"$add": [INFINITY, -INFINITY]}, NAN),
        ({"$add": [1, None]}, None),
        ({"$add": ["$missing", 1]}, None),
        ({"$add": [DAY, 1000]}, Date(1767225601000)),
        ({"$add": [DAY, 2.5]}, Date(1767225600003)),
        ({"$add": [DAY, -0.5]}, Date(1767225599999)),
        ({"$add": [DAY]}, DAY),
        ({"$add": [DAY, Decimal128("1.5")]}, Date(1767225600002)),
        ({"$subtract": [10, 3]}, 7),
        ({"$subtract": [MIN_INT, 1]}, Int64(-2147483649)),
        ({"$subtract": [MIN_LONG, 1]}, -(2.0**63)),
        ({"$subtract": [10.5, Decimal128("2.5")]}, Decimal128("8.0000000000000")),
        ({"$subtract": [DAY, DAY]}, Int64(0)),
        ({"$subtract": [DAY, -2.5]}, Date(1767225600003)),
        ({"$subtract": ["$missing", True]}, None),
        ({"$multiply": [MAX_INT, 2]}, Int64(4294967294)),
        ({"$multiply": [MAX_LONG, 2]}, 2.0**64),
        ({"$multiply": []}, 1),
        ({"$multiply": [Decimal128("2"), 1.5, Int64(3)]}, Decimal128("9.00000000000000")),
        ({"$multiply": [2, None, "text"]}, None),
        ({"$divide": [10, 4]}, 2.5),
        ({"$divide": [0, -5]}, -0.0),
        ({"$divide": [Decimal128("10"), 3]}, Decimal128("3.333333333333333333333333333333333")),
        ({"$divide": [10, None]}, None),
        ({"$mod": [-10, 3]}, -1),
        ({"$mod": [10, -3]}, 1),
        ({"$mod": [MIN_LONG, -1]}, Int64(0)),
        ({"$mod": [10.5, 3]}, 1.5),
        ({"$mod": [10, INFINITY]}, 10.0),
        ({"$mod": [Decimal128("1E+6144"), Decimal128("7")]}, Decimal128(str(10**6144 % 7))),
        ({"$mod": [Decimal128("10.5"), Decimal128("3.2")]}, Decimal128("0.9")),
        ({"$mod": [Decimal128("Infinity"), 2]}, Decimal128("NaN")),
        ({"$abs": MIN_INT}, Int64(2147483648)),
        ({"$abs": -0.0}, 0.0),
        ({"$abs": None}, None),
        ({"$ceil": -1.5}, -1.0),
        ({"$ceil": -0.5}, -0.0),
        ({"$floor": -1.5}, -2.0),
        ({"$floor": Int64(5)}, Int64(5)),
        ({"$ceil": Decimal128("1.5")}, Decimal128("2")),
        ({"$ceil": Decimal128("Infinity")}, Decimal128("NaN")),
        ({"$exp": 0}, 1.0),
        ({"$exp": 710}, INFINITY),
        ({"$exp": Decimal128("1")}, Decimal128("2.718281828459045235360287471352662")),
        ({"$sqrt": 16}, 4.0),
        ({"$sqrt": Decimal128("2")}, Decimal128("1.414213562373095048801688724209698")),
        ({"$sqrt": NAN}, NAN),
        ({"$ln": 1}, 0.0),
        ({"$log10": Decimal128("100")}, Decimal128("2")),
        ({"$log": [100.0, Decimal128("10")]}, Decimal128("2")),
        ({"$log": [8, 2]}, math.log(8) / math.log(2)),
        ({"$pow": [2, 30]}, 1073741824),
        ({"$pow": [2, 31]}, Int64(2147483648)),
        ({"$pow": [2, 63]}, 2.0**63),
        ({"$pow": [-1, 101]}, -1),
        ({"$pow": [0, 0]}, 1),
        ({"$pow": [2, -1]}, 0.5),
        ({"$pow": [-8, 0.5]}, NAN),
        ({"$pow": [Decimal128("2"), 3]}, Decimal128("8.000000000000000000000000000000000")),
        ({"$pow": [LARGEST, 1]}, Decimal128("Infinity")),
        ({"$pow": [Decimal128("-9.999999999999999999999999999999999E+6144"), 1]}, Decimal128("-Infinity")),
        ({"$exp": Decimal128("-9.999999999999999999999999999999999E+6144")}, Decimal128("0E-6176")),
        ({"$sigmoid": 0}, 0.5),
        ({"$sigmoid": -1e10}, 0.0),
    ],
)
def test_values(spec: Any, expected: Any) -> None:
    assert same(evaluate(spec), expected)


@pytest.mark.parametrize(
    ("spec", "code", "message"),
    [
        ({"$add": [1, "a"]}, 14, "$add only supports numeric or date types, not string"),
        ({"$add": [DAY, 1, DAY]}, 16612, "only one date allowed in an $add expression"),
        ({"$add": [DAY, NAN]}, 15, "date overflow in $add"),
        ({"$add": [DAY, MAX_LONG]}, 15, "date overflow in $add"),
        ({"$add": [DAY, MAX_LONG, 1]}, 15, "date overflow in $add"),
        ({"$add": [MAX_LONG, 1, DAY, 1.5]}, 15, "date overflow in $add"),
        ({"$subtract": [Date(MIN_LONG), 1]}, 15, "date overflow in $subtract"),
        ({"$subtract": [Date(MIN_LONG), DAY]}, 15, "date overflow in $subtract"),
        ({"$subtract": ["a", 1]}, 14, "can't $subtract int from string"),
        ({"$subtract": [1]}, 16020, "Expression $subtract takes exactly 2 arguments. 1 were passed in."),
        ({"$multiply": [1, []]}, 14, "$multiply only supports numeric types, not array"),
        ({"$divide": [1, 0]}, 2, "can't $divide by zero"),
        ({"$divide": [1, Decimal128("0")]}, 2, "can't $divide by zero"),
        ({"$divide": ["a", 1]}, 14, "$divide only supports numeric types, not string and int"),
        ({"$mod": [1, 0.0]}, 16610, "can't $mod by zero"),
        ({"$mod": [1, Decimal128("0")]}, 5733415, "can't $mod by zero"),
        ({"$mod": [True, 1]}, 16611, "$mod only supports numeric types, not bool and int"),
        ({"$abs": MIN_LONG}, 28680, "can't take $abs of long long min"),
        ({"$abs": "a"}, 28765, "$abs only supports numeric types, not string"),
        ({"$sqrt": -1}, 28714, "$sqrt's argument must be greater than or equal to 0"),
        ({"$ln": -10}, 28766, "$ln's argument must be a positive number, but is -10"),
        ({"$log10": 0}, 28761, "$log10's argument must be a positive number, but is 0"),
        ({"$log": ["a", 2]}, 28756, "$log's argument must be numeric, not string"),
        ({"$log": [2, "a"]}, 28757, "$log's base must be numeric, not string"),
        ({"$log": [-2, 2]}, 28758, "$log's argument must be a positive number, but is -2"),
        ({"$log": [2, 1]}, 28759, "$log's base must be a positive number not equal to 1, but is 1"),
        ({"$log": [-2, float("nan")]}, 28758, "$log's argument must be a positive number, but is -2"),
        ({"$log": [float("nan"), 0]}, 28759, "$log's base must be a positive number not equal to 1, but is 0"),
        ({"$pow": ["a", 2]}, 28762, "$pow's base must be numeric, not string"),
        ({"$pow": [2, "a"]}, 28763, "$pow's exponent must be numeric, not string"),
        ({"$pow": [0, -1]}, 28764, "$pow cannot take a base of 0 and a negative exponent"),
        ({"$sigmoid": [1]}, 14, "$sigmoid only supports numeric types, not array"),
    ],
)
def test_errors_of_constants_come_while_parsing(spec: Any, code: int, message: str) -> None:
    assert parse_error_of(spec) == (code, message)


def test_an_error_that_depends_on_the_document_comes_later() -> None:
    assert error_of({"$divide": [1, "$zero"]}, {"zero": 0}) == (2, "can't $divide by zero")


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1))
def test_a_sum_of_longs_is_exact_or_a_double(a: int, b: int) -> None:
    found = evaluate({"$add": ["$a", "$b"]}, {"a": Int64(a), "b": Int64(b)})
    assert found == a + b if type(found) is Int64 else found == float(a) + float(b)


@given(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1))
def test_a_product_of_ints_is_exact(a: int, b: int) -> None:
    found = evaluate({"$multiply": ["$a", "$b"]}, {"a": a, "b": b})
    assert found == a * b
    assert (type(found) is int) == (MIN_INT <= a * b <= MAX_INT)
