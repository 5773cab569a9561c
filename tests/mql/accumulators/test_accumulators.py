"""Accumulators: values, number types, nulls, errors."""

from __future__ import annotations

import math
from typing import Any

import pytest
from bson import Decimal128, Int64

from secantus_server.bson import encode
from secantus_server.errors import CommandError
from secantus_server.mql.accumulators import parse_accumulator
from secantus_server.mql.context import Cell, FixedCell, ParseContext
from tests.mql.expressions.evaluation import same

NOTHING = object()


class LowerCase:
    """A case-insensitive collation."""

    def sort_key(self, text: str) -> bytes:
        return text.lower().encode()


def accumulate(name: str, argument: Any, values: list[Any], ctx: ParseContext | None = None) -> Any:
    """Return the accumulator's result over documents with these values in the field `v`."""
    state = parse_accumulator(name, argument, ctx or ParseContext()).start()
    for index, value in enumerate(values):
        state.add(encode({"i": index} if value is NOTHING else {"i": index, "v": value}))
    return state.result()


def code_of(name: str, argument: Any, values: list[Any]) -> int:
    with pytest.raises(CommandError) as caught:
        accumulate(name, argument, values)
    return caught.value.code


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("$sum", [], 0),
        ("$sum", [1, 2], 3),
        ("$sum", [2**31 - 1, 1], Int64(2**31)),
        ("$sum", [Int64(2**63 - 1), 1], 2.0**63),
        ("$sum", [1, 2.5, "a", None, NOTHING, [7]], 3.5),
        ("$sum", [0.1, 0.2, 0.3], 0.6),
        ("$sum", [5, Decimal128("3")], Decimal128("8")),
        ("$sum", [math.inf, -math.inf], math.nan),
        ("$avg", [], None),
        ("$avg", ["a", None], None),
        ("$avg", [1, 2], 1.5),
        ("$avg", [1, Decimal128("2")], Decimal128("1.5")),
        ("$min", [3, None, NOTHING, 1, "a"], 1),
        ("$max", [3, None, 5.0, Int64(5)], 5.0),
        ("$max", [math.nan, 1], 1),
        ("$min", [None], None),
        ("$first", [None, 1], None),
        ("$first", [NOTHING, 1], None),
        ("$first", [7, 1], 7),
        ("$last", [1, NOTHING], None),
        ("$last", [1, 2], 2),
        ("$push", [1, None, NOTHING, 1], [1, None, 1]),
        ("$addToSet", [1, 1.0, None, NOTHING, Int64(1), "1"], [1, None, "1"]),
        ("$mergeObjects", [{"a": 1}, None, NOTHING, {"a": 2, "b": 3}], {"a": 2, "b": 3}),
        ("$concatArrays", [[1], NOTHING, [[2], 1]], [1, [2], 1]),
        ("$setUnion", [[1, 2], [2.0, 3]], [1, 2, 3]),
        ("$stdDevPop", [1, 3, "a"], 1.0),
        ("$stdDevSamp", [1], None),
        ("$stdDevPop", [1e308, -1e308], math.nan),
    ],
)
def test_values(name: str, values: list[Any], expected: Any) -> None:
    assert same(accumulate(name, "$v", values), expected)


@pytest.mark.parametrize(
    ("name", "argument", "expected"),
    [
        ("$count", {}, 5),
        ("$sum", 2, 10),
        ("$firstN", {"n": 2, "input": "$v"}, [3, None]),
        ("$lastN", {"n": 2, "input": "$v"}, [1, 2]),
        ("$minN", {"n": 2, "input": "$v"}, [1, 2]),
        ("$maxN", {"n": 9, "input": "$v"}, [3, 2, 1]),
        ("$top", {"sortBy": {"v": -1, "i": 1}, "output": "$i"}, 0),
        ("$topN", {"n": 2, "sortBy": {"v": -1}, "output": "$v"}, [3, 2]),
        ("$bottom", {"sortBy": {"v": -1, "i": 1}, "output": "$v"}, None),
        ("$bottomN", {"n": 2, "sortBy": {"i": 1}, "output": ["$v", "$i"]}, [[1, 3], [2, 4]]),
        ("$median", {"input": "$v", "method": "approximate"}, 2.0),
        ("$percentile", {"input": "$v", "p": [0.5, 1], "method": "approximate"}, [2.0, 3.0]),
    ],
)
def test_arguments(name: str, argument: Any, expected: Any) -> None:
    assert accumulate(name, argument, [3, NOTHING, None, 1, 2]) == expected


