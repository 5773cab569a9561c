"""Scans for which the planner does not look for candidates, because no index can serve the query."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.mql.match import Or
from secantus_server.query.candidates import Conditions, cannot_help, make_candidate
from tests.property.memory_collection import MemoryCollection

FILTERS: list[dict[str, Any]] = [
    {},
    {"_id": 1},
    {"a": 1},
    {"a": {"$gt": 1}, "b": {"$in": [1, 2]}},
    {"b": {"$ne": 1}},
    {"b": {"$regex": "^x"}},
    {"b": {"$exists": False}},
    {"b": {"$not": {"$exists": True}}},
    {"b": {"$elemMatch": {"$gt": 1}}},
    {"c": {"$elemMatch": {"d": 1}}},
    {"b": 1, "$or": [{"a": 1}, {"_id": 2}]},
    {"$nor": [{"a": 1}]},
    {"b": {"$type": "int"}},
    {"$expr": {"$eq": ["$a", 1]}},
    {"$and": [{"b": 1}, {"_id": {"$lt": 3}}]},
]
INDEXES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"_id": 1}, {}),
    ({"a": 1}, {}),
    ({"c.d": 1, "b": 1}, {}),
    ({"a": 1}, {"sparse": True}),
    ({"a": 1}, {"partialFilterExpression": {"b": 1}}),
    ({"$**": 1}, {}),
    ({"g": "2dsphere"}, {}),
    ({"b": "hashed"}, {}),
]


@pytest.mark.parametrize("sort", [{}, {"a": 1}, {"b": -1}, {"_id": 1}], ids=repr)
@pytest.mark.parametrize(("key", "options"), INDEXES, ids=repr)
def test_a_scan_is_only_obvious_without_candidates(
    collection: MemoryCollection, key: dict[str, Any], options: dict[str, Any], sort: dict[str, Any]
) -> None:
    if key != {"_id": 1}:
        collection.add_index(key, **options)
    for filter in FILTERS:
        query = collection.query(filter, sort=sort)
        if cannot_help(collection.indexes, query):
            conditions = Conditions(query)
            assert [make_candidate(index, conditions, forced=False) for index in collection.indexes] == [None] * len(collection.indexes)
            assert not any(type(node) is Or for node in conditions.nodes)


def test_the_usual_scan_is_obvious(collection: MemoryCollection) -> None:
    assert cannot_help(collection.indexes, collection.query({"a": 1, "b": {"$gt": 1}}))
