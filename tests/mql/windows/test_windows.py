"""Window functions over one partition."""

from __future__ import annotations

import math
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson import encode
from secantus_server.bson.values import Date
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.windows import Partition, SortOrder, parse_window_field

BY_T = {"t": 1}


def compute(spec: dict[str, Any], rows: list[Any], sort: dict[str, Any] | None = BY_T) -> list[Any]:
    order = SortOrder(sort, ParseContext())
    function = parse_window_field("out", spec, order, ParseContext())
    return function.compute(Partition([encode(row) for row in rows], order))


def code_of(spec: Any, sort: dict[str, Any] | None = BY_T) -> int:
    with pytest.raises(CommandError) as caught:
        parse_window_field("out", spec, SortOrder(sort, ParseContext()), ParseContext())
    return caught.value.code


VALUES = [{"t": time, "v": value} for time, value in enumerate([1, 2, 4, 8, 16])]


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (None, [31, 31, 31, 31, 31]),
        ({}, [31, 31, 31, 31, 31]),
        ({"documents": ["unbounded", "current"]}, [1, 3, 7, 15, 31]),
        ({"documents": ["current", "unbounded"]}, [31, 30, 28, 24, 16]),
        ({"documents": [-1, 1]}, [3, 7, 14, 28, 24]),
        ({"documents": [-2, -1]}, [0, 1, 3, 6, 12]),
        ({"documents": [5, 9]}, [0, 0, 0, 0, 0]),
        ({"documents": [-(2**31) + 1, 2**31 - 1]}, [31, 31, 31, 31, 31]),
        ({"documents": ["unbounded", -1]}, [0, 1, 3, 7, 15]),
        ({"range": [-1, 1]}, [3, 7, 14, 28, 24]),
        ({"range": ["current", 2.5]}, [7, 14, 28, 24, 16]),
        ({"range": [Decimal128("0"), Decimal128("2.5")]}, [7, 14, 28, 24, 16]),
        ({"range": ["unbounded", "unbounded"]}, [31, 31, 31, 31, 31]),
    ],
)
def test_windows(window: Any, expected: list[int]) -> None:
    spec = {"$sum": "$v"} if window is None else {"$sum": "$v", "window": window}
    assert compute(spec, VALUES) == expected


def test_peers_share_a_range() -> None:
    rows = [{"t": 1, "v": 1}, {"t": 1, "v": 2}, {"t": 2, "v": 4}]
    assert compute({"$sum": "$v", "window": {"range": ["unbounded", "current"]}}, rows) == [3, 3, 7]


def test_ranges_of_time() -> None:
    rows = [{"t": Date(0), "v": 1}, {"t": Date(1000), "v": 2}, {"t": Date(5000), "v": 4}]
    assert compute({"$push": "$v", "window": {"range": [-1, 0], "unit": "second"}}, rows) == [[1], [1, 2], [4]]


@pytest.mark.parametrize(
    ("value", "window", "code"),
    [(None, {"range": [-1, 0]}, 5429414), ("x", {"range": [-1, 0]}, 5429414), (1, {"range": [-1, 0], "unit": "day"}, 5429513)],
)
def test_what_a_range_cannot_be_measured_from(value: Any, window: Any, code: int) -> None:
    with pytest.raises(CommandError) as caught:
        compute({"$sum": "$v", "window": window}, [{"t": value}])
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"$rank": {}}, [1, 2, 2, 4]),
        ({"$denseRank": {}}, [1, 2, 2, 3]),
        ({"$documentNumber": {}}, [1, 2, 3, 4]),
        ({"$shift": {"output": "$v", "by": 1}}, [20, 30, 50, None]),
        ({"$shift": {"output": "$v", "by": -2, "default": "none"}}, ["none", "none", 10, 20]),
        ({"$first": "$v"}, [10, 10, 10, 10]),
        ({"$locf": "$w"}, [None, 5, 5, 7]),
        ({"$expMovingAvg": {"input": "$v", "alpha": 0.5}}, [10.0, 15.0, 22.5, 36.25]),
        ({"$expMovingAvg": {"input": "$v", "N": 3}}, [10.0, 15.0, 22.5, 36.25]),
    ],
)
def test_functions(spec: dict[str, Any], expected: list[Any]) -> None:
    rows = [{"t": None, "v": 10, "w": None}, {"t": 2, "v": 20, "w": 5}, {"t": 2, "v": 30}, {"t": 3, "v": 50, "w": 7}]
    assert compute(spec, rows) == expected


def test_null_and_missing_are_peers() -> None:
    assert compute({"$rank": {}}, [{"t": None}, {}, {"t": 1}]) == [1, 1, 3]


