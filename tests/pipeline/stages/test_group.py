"""`$group`, `$sortByCount`, `$bucket`, `$bucketAuto`."""

from __future__ import annotations

from typing import Any

import pytest
from bson import MaxKey, MinKey
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId

from secantus_server.bson.values import MISSING, UNDEFINED, Date, JavaScript
from secantus_server.errors import CommandError
from secantus_server.pipeline.stages._group_keys import group_key
from tests.pipeline.memory import error, run

OID = ObjectId("0123456789abcdef01234567")

HANDED_OVER = [
    (MinKey(), {"": MinKey()}),
    (MaxKey(), {"": MaxKey()}),
    (JavaScript("f"), "f"),
    (JavaScript("f", {"a": 1}), JavaScript("f", {"a": 1})),
]


def grouped(values: list[Any], spec: Any = "$v") -> list[tuple[Any, int]]:
    documents = [{"v": value} if value is not MISSING else {} for value in values]
    found = run([{"$group": {"_id": spec, "n": {"$sum": 1}}}], documents)
    return [(document["_id"], document["n"]) for document in found]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, Int64(1), 1.0, Decimal128("1.00")], [(1, 4)]),
        ([True, 1, False, 0], [(True, 1), (1, 1), (False, 1), (0, 1)]),
        ([None, MISSING], [(None, 2)]),
        ([UNDEFINED, None], [(UNDEFINED, 1), (None, 1)]),
        (["a", "A", "a"], [("a", 2), ("A", 1)]),
        ([0.0, -0.0, 0], [(0.0, 3)]),
        ([{"a": 1}, {"a": 1.0}, {"b": 1}], [({"a": 1}, 2), ({"b": 1}, 1)]),
        ([[1], [1.0], 1], [([1], 2), (1, 1)]),
        ([OID, OID, Date(0)], [(OID, 2), (Date(0), 1)]),
        ([2**53, Int64(2**53 + 1), float(2**53)], [(2**53, 2), (2**53 + 1, 1)]),
    ],
)
def test_values_of_one_group(values: list[Any], expected: list[tuple[Any, int]]) -> None:
    assert grouped(values) == expected


def test_nan_is_one_group() -> None:
    assert len(grouped([float("nan"), Decimal128("NaN"), "NaN", "\0NaN"])) == 3


def test_an_object_keeps_missing_apart_from_null() -> None:
    assert grouped([None, MISSING, None], {"x": "$v"}) == [({"x": None}, 2), ({}, 1)]


def test_no_input_is_no_group() -> None:
    assert run([{"$group": {"_id": None, "n": {"$sum": 1}}}], []) == []


def test_accumulated_fields_come_in_order() -> None:
    found = run([{"$group": {"_id": None, "z": {"$max": "$v"}, "a": {"$push": "$v"}}}], [{"v": 1}, {"v": 2}])
    assert list(found[0].items()) == [("_id", None), ("z", 2), ("a", [1, 2])]


PROJECT = {"$project": {"v": 1}}


@pytest.mark.parametrize(("value", "expected"), HANDED_OVER)
@pytest.mark.parametrize("accumulator", ["$first", "$last", "$min", "$max"])
def test_values_that_a_leading_group_hands_over(accumulator: str, value: Any, expected: Any) -> None:
    group = {"$group": {"_id": "$v", "v": {accumulator: "$v"}}}
    assert run([group], [{"v": value}]) == [{"_id": value, "v": value}]
    assert run([{"$sort": {"v": 1}}, group, PROJECT], [{"v": value}]) == [{"_id": expected, "v": expected}]
    assert run([{"$match": {}}, {"$sortByCount": "$v"}], [{"v": value}]) == [{"_id": expected, "count": 1}]


@pytest.mark.parametrize(("value", "expected"), HANDED_OVER)
def test_arrays_and_keys_that_a_leading_group_builds(value: Any, expected: Any) -> None:
    group = {"$group": {"_id": {"a": "$v"}, "v": {"$push": "$v"}, "w": {"$first": "$s"}}}
    [found] = run([group, {"$addFields": {"x": 1}}], [{"v": value, "s": [value]}])
    assert found == {"_id": {"a": expected}, "v": [expected], "w": [value], "x": 1}


