"""`$setWindowFields`, `$fill`, `$densify`."""

from __future__ import annotations

from typing import Any

import pytest
from bson.decimal128 import Decimal128

from secantus_server.bson.values import Date
from secantus_server.errors import CommandError
from tests.pipeline.memory import error, run

DAY = 86_400_000


def test_partitions_come_in_order() -> None:
    spec = {"partitionBy": "$p", "sortBy": {"v": -1}, "output": {"total": {"$sum": "$v"}, "a.place": {"$rank": {}}}}
    documents = [{"p": "b", "v": 1}, {"p": "a", "v": 2}, {"v": 9}, {"p": "a", "v": 3}, {"p": None, "v": 4}]
    assert run([{"$setWindowFields": spec}], documents) == [
        {"v": 9, "total": 13, "a": {"place": 1}},
        {"p": None, "v": 4, "total": 13, "a": {"place": 2}},
        {"p": "a", "v": 3, "total": 5, "a": {"place": 1}},
        {"p": "a", "v": 2, "total": 5, "a": {"place": 2}},
        {"p": "b", "v": 1, "total": 1, "a": {"place": 1}},
    ]


def test_without_partition_and_sort_the_order_stays() -> None:
    assert run([{"$setWindowFields": {"output": {"n": {"$count": {}}}}}], [{"v": 2}, {"v": 1}]) == [{"v": 2, "n": 2}, {"v": 1, "n": 2}]


def test_a_partition_is_no_array() -> None:
    with pytest.raises(CommandError, match="cannot evaluate to value of type array"):
        run([{"$setWindowFields": {"partitionBy": "$p", "output": {}}}], [{"p": [1]}])


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (1, 9),
        ({}, 40414),
        ({"output": 1}, 14),
        ({"output": {}, "sortBy": 1}, 14),
        ({"output": {}, "sortBy": {"a": 2}}, 15975),
        ({"output": {"a": {"$sum": 1}, "a.b": {"$sum": 1}}}, 40176),
        ({"output": {}, "x": 1}, 40415),
    ],
)
def test_window_stage_errors(spec: Any, code: int) -> None:
    assert error([{"$setWindowFields": spec}]).code == code


GAPS: list[dict[str, Any]] = [{"t": 0, "v": 1}, {"t": 1, "v": None}, {"t": 2}, {"t": 4, "v": 9}, {"t": 5}]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"output": {"v": {"value": 0}}}, [1, 0, 0, 9, 0]),
        ({"sortBy": {"t": 1}, "output": {"v": {"method": "locf"}}}, [1, 1, 1, 9, 9]),
        ({"sortBy": {"t": 1}, "output": {"v": {"method": "linear"}}}, [1, 3.0, 5.0, 9, None]),
    ],
)
def test_fill(spec: dict[str, Any], expected: list[Any]) -> None:
    assert [document["v"] for document in run([{"$fill": spec}], GAPS)] == expected


def test_fill_by_partition() -> None:
    documents = [{"t": 1, "p": 1, "v": 5}, {"t": 2, "p": 2}, {"t": 3, "p": 1}]
    for partition in ({"partitionBy": "$p"}, {"partitionByFields": ["p"]}):
        found = run([{"$fill": {**partition, "sortBy": {"t": 1}, "output": {"v": {"method": "locf"}}}}, {"$sort": {"t": 1}}], documents)
        assert [document["v"] for document in found] == [5, None, 5]


def test_fill_by_fields_with_similar_names() -> None:
    documents = [{"t": 1, "p": {"q": 1}, "p_q": 1, "v": 5}, {"t": 2, "p": {"q": 2}, "p_q": 1}]
    spec = {"partitionByFields": ["p.q", "p_q"], "sortBy": {"t": 1}, "output": {"v": {"method": "locf"}}}
    assert [document["v"] for document in run([{"$fill": spec}, {"$sort": {"t": 1}}], documents)] == [5, None]


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (1, 6050200),
        ({}, 40414),
        ({"output": {"a": {"method": "x"}}}, 6050202),
        ({"output": {"a": {}}}, 6050202),
        ({"output": {"a": {"method": "linear"}}}, 605001),
        ({"output": {"a": {"method": "locf"}}, "partitionBy": "$a", "partitionByFields": ["a"]}, 6050204),
        ({"output": {"a": {"method": "locf"}}, "partitionByFields": ["$a"]}, 6050203),
        ({"output": {"a": {"value": 1}}, "partitionBy": "$a", "partitionByFields": ["a"]}, 6050204),
        ({"output": {"a": {"value": 1}}, "partitionByFields": ["$a"]}, 6050203),
        ({"output": {"a": {"value": 1}}, "partitionByFields": [1]}, 14),
        ({"output": {"a": {"method": "locf"}}, "partitionByFields": [1]}, 14),
    ],
)
def test_fill_errors(spec: Any, code: int) -> None:
    assert error([{"$fill": spec}]).code == code


def densified(values: list[Any], **range_: Any) -> list[Any]:
    found = run([{"$densify": {"field": "v", "range": range_}}], [{"v": value} for value in values])
    return [document["v"] for document in found]