def test_calculus() -> None:
    rows = [{"t": Date(0), "v": 10}, {"t": Date(10_000), "v": 20}, {"t": Date(20_000), "v": 30}]
    window = {"documents": ["unbounded", "current"]}
    assert compute({"$derivative": {"input": "$v", "unit": "second"}, "window": window}, rows) == [None, 1.0, 1.0]
    assert compute({"$integral": {"input": "$v", "unit": "second"}, "window": window}, rows) == [0.0, 150.0, 400.0]
    numbers = [{"t": 0, "v": 1}, {"t": 2, "v": 5}]
    assert compute({"$derivative": {"input": "$v"}, "window": {}}, numbers) == [2.0, 2.0]
    # Only the first and the last document of a window count.
    gap = [numbers[0], {"t": 1, "v": None}, numbers[1]]
    assert compute({"$derivative": {"input": "$v"}, "window": {}}, gap) == [2.0, 2.0, 2.0]
    assert compute({"$integral": {"input": "$v"}}, numbers) == [6.0, 6.0]


def test_a_covariance_over_a_moving_window() -> None:
    rows = [{"x": x, "y": 10 * i} for i, x in enumerate([1, 2, float("inf"), 4, 5], 1)]
    found = compute({"$covariancePop": ["$x", "$y"], "window": {"documents": [-1, 1]}}, rows)
    assert found == [2.5, float("inf"), float("inf"), float("inf"), 2.5000000000000107]
    assert compute({"$covariancePop": ["$x", "$y"], "window": {"documents": [3, 4]}}, rows) == [2.5, 0.0, None, None, None]


@pytest.mark.parametrize(
    ("pairs", "population", "sample"),
    [
        ([(1, 2), (2, 4), (3, 6)], 4 / 3, 2.0),
        ([(1, 2)], 0.0, None),
        ([], None, None),
        ([(1, "x"), (None, 2)], None, None),
        ([(1, 2), (math.inf, 4), (3, 6)], math.inf, math.inf),
        ([(Decimal128("1"), 2), (2, Decimal128("4")), (3, 6)], Decimal128("1.333333333333333333333333333333333"), Decimal128("2")),
        # Equal decimals must also have the same number of digits. The sum of y is a double until the first decimal, and is then rounded
        # to 15 digits, together with x.
        (
            [(Decimal128("1"), 2.0), (2.0, 4), (3, Int64(6)), (Int64(4), Decimal128("8"))],
            Decimal128("2.50000000000000"),
            Decimal128("3.333333333333333333333333333333333"),
        ),
    ],
)
def test_covariance(pairs: list[tuple[Any, Any]], population: Any, sample: Any) -> None:
    rows = [{"t": 0, "x": 1, "y": "none"}, *({"t": 1, "x": x, "y": y} for x, y in pairs)]
    assert compute({"$covariancePop": ["$x", "$y"]}, rows)[0] == population
    assert compute({"$covarianceSamp": ["$x", "$y"]}, rows)[0] == sample


def test_deviation_over_sliding_windows() -> None:
    rows = [{"t": 0, "v": math.inf}, {"t": 1, "v": 10}, {"t": 2, "v": 20}]
    assert compute({"$stdDevPop": "$v", "window": {"documents": [-1, 0]}}, rows) == [None, None, 5.0]
    assert compute({"$stdDevPop": "$v", "window": {"documents": [0, 0]}}, rows) == [None, 0, 0]


def test_linear_fill() -> None:
    rows = [{"t": 0}, {"t": 1, "v": 1}, {"t": 2, "v": None}, {"t": 5, "v": 9}, {"t": 6}]
    assert compute({"$linearFill": "$v"}, rows) == [None, 1, 3.0, 9, None]
    dates = [{"t": Date(0), "v": 0}, {"t": Date(5)}, {"t": Date(10), "v": Decimal128("1")}]
    assert compute({"$linearFill": "$v"}, dates)[1] == Decimal128("0.5")


@pytest.mark.parametrize(
    ("rows", "code"),
    [([{"t": 1, "v": 1}, {"t": 1}], 6050106), ([{"t": "x", "v": 1}], 6050202), ([{"t": 1, "v": "x"}], 6050201)],
)
def test_what_cannot_be_filled(rows: list[dict[str, Any]], code: int) -> None:
    with pytest.raises(CommandError) as caught:
        compute({"$linearFill": "$v"}, rows)
    assert caught.value.code == code