@pytest.mark.parametrize(("value", "expected"), HANDED_OVER)
def test_the_default_of_a_leading_bucket(value: Any, expected: Any) -> None:
    bucket = {"$bucket": {"groupBy": "$v", "boundaries": [0, 10], "default": value, "output": {"v": {"$first": value}}}}
    assert run([bucket], [{"v": 50}]) == [{"_id": expected, "v": expected}]
    assert run([{"$addFields": {"x": 1}}, bucket], [{"v": 50}]) == [{"_id": value, "v": value}]


@pytest.mark.parametrize("value", [MinKey(), JavaScript("f")])
def test_a_group_behind_other_stages_keeps_types(value: Any) -> None:
    stages = [{"$addFields": {"x": 1}}, {"$group": {"_id": "$v", "v": {"$first": "$v"}}}, PROJECT]
    assert run(stages, [{"v": value}]) == [{"_id": value, "v": value}]


@pytest.mark.parametrize(("left", "right"), [(1, True), ("1", 1), (None, MISSING), (Date(1), 1), ([], {})])
def test_keys_of_different_values_differ(left: Any, right: Any) -> None:
    assert group_key(left) != group_key(right)


@pytest.mark.parametrize(
    ("spec", "code", "text"),
    [
        (5, 15947, "a group's fields must be specified in an object"),
        ({}, 15955, "a group specification must include an _id"),
        ({"_id": 1, "a.b": {"$sum": 1}}, 40235, "The field name 'a.b' cannot contain '.'"),
        ({"_id": 1, "$a": {"$sum": 1}}, 40236, "The field name '$a' cannot be an operator name"),
        ({"_id": 1, "a": 1}, 40234, "The field 'a' must be an accumulator object"),
        ({"_id": 1, "a": {}}, 40234, "The field 'a' must be an accumulator object"),
        ({"_id": 1, "a": {"$sum": 1, "$avg": 1}}, 40238, "The field 'a' must specify one accumulator"),
        ({"_id": 1, "a": {"$nothing": 1}}, 15952, "unknown group operator '$nothing'"),
        ({"_id": 1, "a": {"$add": [1, 2]}}, 40237, "The $add accumulator is a unary operator"),
        ({"_id": {"a": 1}}, 17390, "$group does not support inclusion-style expressions"),
    ],
)
def test_group_errors(spec: Any, code: int, text: str) -> None:
    found = error([{"$group": spec}])
    assert (found.code, found.message) == (code, text)


SCORES = [{"game": game, "score": score} for game, score in [("G1", 31), ("G1", 33), ("G1", 99), ("G1", 1), ("G2", 10), ("G2", 14)]]


@pytest.mark.parametrize(
    ("accumulator", "first", "second"),
    [
        ({"$firstN": {"input": "$score"}}, [31, 33, 99], [10]),
        ({"$lastN": {"input": "$score"}}, [33, 99, 1], [14]),
        ({"$minN": {"input": "$score"}}, [1, 31, 33], [10]),
        ({"$maxN": {"input": "$score"}}, [99, 33, 31], [14]),
        ({"$topN": {"output": "$score", "sortBy": {"score": 1}}}, [1, 31, 33], [10]),
        ({"$bottomN": {"output": "$score", "sortBy": {"score": 1}}}, [31, 33, 99], [14]),
    ],
)
def test_number_of_values_that_depends_on_the_group_key(accumulator: dict[str, Any], first: list[int], second: list[int]) -> None:
    # https://www.mongodb.com/docs/manual/reference/operator/aggregation/firstN/#computing-n-based-on-the-group-key-for--group
    name, argument = next(iter(accumulator.items()))
    n = {"$cond": {"if": {"$eq": ["$game", "G2"]}, "then": 1, "else": 3}}
    found = run([{"$group": {"_id": {"game": "$game"}, "scores": {name: {**argument, "n": n}}}}], SCORES)
    assert found == [{"_id": {"game": "G1"}, "scores": first}, {"_id": {"game": "G2"}, "scores": second}]


def test_number_of_values_that_a_group_key_without_fields_does_not_provide() -> None:
    spec = {"_id": "$game", "scores": {"$firstN": {"input": "$score", "n": "$game"}}}
    with pytest.raises(CommandError) as caught:
        run([{"$group": spec}], SCORES)
    assert (caught.value.code, caught.value.message) == (7548606, "'n' must be a positive integer, but found MISSING")


