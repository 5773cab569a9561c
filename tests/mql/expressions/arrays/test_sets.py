"""Set operators."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Decimal128, Int64
from hypothesis import given
from hypothesis import strategies as st

from secantus_server.errors import CommandError
from tests.mql.expressions.evaluation import evaluate

NAN = float("nan")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"$setUnion": [[1, 1, 2], [2, 3]]}, [1, 2, 3]),
        ({"$setUnion": []}, []),
        ({"$setUnion": [[1], None]}, None),
        ({"$setIntersection": [[1, 2, 2], [2, 1, 3]]}, [1, 2]),
        ({"$setIntersection": [["$missing", 1], [None]]}, [None]),
        ({"$setIntersection": []}, []),
        ({"$setIntersection": [[1], "$missing"]}, None),
        ({"$setDifference": [[3, 1, 1], [1]]}, [3]),
        ({"$setDifference": [[1], None]}, None),
        ({"$setDifference": [[[1, 2], {"a": 1}], [[2, 1], {"a": Int64(1)}]]}, [[1, 2]]),
        ({"$setIsSubset": [[], []]}, True),
        ({"$setIsSubset": [[1.0, Decimal128("2.00")], [2, 1, 3]]}, True),
        ({"$setIsSubset": [["a"], ["A"]]}, False),
        ({"$setEquals": [[1, 2, 2], [2, 1], [1, 2]]}, True),
        ({"$setEquals": [[0], [-0.0]]}, True),
        ({"$setEquals": [[0], [False]]}, False),
        ({"$anyElementTrue": [[0, None, False]]}, False),
        ({"$anyElementTrue": [[[]]]}, True),
        ({"$anyElementTrue": [[]]}, False),
        ({"$allElementsTrue": [["", [], {}]]}, True),
        ({"$allElementsTrue": [[1, Decimal128("0.0")]]}, False),
        ({"$allElementsTrue": [[]]}, True),
    ],
)
def test_values(spec: Any, expected: Any) -> None:
    found = evaluate(spec)
    assert (found, type(found)) == (expected, type(expected))


def test_the_first_of_equal_elements_stays() -> None:
    found = evaluate({"$setUnion": ["$a", "$b"]}, {"a": [Int64(1)], "b": [1, 1.0]})
    assert [type(item) for item in found] == [Int64]
    assert len(evaluate({"$setUnion": ["$a", "$b"]}, {"a": [NAN], "b": [Decimal128("NaN")]})) == 1


@pytest.mark.parametrize(
    ("spec", "code", "text"),
    [
        ({"$setUnion": [[1], 1]}, 17043, "All operands of $setUnion must be arrays. One argument is of type: int"),
        ({"$setIntersection": [[1], "$a"]}, 17047, "All operands of $setIntersection must be arrays. One argument is of type: int"),
        ({"$setDifference": ["$a", [1]]}, 17048, "both operands of $setDifference must be arrays. First argument is of type: int"),
        ({"$setDifference": [[1], "$a"]}, 17049, "both operands of $setDifference must be arrays. Second argument is of type: int"),
        ({"$setIsSubset": [None, []]}, 17046, "both operands of $setIsSubset must be arrays. First argument is of type: null"),
        ({"$setIsSubset": [[], "$missing"]}, 17042, "both operands of $setIsSubset must be arrays. Second argument is of type: missing"),
        ({"$setEquals": [[1]]}, 17045, "$setEquals needs at least two arguments had: 1"),
        ({"$setEquals": [[1], "$a"]}, 17044, "All operands of $setEquals must be arrays. 2-th argument is of type: int"),
        ({"$setEquals": [None, [1]]}, 5887502, "All operands of $setEquals must be arrays. 1-th argument is of type: null"),
        ({"$anyElementTrue": ["$a"]}, 17041, "$anyElementTrue's argument must be an array, but is int"),
        ({"$allElementsTrue": [None]}, 17040, "$allElementsTrue's argument must be an array, but is null"),
        ({"$allElementsTrue": [[1], [2]]}, 16020, "Expression $allElementsTrue takes exactly 1 arguments. 2 were passed in."),
    ],
)
def test_errors(spec: Any, code: int, text: str) -> None:
    with pytest.raises(CommandError) as caught:
        evaluate(spec, {"a": 1})
    assert (caught.value.code, caught.value.message) == (code, text)


def test_null_before_a_constant_that_is_no_array() -> None:
    assert evaluate({"$setUnion": [{"$literal": 1}, "$missing"]}) is None


integers = st.lists(st.integers(-4, 4))


@given(integers, integers)
def test_sets_agree_with_python(a: list[int], b: list[int]) -> None:
    doc = {"a": a, "b": b}
    pair = ["$a", "$b"]
    assert set(evaluate({"$setUnion": pair}, doc)) == set(a) | set(b)
    assert set(evaluate({"$setIntersection": pair}, doc)) == set(a) & set(b)
    assert set(evaluate({"$setDifference": pair}, doc)) == set(a) - set(b)
    assert evaluate({"$setIsSubset": pair}, doc) is (set(a) <= set(b))
    assert evaluate({"$setEquals": pair}, doc) is (set(a) == set(b))
