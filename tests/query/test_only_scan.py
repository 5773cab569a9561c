"""Plans of equalities that only one index could serve. The planner makes them without comparing candidates."""

from __future__ import annotations

from typing import Any

import pytest
from bson.binary import Binary
from bson.int64 import Int64
from bson.objectid import ObjectId

from secantus_server.bson.values import Date
from secantus_server.query import planner
from secantus_server.query.canonical import PointQuery
from secantus_server.query.plan import IndexedScan
from tests.property.memory_collection import MemoryCollection

VALUES = [1, Int64(2), 2.5, float("nan"), "x", True, ObjectId(b"a" * 12), Date(5), Binary(b"b", 0)]
ONLY: list[list[tuple[dict[str, Any], dict[str, Any]]]] = [
    [({"a": 1}, {})],
    [({"a": -1}, {})],
    [({"a": 1, "b": -1}, {})],
    [({"a": -1, "b": 1, "a.c": 1}, {})],
    [({"a": 1}, {"sparse": True})],
    [({"a": 1}, {"unique": True})],
    [({"a": 1}, {}), ({"b": 1, "a": 1}, {})],
]
OTHERS: list[list[tuple[dict[str, Any], dict[str, Any]]]] = [
    [({"b": 1}, {})],
    [({"a": 1}, {}), ({"a": 1, "b": 1}, {})],
    [({"a": "hashed"}, {})],
    [({"a": 1}, {"partialFilterExpression": {"a": {"$gt": 0}}})],
    [({"a": 1}, {"collation": {"locale": "de"}})],
    [({"$**": 1}, {})],
    [({"a": "2dsphere"}, {})],
    [({"a": 1}, {"hidden": True})],
]


def with_indexes(collection: MemoryCollection, indexes: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    for key, options in indexes:
        collection.add_index(key, **options)


@pytest.mark.parametrize("required", [None, frozenset("a"), frozenset("ab")], ids=["all", "a", "ab"])
@pytest.mark.parametrize("several", [False, True], ids=["", "multikey"])
@pytest.mark.parametrize("indexes", ONLY, ids=repr)
def test_the_plan_is_that_of_the_comparison(
    collection: MemoryCollection,
    monkeypatch: pytest.MonkeyPatch,
    indexes: list[tuple[dict[str, Any], dict[str, Any]]],
    several: bool,
    required: frozenset[str] | None,
) -> None:
    with_indexes(collection, indexes)
    if several:
        collection.insert({"_id": 1, "a": [1, 2], "b": 1})
    stored = collection.collection
    for value in VALUES:
        query = collection.query({"a": value})
        query.required_fields = required
        assert type(query) is PointQuery
        own = planner.only_scan(stored, query)
        with monkeypatch.context() as patched:
            patched.setattr(planner, "only_scan", lambda collection, query: None)
            other = planner.plan_query(stored, query)
        assert type(own) is type(other) is IndexedScan
        assert (own.index, own.collection, own.match, own.key_filter) == (other.index, other.collection, None, other.key_filter)
        assert (own.bounds.intervals, own.bounds.depth) == (other.bounds.intervals, other.bounds.depth)
        assert (own.reverse, own.covered) == (other.reverse, other.covered)
        assert own.explain().planned() == other.explain().planned()
        assert planner.plan_query(stored, query).explain().planned() == own.explain().planned()


@pytest.mark.parametrize("indexes", OTHERS, ids=repr)
def test_other_indexes_are_compared(collection: MemoryCollection, indexes: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    with_indexes(collection, indexes)
    query = collection.query({"a": 1})
    assert type(query) is PointQuery
    assert planner.only_scan(collection.collection, query) is None


def test_a_restricted_query_is_not_served(collection: MemoryCollection) -> None:
    collection.add_index({"a": 1})
    query = collection.query({"a": 1})
    assert type(query) is PointQuery
    query.context.allowed_indexes = {}
    assert planner.only_scan(collection.collection, query) is None
