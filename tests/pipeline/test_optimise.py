"""The leading query that is split off a pipeline."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.pipeline import leading_query, parse_pipeline
from secantus_server.pipeline.optimise import filter_paths
from tests.pipeline.memory import context

LOOKUP = {"$lookup": {"from": "other", "localField": "a", "foreignField": "b", "as": "j"}}


def names(stages: list[dict[str, Any]]) -> list[str]:
    return [stage.name for stage in parse_pipeline(stages, context()).stages]


def test_a_pipeline_is_split() -> None:
    stages = [{"$match": {"a": 1}}, {"$match": {"b": 2}}, {"$sort": {"c": 1}}, {"$skip": 2}, {"$limit": 5}, {"$project": {"a": 1}}]
    head = leading_query(parse_pipeline(stages, context()))
    assert head.filter == {"$and": [{"a": 1}, {"b": 2}]}
    assert head.sort is not None
    assert head.sort.pattern.parts == [("c", 1)]
    assert (head.skip, head.limit) == (2, 5)
    assert head.fields == frozenset({"_id", "a"})
    assert [stage.name for stage in head.rest.stages] == ["$project"]


def test_nothing_to_split() -> None:
    head = leading_query(parse_pipeline([{"$unwind": "$a"}], context()))
    assert (head.filter, head.sort, head.skip, head.limit, head.fields) == (None, None, 0, None, None)
    assert len(head.rest.stages) == 1


@pytest.mark.parametrize(
    ("stages", "skip", "limit"),
    [
        ([{"$limit": 5}, {"$skip": 2}], 2, 3),
        ([{"$skip": 2}, {"$skip": 3}, {"$limit": 4}], 5, 4),
        ([{"$limit": 5}, {"$limit": 3}], 0, 3),
        ([{"$limit": 3}, {"$skip": 5}], 5, 0),
        ([{"$skip": 1}, {"$limit": 2**62}], 1, None),
    ],
)
def test_windows_are_joined(stages: list[dict[str, Any]], skip: int, limit: int | None) -> None:
    head = leading_query(parse_pipeline(stages, context()))
    assert (head.skip, head.limit) == (skip, limit)


@pytest.mark.parametrize(
    ("following", "limit"),
    [
        ([{"$limit": 3}], 3),
        ([LOOKUP, {"$project": {"a": 1}}, {"$skip": 1}, {"$limit": 3}], 4),
        ([{"$unwind": "$a"}, {"$limit": 3}], None),
        ([{"$skip": 1}], None),
    ],
)
def test_a_sort_knows_how_many_are_wanted(following: list[dict[str, Any]], limit: int | None) -> None:
    head = leading_query(parse_pipeline([{"$sort": {"a": 1}}, *following], context()))
    assert head.sort is not None
    assert head.sort.limit == limit


@pytest.mark.parametrize(
    ("stages", "order"),
    [
        ([{"$sort": {"a": 1}}, {"$match": {"b": 1}}], ["$match", "$sort"]),
        ([{"$addFields": {"a": 1}}, {"$match": {"b.c": 1}}], ["$match", "$addFields"]),
        ([{"$addFields": {"b.x": 1}}, {"$match": {"b.c": 1}}], ["$addFields", "$match"]),
        ([{"$addFields": {"a": 1}}, {"$match": {"$expr": "$a"}}], ["$addFields", "$match"]),
        ([{"$limit": 1}, {"$match": {"b": 1}}], ["$limit", "$match"]),
        ([{"$unwind": "$a"}, {"$match": {"b": 1}}], ["$match", "$unwind"]),
        ([{"$unwind": {"path": "$a.c", "includeArrayIndex": "b"}}, {"$match": {"b": 1}}], ["$unwind", "$match"]),
        ([{"$unwind": "$a.c"}, {"$match": {"a.b": 1}}], ["$unwind", "$match"]),
        ([LOOKUP, {"$match": {"b": 1}}], ["$match", "$lookup"]),
        ([LOOKUP, {"$match": {"j.b": 1}}], ["$lookup", "$match"]),
        ([{"$setWindowFields": {"output": {"n": {"$count": {}}}}}, {"$match": {"b": 1}}], ["$setWindowFields", "$match"]),
        ([{"$project": {"a": 1}}, {"$match": {"b": 1}}], ["$project", "$match"]),
        ([{"$project": {"a": 1}}, {"$match": {"a.b": 1, "_id": 1}}], ["$match", "$project"]),
        ([{"$project": {"a": 1, "_id": 0}}, {"$match": {"_id": 1}}], ["$project", "$match"]),
        ([{"$project": {"a.b": 1}}, {"$match": {"a.b": 1}}], ["$project", "$match"]),
        ([{"$project": {"a": 1, "b": "$c"}}, {"$match": {"a": 1}}], ["$project", "$match"]),
        ([{"$project": {"a": 0}}, {"$match": {"b": 1}}], ["$project", "$match"]),
    ],
)
def test_filters_move_where_it_is_safe(stages: list[dict[str, Any]], order: list[str]) -> None:
    assert names(stages) == order


@pytest.mark.parametrize(
    ("stages", "order"),
    [
        ([{"$project": {"a": 1}}, {"$skip": 1}, {"$limit": 2}], ["$skip", "$limit", "$project"]),
        ([{"$sort": {"a": 1}}, {"$project": {"a": 1}}, {"$limit": 2}], ["$sort", "$limit", "$project"]),
        ([{"$project": {"a": {"$add": ["$b", 1]}}}, {"$skip": 1}], ["$skip", "$project"]),
        ([{"$project": {"a": {"$add": ["$b", 1]}}}, {"$limit": 1}], ["$project", "$limit"]),
        ([{"$unset": "a"}, {"$skip": 1}], ["$skip", "$unset"]),
        ([{"$unwind": "$a"}, {"$project": {"a": 1}}, {"$limit": 2}], ["$unwind", "$limit", "$project"]),
        ([{"$group": {"_id": "$a"}}, {"$limit": 2}], ["$group", "$limit"]),
    ],
)
def test_skips_and_limits_move_before_projections(stages: list[dict[str, Any]], order: list[str]) -> None:
    assert names(stages) == order


@pytest.mark.parametrize(
    ("filter", "paths"),
    [
        ({"a": 1, "$or": [{"b.c": 1}, {"d": 2}]}, {"a", "b.c", "d"}),
        ({"$comment": "x"}, set()),
        ({"$expr": True}, None),
        ({"$and": [{"a": 1}, {"$jsonSchema": {}}]}, None),
    ],
)
def test_paths_of_a_filter(filter: dict[str, Any], paths: set[str] | None) -> None:
    assert filter_paths(filter) == paths