def test_sort_by_count() -> None:
    assert run([{"$sortByCount": "$v"}], [{"v": 1}, {"v": 2}, {"v": 2}]) == [{"_id": 2, "count": 2}, {"_id": 1, "count": 1}]


@pytest.mark.parametrize(("spec", "code"), [({"a": 1}, 40147), ("a", 40148), (1, 40149)])
def test_sort_by_count_errors(spec: Any, code: int) -> None:
    assert error([{"$sortByCount": spec}]).code == code


def test_bucket() -> None:
    spec = {"groupBy": "$v", "boundaries": [0, 10, 20], "default": "other"}
    found = run([{"$bucket": spec}], [{"v": 0}, {"v": 9.5}, {"v": 10}, {"v": 20}, {"v": None}, {}])
    assert found == [{"_id": 0, "count": 2}, {"_id": 10, "count": 1}, {"_id": "other", "count": 3}]


def test_bucket_without_default_fails_outside() -> None:
    with pytest.raises(Exception, match="could not find a matching branch"):
        run([{"$bucket": {"groupBy": "$v", "boundaries": [0, 10]}}], [{"v": 11}])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"groupBy": "v"}, 40202),
        ({"boundaries": 1}, 40200),
        ({"boundaries": [1]}, 40192),
        ({"boundaries": [1, "a"]}, 40193),
        ({"boundaries": [2, 1]}, 40194),
        ({"boundaries": ["$a", 1]}, 40191),
        ({"default": 5}, 40199),
        ({"default": "$a"}, 40195),
        ({"output": 1}, 40196),
        ({"output": {"_id": {"$sum": 1}}}, 15948),
        ({"extra": 1}, 40197),
    ],
)
def test_bucket_errors(change: dict[str, Any], code: int) -> None:
    assert error([{"$bucket": {"groupBy": "$v", "boundaries": [0, 10], **change}}]).code == code


LARGEST = Decimal128("9.999999999999999999999999999999999E+6144")


@pytest.mark.parametrize(
    ("values", "spec", "expected"),
    [
        ([1, 2, 3, 4, 5], {"buckets": 2}, [(1, 4, 3), (4, 5, 2)]),
        ([5, 5, 5], {"buckets": 2}, [(5, 5, 3)]),
        ([1, 10, 100, 1000], {"buckets": 3, "granularity": "R5"}, [(0.63, 1.6, 1), (1.6, 16.0, 1), (16.0, 1600.0, 2)]),
        ([1, 10, 100, 1000], {"buckets": 3, "granularity": "POWERSOF2"}, [(0.5, 2, 1), (2, 16, 1), (16, 1024, 2)]),
        ([0, 1], {"buckets": 2, "granularity": "E6"}, [(0.0, 0.0, 1), (0.0, 1.5, 1)]),
        ([LARGEST], {"buckets": 1, "granularity": "R5"}, [(Decimal128("6.3E+6144"), Decimal128("Infinity"), 1)]),
        ([Decimal128("1E+30")], {"buckets": 1, "granularity": "POWERSOF2"}, [(Decimal128(str(2**99)), Decimal128(str(2**100)), 1)]),
    ],
)
def test_bucket_auto(values: list[Any], spec: dict[str, Any], expected: list[tuple[Any, Any, int]]) -> None:
    found = run([{"$bucketAuto": {"groupBy": "$v", **spec}}], [{"v": value} for value in values])
    assert [(document["_id"]["min"], document["_id"]["max"], document["count"]) for document in found] == expected


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"buckets": "1"}, 40241),
        ({"buckets": 1.5}, 40242),
        ({"buckets": 0}, 40243),
        ({"groupBy": 1}, 40239),
        ({"granularity": "R6"}, 40257),
        ({"granularity": 5}, 40261),
        ({"output": []}, 40244),
        ({"extra": 1}, 40245),
    ],
)
def test_bucket_auto_errors(change: dict[str, Any], code: int) -> None:
    assert error([{"$bucketAuto": {"groupBy": "$v", "buckets": 2, **change}}]).code == code


@pytest.mark.parametrize(("value", "code"), [("x", 40258), (float("nan"), 40259), (-1, 40260)])
def test_what_a_granularity_cannot_round(value: Any, code: int) -> None:
    with pytest.raises(Exception, match="granularity") as caught:
        run([{"$bucketAuto": {"groupBy": "$v", "buckets": 2, "granularity": "R5"}}], [{"v": value}])
    assert getattr(caught.value, "code", None) == code
