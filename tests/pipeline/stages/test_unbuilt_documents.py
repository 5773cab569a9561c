"""A `$group` behind `$unwind` or `$project` has the results that it has for the documents of that stage."""

from __future__ import annotations

from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson.values import UNDEFINED, Date
from secantus_server.errors import CommandError
from tests.pipeline.memory import run

VALUES: list[Any] = [1, 1.0, Int64(1), 2**31 - 1, "a", "", None, True, Date(5), [], [[1], 2], {"x": 1}, UNDEFINED, Decimal128("1.0")]
DOCUMENTS = [
    *({"_id": number, "tags": [value, value, "b"], "n": number, "v": value} for number, value in enumerate(VALUES)),
    *({"_id": 100 + number, "tags": value, "n": 2**31 - 1, "v": value} for number, value in enumerate(VALUES)),
    {"_id": 200, "n": 2**31 - 1},
    {"_id": 201, "tags": [{"x": 1}, {"x": 2}], "a": {"tags": [1, 2]}, "n": 0.5},
    {"_id": 202, "a": [{"tags": [1]}], "n": Decimal128("0.5")},
    {"_id": 203, "a": {"tags": 7}, "tags": [], "n": "text"},
]
UNWINDS: list[Any] = [
    "$tags",
    "$a.tags",
    {"path": "$tags", "preserveNullAndEmptyArrays": True},
    {"path": "$tags", "includeArrayIndex": "n"},
]
GROUPS: list[dict[str, Any]] = [
    {"_id": "$tags", "n": {"$sum": 1}, "all": {"$push": "$n"}},
    {"_id": "$a.tags", "n": {"$count": {}}, "tags": {"$push": "$tags"}},
    {"_id": "$a", "n": {"$sum": "$n"}},
    {"_id": "$tags.x", "n": {"$sum": "$tags"}},
    {"_id": None, "sum": {"$sum": "$tags"}, "mean": {"$avg": "$tags"}, "least": {"$min": "$tags"}, "most": {"$max": "$tags"}},
    {"_id": {"tag": "$tags", "n": "$n"}, "set": {"$addToSet": "$tags"}, "first": {"$first": "$tags"}, "last": {"$last": "$tags"}},
    {"_id": {}, "n": {"$sum": {"$cond": [{"$isArray": "$tags"}, 1, 0]}}},
    {"_id": {"$type": "$tags"}, "n": {"$sum": 1}},
    {"_id": "$n", "whole": {"$push": "$$ROOT"}},
    {"_id": "$n", "merged": {"$mergeObjects": {"v": "$tags"}}},
]
PROJECTS: list[dict[str, Any]] = [
    {"tags": "$v"},
    {"tags": "$v", "n": {"$add": ["$n", 1]}, "_id": 0},
    {"tags": {"$concat": ["$v", "-", {"$toUpper": "$v"}]}, "n": 1},
    {"tags": {"$multiply": ["$_id", 2147483647]}, "n": {"$literal": 5}},
    {"a.tags": "$v", "tags": "$n"},
    {"tags": "$missing", "n": {"$substrCP": ["$_id", 0, 1]}},
    {"n": 0},
    {"tags": {"x": "$v", "y": "$n"}, "n": ["$v", "$missing"]},
    {"_id": "$v", "tags": "$_id"},
    {"tags": {"$divide": [1, "$_id"]}, "unread": {"$divide": [1, "$_id"]}},
]


def outcome(pipeline: list[dict[str, Any]], documents: list[dict[str, Any]]) -> Any:
    """Return the documents of a pipeline, or the code and text of its error."""
    try:
        return repr(run(pipeline, documents))
    except CommandError as error:
        return error.code, error.message


def in_two_steps(stage: dict[str, Any], group: dict[str, Any], documents: list[dict[str, Any]]) -> Any:
    """Return the outcome of `$group` for the documents that a stage has returned."""
    try:
        built = run([stage], documents)
    except CommandError as error:
        return error.code, error.message
    return outcome([{"$group": group}], built)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("stage", [*({"$unwind": unwind} for unwind in UNWINDS), *({"$project": project} for project in PROJECTS)])
def test_results_equal_those_of_built_documents(stage: dict[str, Any], group: dict[str, Any]) -> None:
    for documents in ([one for one in DOCUMENTS if type(one.get("v")) is str], [one for one in DOCUMENTS if one["n"] != "text"], DOCUMENTS):
        assert outcome([stage, {"$group": group}], documents) == in_two_steps(stage, group, documents)


def test_a_long_array_can_be_interrupted() -> None:
    assert run([{"$unwind": "$tags"}, {"$group": {"_id": None, "n": {"$sum": "$tags"}}}], [{"tags": [1] * 10_000}]) == [
        {"_id": None, "n": 10_000}
    ]