@pytest.mark.parametrize(
    ("values", "range_", "expected"),
    [
        ([0, 10], {"step": 5, "bounds": "full"}, [0, 5, 10]),
        ([0, 7, 10], {"step": 5, "bounds": "full"}, [0, 5, 7, 10]),
        ([3], {"step": 5, "bounds": [0, 10]}, [0, 3, 5]),
        ([-5, 50], {"step": 5, "bounds": [0, 10]}, [-5, 0, 5, 50]),
        ([], {"step": 5, "bounds": [0, 10]}, [0, 5]),
        ([1.0, 2], {"step": 0.5, "bounds": "full"}, [1.0, 1.5, 2]),
        ([0, Decimal128("1")], {"step": 1, "bounds": "full"}, [0, Decimal128("1")]),
        ([Date(0), Date(3 * DAY)], {"step": 1, "unit": "day", "bounds": "full"}, [Date(DAY * day) for day in range(4)]),
        (
            [Date(30 * DAY), Date(89 * DAY)],
            {"step": 1, "unit": "month", "bounds": "full"},
            [Date(30 * DAY), Date(58 * DAY), Date(89 * DAY)],
        ),
    ],
)
def test_densify(values: list[Any], range_: dict[str, Any], expected: list[Any]) -> None:
    assert densified(values, **range_) == expected


def test_a_grid_of_dates_ends_with_the_dates() -> None:
    last = 2**63 - 1
    day = 86_400_000
    densify = {"$densify": {"field": "a", "partitionByFields": ["p"], "range": {"step": 1, "unit": "day", "bounds": "partition"}}}
    documents = [{"p": 1, "a": Date(last - day - 5)}, {"p": 1, "a": Date(last)}]
    assert [one["a"].ms for one in run([densify], documents)] == [last - day - 5, last - 5, last]


def test_densified_documents_have_the_partition_of_the_next_one() -> None:
    densify = {"$densify": {"field": "v", "partitionByFields": ["p"], "range": {"step": 1, "bounds": "partition"}}}
    found = run([densify], [{"p": 1, "v": 0}, {"p": 1.0, "v": 2}])
    assert [type(one["p"]) for one in found] == [int, float, float]


def test_densify_by_partition() -> None:
    documents = [{"p": "a", "v": 0}, {"p": "a", "v": 2}, {"p": "b", "v": 5}, {"p": "b", "v": 6}, {"p": "b"}]
    stage = {"field": "v", "partitionByFields": ["p"], "range": {"step": 1, "bounds": "partition"}}
    found = run([{"$densify": stage}], documents)
    assert [(document["p"], document.get("v")) for document in found] == [("a", 0), ("a", 1), ("a", 2), ("b", None), ("b", 5), ("b", 6)]
    stage["range"] = {"step": 4, "bounds": "full"}
    found = run([{"$densify": stage}], documents[:3])
    assert [(document["p"], document.get("v")) for document in found] == [("a", 0), ("a", 2), ("b", 0), ("b", 4), ("b", 5), ("a", 4)]


def test_densified_documents_after_a_partition_come_last() -> None:
    # https://www.mongodb.com/docs/manual/reference/operator/aggregation/densify/#densify-the-full-range-of-values
    coffee = [("typica", 600), ("typica", 750), ("typica", 950), ("gesha", 1250), ("gesha", 1700)]
    stage = {"field": "v", "partitionByFields": ["p"], "range": {"step": 200, "bounds": "full"}}
    found = run([{"$densify": stage}], [{"_id": 0, "p": p, "v": v} for p, v in coffee])
    assert [(one["p"][0], one["v"], "_id" in one) for one in found] == [
        *(("t", 600, True), ("t", 750, True), ("t", 800, False), ("t", 950, True)),
        *(("g", v, False) for v in (600, 800, 1000, 1200)),
        *(("g", 1250, True), ("g", 1400, False), ("g", 1600, False), ("g", 1700, True)),
        *(("t", v, False) for v in (1000, 1200, 1400, 1600)),
    ]
    stage["range"] = {"step": 200, "bounds": [600, 1100]}
    found = run([{"$densify": stage}], [{"p": p, "v": v} for p, v in [coffee[3], coffee[0]]])
    assert [(one["p"][0], one["v"]) for one in found] == [
        *(("g", v) for v in (600, 800, 1000, 1250)),
        *(("t", v) for v in (600, 800, 1000)),
    ]


@pytest.mark.parametrize(
    ("values", "range_", "code"),
    [
        (["x"], {"step": 1, "bounds": "full"}, 5733201),
        ([Date(0)], {"step": 1, "bounds": "full"}, 6586400),
        ([1], {"step": 1, "unit": "day", "bounds": "full"}, 6053600),
        ([0, 10**6], {"step": 1, "bounds": "full"}, 5897900),
    ],
)
def test_what_cannot_be_densified(values: list[Any], range_: dict[str, Any], code: int) -> None:
    with pytest.raises(CommandError) as caught:
        densified(values, **range_)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"field": "$v"}, 16410),
        ({"field": None}, 40414),
        ({"partitionByFields": ["v.a"]}, 8993000),
        ({"range": {"step": 0, "bounds": "full"}}, 5733401),
        ({"range": {"step": 1, "bounds": "some"}}, 5946802),
        ({"range": {"step": 1, "bounds": "partition"}}, 5733409),
        ({"range": {"step": 1, "bounds": [1]}}, 5733403),
        ({"range": {"step": 1, "bounds": [2, 1]}}, 5733402),
        ({"range": {"step": 1, "bounds": [Date(0), Date(1)]}}, 5733406),
        ({"range": {"step": 1, "unit": "day", "bounds": [0, 1]}}, 5733408),
        ({"range": {"step": 1, "unit": "age", "bounds": "full"}}, 9),
    ],
)
def test_densify_errors(change: dict[str, Any], code: int) -> None:
    assert error([{"$densify": {"field": "v", "range": {"step": 1, "bounds": "full"}, **change}}]).code == code