def test_states_are_independent() -> None:
    accumulator = parse_accumulator("$push", "$v", ParseContext())
    first, second = accumulator.start(), accumulator.start()
    first.add(encode({"v": 1}))
    assert (first.result(), second.result()) == ([1], [])


def test_results_may_be_asked_for_early() -> None:
    state = parse_accumulator("$sum", "$v", ParseContext()).start()
    found = []
    for value in (1, 2, 3):
        state.add(encode({"v": value}))
        found.append(state.result())
    assert found == [1, 3, 6]


@pytest.mark.parametrize(
    ("name", "expected"), [("$addToSet", ["b", "A"]), ("$min", "A"), ("$max", "b"), ("$minN", ["A", "a"]), ("$setUnion", ["b", "A"])]
)
def test_collation(name: str, expected: Any) -> None:
    ctx = ParseContext(collation=LowerCase())
    argument = {"n": 2, "input": "$v"} if name == "$minN" else "$v"
    values: list[Any] = ["b", "A", "a", "B"]
    found = accumulate(name, argument, [[value] for value in values] if name == "$setUnion" else values, ctx)
    assert found == expected


@pytest.mark.parametrize(
    ("name", "argument", "code"),
    [
        ("$nobody", 1, 15952),
        ("$accumulator", {}, 4544705),
        ("$sum", [1], 40237),
        ("$push", [], 40237),
        ("$nobody", [], 40237),
        ("$sum", {"$add": 1, "$abs": 1}, 15983),
        ("$count", 1, 14),
        ("$count", {"a": 1}, 9),
        ("$firstN", 1, 5787900),
        ("$firstN", {"x": 1}, 5787901),
        ("$firstN", {"n": "a", "input": 1}, 7548606),
        ("$firstN", {"n": 1.5, "input": 1}, 7548606),
        ("$firstN", {"input": 1}, 5787906),
        ("$firstN", {"n": 1}, 5787907),
        ("$firstN", {"n": 0, "input": 1}, 7548606),
        ("$percentile", {"input": "$v", "p": ["$v"], "method": "approximate"}, 7750300),
        ("$percentile", {"input": "$v", "p": [{"$rand": {}}], "method": "approximate"}, 7750300),
        ("$top", 1, 5788001),
        ("$top", {"n": 1, "output": 1, "sortBy": {"a": 1}}, 5788002),
        ("$topN", {"output": 1, "sortBy": {"a": 1}}, 5788003),
        ("$top", {"sortBy": {"a": 1}}, 5788004),
        ("$top", {"output": 1}, 5788005),
        ("$top", {"output": 1, "sortBy": 1}, 5788604),
    ],
)
def test_errors_while_parsing(name: str, argument: Any, code: int) -> None:
    with pytest.raises(CommandError) as caught:
        parse_accumulator(name, argument, ParseContext())
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("name", "argument", "values", "code"),
    [
        ("$sum", {"$divide": [1, "$v"]}, [1, 0], 4848401),
        ("$first", {"$divide": [1, "$v"]}, [1, 0], 4848401),
        ("$push", {"$mod": [1, "$v"]}, [0], 4848403),
        ("$push", {"$toInt": "$v"}, ["a"], 241),
        ("$mergeObjects", "$v", [1], 5911200),
        ("$concatArrays", "$v", [None], 14),
        ("$setUnion", "$v", [1], 14),
        ("$firstN", {"n": "$v", "input": 1}, [1], 7548606),
        ("$topN", {"n": "$v", "output": 1, "sortBy": {"v": 1}}, [1], 7548606),
    ],
)
def test_errors_of_documents(name: str, argument: Any, values: list[Any], code: int) -> None:
    assert code_of(name, argument, values) == code


def test_percentiles_named_by_variables_of_the_command() -> None:
    argument = {"input": "$v", "p": ["$$p", {"$add": ["$$q.high", 0.1]}], "method": "approximate"}
    ctx = ParseContext().child(p=FixedCell(0.5), q=FixedCell({"high": 0.9}))
    assert accumulate("$percentile", argument, [1, 2, 3], ctx) == [2.0, 3.0]
    with pytest.raises(CommandError) as caught:
        parse_accumulator("$percentile", argument, ParseContext().child(p=Cell(0.5), q=Cell({"high": 0.9})))
    assert caught.value.code == 7750300


def test_many_values_of_which_few_are_wanted() -> None:
    values = [(index * 7919) % 1000 for index in range(1000)]
    assert accumulate("$minN", {"n": 3, "input": "$v"}, values) == [0, 1, 2]
    assert accumulate("$bottomN", {"n": 2, "sortBy": {"v": 1}, "output": "$v"}, values) == [998, 999]
