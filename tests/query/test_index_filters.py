"""Index filters set by planCacheSetFilter: they change only the plans of their own shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from secantus_server import SecantusDBServer


@pytest.fixture(scope="module")
def collection() -> Iterator[Collection[dict[str, Any]]]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server, MongoClient[dict[str, Any]](server.uri) as client:
        client.d.c.insert_many([{"_id": n, "a": n, "b": n % 7, "u": n} for n in range(100)])
        for name in ("a", "b"):
            client.d.c.create_index(name)
        client.d.c.create_index("u", unique=True)
        yield client.d.c


@pytest.fixture(autouse=True)
def clean(collection: Collection[dict[str, Any]]) -> Iterator[None]:
    yield
    collection.database.command("planCacheClearFilters", "c")


def set_filter(collection: Collection[dict[str, Any]], indexes: list[Any], **shape: Any) -> None:
    collection.database.command("planCacheSetFilter", "c", indexes=indexes, **shape)


def used(collection: Collection[dict[str, Any]], filter: dict[str, Any], **options: Any) -> tuple[str | None, bool]:
    """Return the index that a find uses, or None, and whether explain shows an index filter."""
    hint = options.pop("hint", None)
    cursor = collection.find(filter, **options)
    planner = (cursor.hint(hint) if hint else cursor).explain()["queryPlanner"]
    stage = planner["winningPlan"]
    while "inputStage" in stage:
        stage = stage["inputStage"]
    return stage.get("indexName"), planner["indexFilterSet"]


def test_a_filter_decides(collection: Collection[dict[str, Any]]) -> None:
    assert used(collection, {"a": 5, "b": 5}) == ("a_1", False)
    set_filter(collection, [{"b": 1}], query={"a": 1, "b": 1})
    assert used(collection, {"a": 5, "b": 5}) == ("b_1", True)
    # The order of the conditions and the values do not matter.
    assert used(collection, {"b": 6, "a": 13}) == ("b_1", True)
    assert collection.find_one({"b": 6, "a": 13}) == {"_id": 13, "a": 13, "b": 6, "u": 13}
    assert used(collection, {"a": 5}) == ("a_1", False)
    assert used(collection, {"a": 5, "b": {"$gt": 5}}) == ("a_1", False)


def test_an_index_by_name_and_one_that_does_not_exist(collection: Collection[dict[str, Any]]) -> None:
    set_filter(collection, ["b_1"], query={"a": 1, "b": 1})
    assert used(collection, {"a": 5, "b": 5}) == ("b_1", True)
    set_filter(collection, ["gone_1"], query={"a": 1, "b": 1})
    assert used(collection, {"a": 5, "b": 5}) == (None, True)
    assert collection.count_documents({"a": 5, "b": 5}) == 1


def test_a_distinct_uses_a_listed_index(collection: Collection[dict[str, Any]]) -> None:
    for other in ("b", "u"):
        collection.create_index([("a", 1), (other, 1)])
    try:
        set_filter(collection, [{"a": 1, "u": 1}], query={"a": 1})
        explained = collection.database.command("explain", {"distinct": "c", "key": "a", "query": {"a": 1}})
        assert explained["queryPlanner"]["winningPlan"]["inputStage"]["indexName"] == "a_1_u_1"
        set_filter(collection, ["gone"], query={"a": 1})
        explained = collection.database.command("explain", {"distinct": "c", "key": "a", "query": {"a": 1}})
        assert explained["queryPlanner"]["winningPlan"]["stage"] == "COLLSCAN"
    finally:
        for other in ("b", "u"):
            collection.drop_index(f"a_1_{other}_1")


def test_a_hint_is_ignored(collection: Collection[dict[str, Any]]) -> None:
    set_filter(collection, ["b_1"], query={"a": 1, "b": 1})
    assert used(collection, {"a": 5, "b": 5}, hint="a_1") == ("b_1", True)


def test_sort_projection_and_collation_belong_to_the_shape(collection: Collection[dict[str, Any]]) -> None:
    set_filter(collection, ["b_1"], query={"a": 1, "b": 1}, sort={"u": 1}, projection={"a": 1})
    assert used(collection, {"a": 5, "b": 5}) == ("a_1", False)
    assert used(collection, {"a": 5, "b": 5}, sort={"u": 1}) == ("a_1", False)
    assert used(collection, {"a": 5, "b": 5}, sort={"u": 1}, projection={"a": 1}) == ("b_1", True)
    set_filter(collection, ["gone"], query={"a": 1}, collation={"locale": "en"})
    assert used(collection, {"a": 5}) == ("a_1", False)
    assert used(collection, {"a": 5}, collation={"locale": "en"}) == (None, True)


def test_a_unique_index_that_is_not_listed(collection: Collection[dict[str, Any]]) -> None:
    set_filter(collection, ["gone"], query={"u": 1})
    assert used(collection, {"u": 5}) == (None, True)
    assert collection.find_one({"u": 5}, {"_id": 1}) == {"_id": 5}
    set_filter(collection, ["gone"], query={"_id": 1})
    assert used(collection, {"_id": 5})[1] is False


def test_other_commands(collection: Collection[dict[str, Any]]) -> None:
    set_filter(collection, ["b_1"], query={"a": 1, "b": 1})
    for body in (
        {"count": "c", "query": {"a": 5, "b": 5}},
        {"delete": "c", "deletes": [{"q": {"a": 5, "b": 5}, "limit": 0}]},
        {"update": "c", "updates": [{"q": {"a": 5, "b": 5}, "u": {"$set": {"x": 1}}}]},
        {"aggregate": "c", "pipeline": [{"$match": {"a": 5, "b": 5}}], "cursor": {}},
    ):
        assert "'b_1'" in str(collection.database.command("explain", body)), body


def test_cleared_filters(collection: Collection[dict[str, Any]]) -> None:
    set_filter(collection, ["b_1"], query={"a": 1, "b": 1})
    set_filter(collection, ["gone"], query={"a": 1})
    collection.database.command("planCacheClearFilters", "c", query={"b": 0, "a": 0})
    assert used(collection, {"a": 5, "b": 5}) == ("a_1", False)
    assert used(collection, {"a": 5}) == (None, True)
    collection.database.command("planCacheClearFilters", "c")
    assert used(collection, {"a": 5}) == ("a_1", False)


def test_a_restore_takes_them_back() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server, MongoClient[dict[str, Any]](server.uri) as client:
        client.d.c.insert_one({"a": 1})
        client.d.c.create_index("a")
        snapshot = server.snapshot()
        set_filter(client.d.c, ["gone"], query={"a": 1})
        server.restore(snapshot)
        assert used(client.d.c, {"a": 1}) == ("a_1", False)
        assert client.d.command("planCacheListFilters", "c")["filters"] == []
