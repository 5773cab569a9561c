"""Hints of a wildcard index."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.errors import CommandError
from secantus_server.index.build import make_index
from secantus_server.query.planner import plan_query
from tests.property.memory_collection import MemoryCollection


def hinted(collection: MemoryCollection, key: dict[str, Any], filter: dict[str, Any], **options: Any) -> int | None:
    """Return the code of a hinted query's error, or None if the query succeeds."""
    stored = collection.collection
    stored.indexes = [*stored.indexes, make_index({"v": 2, "key": key, "name": "w", **options}, 9)]
    try:
        plan_query(stored, collection.query(filter, hint="w"))
    except CommandError as error:
        return error.code
    return None


@pytest.mark.parametrize(
    ("key", "options", "filter", "served"),
    [
        ({"$**": 1}, {}, {"a": 1}, True),
        ({"$**": 1}, {}, {"a.b": {"$gt": 1}}, True),
        ({"$**": 1}, {}, {"a": {"$exists": True}}, True),
        ({"$**": 1}, {}, {}, False),
        ({"$**": 1}, {}, {"a": None}, False),
        ({"$**": 1}, {}, {"a": {"$exists": False}}, False),
        ({"$**": 1}, {}, {"_id": {"$gt": 1}}, False),
        ({"a.$**": 1}, {}, {"a.b": 1}, True),
        ({"a.$**": 1}, {}, {"ab": 1}, False),
        ({"$**": 1}, {"wildcardProjection": {"a": 1}}, {"a.b": 1}, True),
        ({"$**": 1}, {"wildcardProjection": {"a": 1}}, {"b": 1}, False),
        ({"$**": 1}, {"wildcardProjection": {"a": 0}}, {"a": 1}, False),
        ({"$**": 1}, {"wildcardProjection": {"a": {"b": 0}}}, {"a.c": 1}, True),
        ({"$**": 1}, {}, {"$or": [{"a": 1}, {"b": 1}]}, True),
        ({"$**": 1}, {}, {"$or": [{"a": 1}, {"b": None}]}, False),
    ],
)
def test_a_hint_holds_where_the_index_could_serve(collection: MemoryCollection, key: Any, options: Any, filter: Any, served: bool) -> None:
    assert hinted(collection, key, filter, **options) == (None if served else 291)