def test_a_list_is_one_argument() -> None:
    assert compute({"$push": ["$t", "$v"]}, VALUES[:1]) == [[[0, 1]]]


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (1, 9),
        ({}, 9),
        ({"$nothing": 1}, 9),
        ({"$mergeObjects": "$v"}, 9),
        ({"$sum": 1, "$avg": 1}, 9),
        ({"$sum": 1, "x": 1}, 9),
        ({"$sum": 1, "window": None}, 9),
        ({"$sum": 1, "window": {"x": 1}}, 9),
        ({"$sum": 1, "window": {"unit": "day"}}, 9),
        ({"$sum": 1, "window": {"documents": [0]}}, 9),
        ({"$sum": 1, "window": {"documents": [0, 0.5]}}, 9),
        # https://jira.mongodb.org/browse/SERVER-136261
        ({"$sum": 1, "window": {"documents": [-(2**31) - 1, 0]}}, 9),
        ({"$sum": 1, "window": {"documents": [0, 2**31]}}, 9),
        ({"$sum": 1, "window": {"documents": [0, math.inf]}}, 9),
        ({"$sum": 1, "window": {"range": [0, 2.0**63], "unit": "day"}}, 9),
        ({"$sum": 1, "window": {"documents": ["x", 0]}}, 9),
        ({"$expMovingAvg": {"input": "$v", "alpha": Decimal128("NaN")}}, 9),
        ({"$sum": 1, "window": {"documents": [0, 1], "range": [0, 1]}}, 9),
        ({"$sum": 1, "window": {"documents": [1, 0]}}, 5339900),
        ({"$sum": 1, "window": {"range": [0, 1], "unit": None}}, 9),
        ({"$sum": 1, "window": {"range": [0, 1], "unit": "age"}}, 9),
        ({"$rank": 1}, 5371603),
        ({"$rank": {}, "window": {}}, 5371601),
        ({"$shift": {"by": 1}}, 9),
        ({"$shift": {"output": "$v", "by": 0.5}}, 9),
        ({"$shift": {"output": "$v", "by": 1, "default": "$v"}}, 9),
        ({"$derivative": {"input": "$v"}}, 9),
        ({"$derivative": {"input": "$v", "unit": "month"}, "window": {}}, 5490704),
        ({"$expMovingAvg": {"input": "$v"}}, 9),
        ({"$expMovingAvg": {"input": "$v", "N": 0}}, 9),
        ({"$expMovingAvg": {"input": "$v", "alpha": 1}}, 9),
        ({"$locf": "$v", "window": {}}, 9),
    ],
)
def test_errors(spec: Any, code: int) -> None:
    assert code_of(spec) == code


@pytest.mark.parametrize(
    ("spec", "sort", "code"),
    [
        ({"$sum": 1, "window": {"documents": [0, 1]}}, None, 5339901),
        ({"$sum": 1, "window": {"range": [0, 1]}}, None, 5339902),
        ({"$sum": 1, "window": {"range": [0, 1]}}, {"a": 1, "b": 1}, 5339902),
        ({"$sum": 1, "window": {"range": [0, 1]}}, {"a": -1}, 8947401),
        ({"$rank": {}}, None, 5371602),
        ({"$documentNumber": {}}, {"a": 1, "b": 1}, 5371602),
        ({"$shift": {"output": "$v", "by": 1}}, None, 9),
        ({"$linearFill": "$v"}, None, 605001),
    ],
)
def test_what_needs_a_sort(spec: Any, sort: dict[str, Any] | None, code: int) -> None:
    assert code_of(spec, sort) == code


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"$minMaxScaler": "$v"}, [0, 0.25, 1]),
        ({"$minMaxScaler": {"input": "$v", "min": -1, "max": {"$add": [0, 1]}}}, [-1, -0.5, 1]),
        ({"$minMaxScaler": {"$multiply": ["$v", 2]}}, [0, 0.25, 1]),
        ({"$minMaxScaler": "$v", "window": {"documents": [-1, 0]}}, [0, 1, 1]),
        ({"$minMaxScaler": {"input": 7, "min": 3, "max": 4}}, [3, 3, 3]),
    ],
)
def test_scaling(spec: dict[str, Any], expected: list[float]) -> None:
    rows = [{"t": 0, "v": 1}, {"t": 1, "v": 2}, {"t": 2, "v": 5}]
    assert compute(spec, rows) == expected


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"$minMaxScaler": {"min": 0}}, 9),
        ({"$minMaxScaler": {"input": "$v", "x": 1}}, 9),
        ({"$minMaxScaler": {"input": "$v", "min": "$v"}}, 9),
        ({"$minMaxScaler": {"input": "$v", "min": 1}}, 9),
        ({"$minMaxScaler": "$nothing"}, 14),
        ({"$minMaxScaler": "x"}, 14),
        ({"$minMaxScaler": []}, 14),
    ],
)
def test_what_cannot_be_scaled(spec: dict[str, Any], code: int) -> None:
    with pytest.raises(CommandError) as caught:
        compute(spec, [{"t": 0, "v": 1}])
    assert caught.value.code == code
