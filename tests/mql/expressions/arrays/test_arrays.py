"""Array operators."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Decimal128, Int64
from hypothesis import given
from hypothesis import strategies as st

from secantus_server.bson import encode, key_string
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import parse_expression

DOC = {"a": [3, 1, 2], "d": [{"x": 2, "y": 1}, {"x": 1, "y": 1}, {"y": 0}], "n": 2, "none": None, "s": "text"}


class IgnoringCase:
    """A case-insensitive collation."""

    def sort_key(self, text: str) -> bytes:
        return text.lower().encode()


def evaluate(spec: Any, ctx: ParseContext | None = None) -> Any:
    return parse_expression(spec, ctx or ParseContext()).evaluate(encode(DOC))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"$arrayElemAt": ["$a", 0]}, 3),
        ({"$arrayElemAt": ["$a", Decimal128("-1")]}, 2),
        ({"$arrayElemAt": ["$a", 3]}, MISSING),
        ({"$arrayElemAt": ["$none", "x"]}, None),
        ({"$first": "$a"}, 3),
        ({"$last": "$a"}, 2),
        ({"$first": [[]]}, MISSING),
        ({"$last": "$none"}, None),
        ({"$size": "$a"}, 3),
        ({"$isArray": "$a"}, True),
        ({"$isArray": ["$s"]}, False),
        ({"$reverseArray": "$a"}, [2, 1, 3]),
        ({"$reverseArray": "$missing"}, None),
        ({"$concatArrays": ["$a", [5], []]}, [3, 1, 2, 5]),
        ({"$concatArrays": []}, []),
        ({"$concatArrays": ["$a", "$none", "$s"]}, None),
        ({"$slice": [0, None]}, None),
        ({"$sortArray": {"input": {"$literal": [{"a": [3, 1]}, {"a": [2]}]}, "sortBy": {"a": 1}}}, [{"a": [2]}, {"a": [3, 1]}]),
        ({"$slice": ["$a", 2]}, [3, 1]),
        ({"$slice": ["$a", -2]}, [1, 2]),
        ({"$slice": ["$a", 0]}, []),
        ({"$slice": ["$a", 1, 1]}, [1]),
        ({"$slice": ["$a", -10, 2]}, [3, 1]),
        ({"$slice": ["$a", None, 2]}, None),
        ({"$in": [2.0, "$a"]}, True),
        ({"$in": ["$n", [1, Int64(2)]]}, True),
        ({"$in": ["$missing", [None]]}, False),
        ({"$in": ["$s", "$a"]}, False),
        ({"$indexOfArray": ["$a", Int64(1)]}, 1),
        ({"$indexOfArray": ["$a", 1, 2]}, -1),
        ({"$indexOfArray": ["$a", 2, 0, 2]}, -1),
        ({"$indexOfArray": ["$none", 1]}, None),
        ({"$range": [0, 3]}, [0, 1, 2]),
        ({"$range": [3.0, Int64(0), Decimal128("-2")]}, [3, 1]),
        ({"$zip": {"inputs": ["$a", ["x"]]}}, [[3, "x"]]),
        ({"$zip": {"inputs": ["$a", ["x"]], "useLongestLength": True}}, [[3, "x"], [1, None], [2, None]]),
        ({"$zip": {"inputs": ["$a", ["x"]], "useLongestLength": True, "defaults": [0, "$s"]}}, [[3, "x"], [1, "text"], [2, "text"]]),
        ({"$zip": {"inputs": ["$a", "$none"]}}, None),
        ({"$filter": {"input": "$a", "cond": {"$gt": ["$$this", 1]}}}, [3, 2]),
        ({"$filter": {"input": "$a", "as": "i", "cond": {"$gte": ["$$i", "$n"]}, "limit": 1}}, [3]),
        ({"$filter": {"input": "$a", "cond": True, "limit": "$none"}}, [3, 1, 2]),
        ({"$filter": {"input": "$none", "cond": True}}, None),
        ({"$map": {"input": "$a", "in": {"$add": ["$$this", "$n"]}}}, [5, 3, 4]),
        ({"$map": {"input": "$a", "as": "i", "in": "$missing"}}, [None, None, None]),
        ({"$map": {"input": "$a", "in": {"$map": {"input": [1], "in": "$$this"}}}}, [[1], [1], [1]]),
        ({"$reduce": {"input": "$a", "initialValue": 10, "in": {"$subtract": ["$$value", "$$this"]}}}, 4),
        ({"$reduce": {"input": [], "initialValue": "$s", "in": "$$this"}}, "text"),
        ({"$reduce": {"input": "$none", "initialValue": 0, "in": "$$this"}}, None),
        ({"$sortArray": {"input": "$a", "sortBy": 1}}, [1, 2, 3]),
        ({"$sortArray": {"input": "$a", "sortBy": -1.0}}, [3, 2, 1]),
        ({"$sortArray": {"input": "$d.x", "sortBy": Int64(1)}}, [1, 2]),
        ({"$sortArray": {"input": "$d", "sortBy": {"y": -1, "x": 1}}}, [{"x": 1, "y": 1}, {"x": 2, "y": 1}, {"y": 0}]),
        ({"$sortArray": {"input": "$none", "sortBy": 1}}, None),
        ({"$firstN": {"input": "$a", "n": "$n"}}, [3, 1]),
        ({"$lastN": {"input": "$a", "n": Int64(2)}}, [1, 2]),
        ({"$lastN": {"input": "$a", "n": 5}}, [3, 1, 2]),
        ({"$minN": {"input": [3, None, 1, "x"], "n": 2}}, [1, 3]),
        ({"$maxN": {"input": [3, None, 1, "x"], "n": 2}}, ["x", 3]),
    ],
)
def test_values(spec: Any, expected: Any) -> None:
    found = evaluate(spec)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"$in": ["A", ["a"]]}, True),
        ({"$in": ["$s", [["TEXT"], "TEXT"]]}, True),
        ({"$indexOfArray": [["b", "a"], "A"]}, 1),
        ({"$sortArray": {"input": ["b", "A", "B"], "sortBy": 1}}, ["A", "b", "B"]),
        ({"$minN": {"input": ["b", "A"], "n": 1}}, ["A"]),
        ({"$setUnion": [["a"], ["A", "b"]]}, ["a", "b"]),
        ({"$setDifference": [["a", "b"], ["A"]]}, ["b"]),
    ],
)
def test_strings_compare_by_the_collation(spec: Any, expected: Any) -> None:
    assert evaluate(spec, ParseContext(collation=IgnoringCase())) == expected


MALFORMED = [
    ({"$arrayElemAt": ["$s", 0]}, 28689, "$arrayElemAt's first argument must be an array, but is string"),
    ({"$arrayElemAt": ["$a", "$s"]}, 28690, "$arrayElemAt's second argument must be a numeric value, but is string"),
    ({"$arrayElemAt": ["$a", 1.5]}, 28691, "$arrayElemAt's second argument must be representable as a 32-bit integer: 1.5"),
    ({"$first": "$s"}, 28689, "$first's argument must be an array, but is string"),
    ({"$size": "$missing"}, 17124, "The argument to $size must be an array, but was of type: missing"),
    ({"$reverseArray": 1}, 34435, "The argument to $reverseArray must be an array, but was of type: int"),
    ({"$concatArrays": ["$a", 1]}, 28664, "$concatArrays only supports arrays, not int"),
    ({"$slice": ["$s", 1]}, 28724, "First argument to $slice must be an array, but is of type: string"),
    ({"$slice": ["$a", "x"]}, 28725, "Second argument to $slice must be a numeric value, but is of type: string"),
    ({"$slice": ["$a", 0, 1.5]}, 28728, "Third argument to $slice can't be represented as a 32-bit integer: 1.5"),
    ({"$slice": ["$a", 0, 0]}, 28729, "Third argument to $slice must be positive: 0"),
    ({"$in": [1, "$s"]}, 40081, "$in requires an array as a second argument, found: string"),
    ({"$in": [1, 2]}, 40081, "$in requires an array as a second argument, found: int"),
    ({"$indexOfArray": ["$s", 1]}, 40090, "$indexOfArray requires an array as a first argument, found: string"),
    ({"$indexOfArray": ["$a", 1, -1]}, 9711601, "$indexOfArray requires a nonnegative starting index, found: -1"),
    ({"$range": ["a", 1]}, 34443, "$range requires a numeric starting value, found value of type: string"),
    ({"$range": [0, 1.5]}, 34446, "$range requires an ending value that can be represented as a 32-bit integer, found value: 1.5"),
    ({"$range": [0, 1, 0]}, 34449, "$range requires a non-zero step value"),
    ({"$zip": 1}, 34460, "$zip only supports an object as an argument, found int"),
    ({"$zip": {"inputs": "x"}}, 34461, "inputs must be an array of expressions, found string"),
    ({"$zip": {"inputs": ["$a"], "useLongestLength": 1}}, 34463, "useLongestLength must be a bool, found int"),
    ({"$zip": {"inputs": ["$a"], "x": 1}}, 34464, "$zip found an unknown argument: x"),
    ({"$zip": {"inputs": []}}, 34465, "$zip requires at least one input array"),
    ({"$zip": {"inputs": ["$a"], "defaults": [1]}}, 34466, "cannot specify defaults unless useLongestLength is true"),
    ({"$zip": {"inputs": ["$s"]}}, 34468, '$zip found a non-array expression in input: "text"'),
    ({"$filter": 1}, 28646, "$filter only supports an object as its argument"),
    ({"$filter": {"input": "$a"}}, 28650, "Missing 'cond' parameter to $filter"),
    ({"$filter": {"input": "$s", "cond": 1}}, 28651, "input to $filter must be an array not string"),
    ({"$filter": {"input": "$a", "cond": 1, "as": "Bad"}}, 9, "'Bad' starts with an invalid character for a user variable name"),
    ({"$filter": {"input": "$a", "cond": 1, "as": 5}}, 9, "empty variable names are not allowed"),
    ({"$filter": {"input": "$a", "cond": 1, "limit": 0}}, 327392, "$filter: limit must be greater than 0: 0"),
    ({"$map": {"input": "$s", "in": 1}}, 16883, "input to $map must be an array not string"),
    ({"$map": {"in": 1}}, 16880, "Missing 'input' parameter to $map"),
    ({"$reduce": {"input": "$s", "initialValue": 1, "in": 1}}, 40080, "$reduce requires that 'input' be an array, found: \"text\""),
    ({"$reduce": {"input": "$a", "in": 1}}, 40078, "$reduce requires 'initialValue' to be specified"),
    ({"$sortArray": {"input": "$s", "sortBy": 1}}, 2942504, "The input argument to $sortArray must be an array, but was of type: string"),
    ({"$sortArray": {"input": "$a", "sortBy": 2}}, 2942506, "The $sort element value must be either 1 or -1"),
    ({"$sortArray": {"input": "$a", "sortBy": {}}}, 2942505, "The sort pattern is empty when it should be a set of fields."),
    ({"$firstN": {"input": "$a"}}, 5787906, "Missing value for 'n'"),
    ({"$maxN": {"input": "$a", "n": 0}}, 5787908, "'n' must be greater than 0, found 0"),
    ({"$minN": {"input": "$s", "n": 1}}, 5788200, "Input must be an array"),
]


@pytest.mark.parametrize(("spec", "code", "text"), MALFORMED)
def test_errors(spec: Any, code: int, text: str) -> None:
    with pytest.raises(CommandError) as caught:
        evaluate(spec)
    assert (caught.value.code, caught.value.message) == (code, text)


def test_a_range_that_does_not_fit_into_memory_is_refused() -> None:
    with pytest.raises(CommandError) as caught:
        evaluate({"$range": [-(2**31), 2**31 - 1]})
    assert caught.value.code == 146


@given(st.lists(st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(), st.text(max_size=2))))
def test_sorting_agrees_with_the_order_of_keys(items: list[Any]) -> None:
    expression = parse_expression({"$sortArray": {"input": "$a", "sortBy": 1}}, ParseContext())
    found = expression.evaluate(encode({"a": items}))
    assert [key_string(item) for item in found] == sorted(key_string(item) for item in items)
