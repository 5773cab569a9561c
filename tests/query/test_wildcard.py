"""Wildcard and hashed indexes over the wire: plans, bounds, and changes of an index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure, WriteError

from secantus_server import SecantusDBServer
from secantus_server.index.kinds.wildcard import Wildcard


def stages(plan: dict[str, Any]) -> list[dict[str, Any]]:
    below = [plan["inputStage"]] if "inputStage" in plan else plan.get("inputStages", [])
    return [plan, *(stage for inner in below for stage in stages(inner))]


def explained(db: Database, command: dict[str, Any], verbosity: str = "executionStats") -> dict[str, Any]:
    reply: dict[str, Any] = db.command({"explain": command, "verbosity": verbosity})
    return reply


def scan(db: Database, filter: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Return the index scan stage of a find's plan."""
    plan = explained(db, {"find": "c", "filter": filter, **options}, "queryPlanner")["queryPlanner"]["winningPlan"]
    return next(stage for stage in stages(plan) if stage["stage"] == "IXSCAN")


@pytest.fixture
def filled(db: Database) -> Database:
    db.c.create_index("$**", name="w")
    db.c.insert_many([{"_id": n, "a": n, "b": {"c": n, "tags": [n, n + 1]}, "list": [{"x": n}]} for n in range(20)])
    return db


@pytest.mark.parametrize(
    ("filter", "path", "bounds"),
    [
        ({"a": 3}, ['["a", "a"]'], ["[3, 3]"]),
        ({"b.c": {"$gt": 3, "$lte": 5}}, ['["b.c", "b.c"]'], ["(3, 5]"]),
        ({"b.tags": 3}, ['["b.tags", "b.tags"]'], ["[3, 3]"]),
        ({"list.x": {"$in": [1, 2]}}, ['["list.x", "list.x"]'], ["[1, 1]", "[2, 2]"]),
        ({"list": {"$elemMatch": {"x": 5}}}, ['["list.x", "list.x"]'], ["[5, 5]"]),
        ({"b": {"$exists": True}}, ['["b", "b"]', '["b.", "b/")'], ["[MinKey, MaxKey]"]),
        ({"b": {"$ne": None}}, ['["b", "b"]', '["b.", "b/")'], ["[MinKey, MaxKey]"]),
        ({"b": {}}, ['["b", "b"]'], ["[{}, {}]"]),
        ({"b.tags": []}, ['["b.tags", "b.tags"]'], ["[undefined, undefined]", "[[], []]"]),
        ({"b": {"$type": "object"}}, ['["b", "b"]', '["b.", "b/")'], ["[MinKey, MaxKey]"]),
    ],
)
def test_bounds(filled: Database, filter: dict[str, Any], path: list[str], bounds: list[str]) -> None:
    shown = scan(filled, filter)
    _, last = shown["keyPattern"]
    assert shown["indexBounds"] == {"$_path": path, last: bounds}


def test_the_expanded_index(filled: Database) -> None:
    shown = scan(filled, {"b.tags": 3})
    assert shown["keyPattern"] == {"$_path": 1, "b.tags": 1}
    assert shown["indexName"] == "w"
    assert shown["isMultiKey"] is True
    assert shown["multiKeyPaths"] == {"$_path": [], "b.tags": ["b.tags"]}
    assert scan(filled, {"list.x": 1})["multiKeyPaths"] == {"$_path": [], "list.x": ["list"]}
    assert scan(filled, {"b.c": 1})["isMultiKey"] is False


@pytest.mark.parametrize(
    "command",
    [
        {"count": "c", "query": {"b.c": 3}},
        {"distinct": "c", "key": "a", "query": {"b.c": 3}},
        {"update": "c", "updates": [{"q": {"b.c": 3}, "u": {"$set": {"x": 1}}}]},
        {"delete": "c", "deletes": [{"q": {"b.c": 3}, "limit": 0}]},
        {"findAndModify": "c", "query": {"b.c": 3}, "remove": True},
        {"aggregate": "c", "pipeline": [{"$match": {"b.c": 3}}], "cursor": {}},
    ],
)
def test_commands(filled: Database, command: dict[str, Any]) -> None:
    reply = explained(filled, command)
    assert any(stage["stage"] in ("IXSCAN", "COUNT_SCAN") for stage in stages(reply["queryPlanner"]["winningPlan"]))
    assert reply["executionStats"]["totalKeysExamined"] == 1


def test_a_covered_query(filled: Database) -> None:
    reply = explained(filled, {"find": "c", "filter": {"b.c": {"$lt": 3}}, "projection": {"_id": 0, "b.c": 1}})
    assert reply["queryPlanner"]["winningPlan"]["stage"] == "PROJECTION_COVERED"
    assert reply["executionStats"]["totalDocsExamined"] == 0
    assert list(filled.c.find({"b.c": 2}, {"_id": 0, "b.c": 1})) == [{"b": {"c": 2}}]
    assert list(filled.c.find({"b.tags": 20}, {"_id": 0, "b.tags": 1})) == [{"b": {"tags": [19, 20]}}]


def test_compound(db: Database) -> None:
    db.c.create_index([("k", 1), ("at.$**", 1), ("z", -1)], name="w")
    db.c.insert_many([{"_id": n, "k": n % 3, "at": {"x": n}, "z": n} for n in range(9)] + [{"_id": 9, "k": 1}, {"_id": 10}])
    shown = scan(db, {"k": 1, "at.x": 4, "z": {"$gt": 1}})
    assert shown["keyPattern"] == {"k": 1, "$_path": 1, "at.x": 1, "z": -1}
    assert shown["indexBounds"] == {"k": ["[1, 1]"], "$_path": ['["at.x", "at.x"]'], "at.x": ["[4, 4]"], "z": ["[inf.0, 1)"]}
    shown = scan(db, {"k": 1})
    assert shown["indexBounds"] == {"k": ["[1, 1]"], "$_path": ["[MinKey, MinKey]", '["", {})']}
    assert sorted(document["_id"] for document in db.c.find({"k": 1})) == [1, 4, 7, 9]
    assert [document["_id"] for document in db.c.find({"k": None})] == [10]
    assert [document["_id"] for document in db.c.find({"k": 1, "at.x": {"$gt": 0}}).sort("at.x", -1)] == [7, 4, 1]
    with pytest.raises(WriteError) as caught:
        db.c.insert_one({"k": [1]})
    assert caught.value.code == 7246301


def test_return_key(filled: Database) -> None:
    assert next(filled.c.find({"a": 3}, return_key=True)) == {"$_path": "a", "a": 3}


def test_use_is_counted(filled: Database) -> None:
    filled.c.find_one({"a": 3})
    used = {stat["name"]: stat["accesses"]["ops"] for stat in filled.c.aggregate([{"$indexStats": {}}])}
    assert used["w"] == 1


def test_an_index_filter(filled: Database) -> None:
    filled.c.create_index("a", name="a")
    filled.command("planCacheSetFilter", "c", query={"a": 1}, indexes=["w"])
    assert scan(filled, {"a": 1})["indexName"] == "w"


def test_a_drop_ends_its_cursors(filled: Database) -> None:
    cursor = filled.c.find({"a": {"$gte": 0}}, batch_size=2)
    next(cursor)
    filled.c.drop_index("w")
    with pytest.raises(OperationFailure) as caught:
        list(cursor)
    assert caught.value.code == 175


def test_an_array_that_comes_while_a_cursor_is_open(filled: Database) -> None:
    cursor = filled.c.find({"a": {"$gte": 0}}, batch_size=2)
    first = next(cursor)
    filled.c.update_one({"_id": 10}, {"$set": {"a": [10, 11, 12]}})
    assert [document["_id"] for document in [first, *cursor]] == list(range(20))
    assert scan(filled, {"a": 1})["isMultiKey"] is True


def test_collmod_keeps_what_is_known_of_arrays(filled: Database) -> None:
    for hidden in (True, False):
        filled.command("collMod", "c", index={"name": "w", "hidden": hidden})
    assert scan(filled, {"b.tags": 1})["isMultiKey"] is True
    assert scan(filled, {"b.c": 1})["isMultiKey"] is False


def test_lookups(filled: Database) -> None:
    filled.other.insert_one({"_id": 1, "n": 4})
    joined = filled.other.aggregate([{"$lookup": {"from": "c", "localField": "n", "foreignField": "b.c", "as": "found"}}])
    assert [document["_id"] for document in next(joined)["found"]] == [4]


@pytest.mark.parametrize("key", ["a.b", "$**"])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_negation_that_matches_without_a_value(db: Database, key: str, sparse: bool) -> None:
    """`{"a.b": null}` does not match an array without documents, so its negation matches.

    For such an array, the index has the key null or no key.
    """
    db.c.create_index(key, name="i", **({"sparse": True} if sparse and key != "$**" else {}))
    arrays: list[Any] = [[], [1], [[]], [{"b": []}], [{"b": 1}]]
    db.c.insert_many([{"_id": number, "a": value} for number, value in enumerate(arrays)])
    assert db.c.count_documents({"a.b": {"$ne": None}}) == 5
    assert db.c.count_documents({"a.b": {"$nin": [None, 1]}}) == 4
    assert db.c.count_documents({"a": {"$elemMatch": {"b": {"$ne": None}}}}) == 2


def test_hashed_bounds(db: Database) -> None:
    db.c.create_index([("a", "hashed")], name="h")
    db.c.insert_many([{"_id": 1, "a": 1}, {"_id": 2, "a": None}, {"_id": 3}, {"_id": 4, "a": "x"}])
    for filter, ids in (({"a": 1}, [1]), ({"a": {"$in": [1, "x"]}}, [1, 4]), ({"a": None}, [2, 3])):
        assert scan(db, filter)["indexName"] == "h"
        assert sorted(document["_id"] for document in db.c.find(filter)) == ids
    assert explained(db, {"find": "c", "filter": {"a": {"$gt": 0}}})["queryPlanner"]["winningPlan"]["stage"] == "COLLSCAN"


def served(path: Path) -> None:
    with SecantusDBServer(port=0, storage_path=str(path), log_level="error") as server, MongoClient(server.uri) as client:
        found = scan(client.d, {"b": 2})
        assert found["isMultiKey"] is True
        assert scan(client.d, {"a": 1})["isMultiKey"] is False
        assert client.d.c.count_documents({"b": 2}) == 1
        assert client.d.command("validate", "c", full=True)["valid"]


def test_a_store_is_opened_again(tmp_path: Path) -> None:
    with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, MongoClient(server.uri) as client:
        client.d.c.create_index("$**")
        client.d.c.insert_many([{"_id": n, "a": n, "b": [n, 2 * n], "bb": [n]} for n in (1, 3)])
    served(tmp_path)


def test_indexes_without_entries_are_built_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setattr(Wildcard, "entries_version", lambda self: "")
        before.setattr(Wildcard, "extractor", lambda self, spec: None)
        before.setattr(Wildcard, "has_wildcard", False)
        with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, MongoClient(server.uri) as client:
            client.d.c.create_index("$**")
            client.d.c.insert_one({"a": 1, "b": [1, 2]})
    for _ in range(2):
        served(tmp_path)


def test_a_restore(tmp_path: Path) -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server, MongoClient(server.uri) as client:
        db = client.d
        db.c.create_index("$**")
        db.c.insert_many([{"_id": 1, "b": [1]}, {"_id": 2, "a": 1}])
        with server.checkpoint():
            db.c.update_one({"_id": 2}, {"$set": {"a": [1, 2]}})
            db.c.create_index("x")
            assert scan(db, {"a": 1})["isMultiKey"] is True
        assert scan(db, {"b": 1})["isMultiKey"] is True
        assert [document["_id"] for document in db.c.find({"a": 1})] == [2]
        assert db.command("validate", "c", full=True)["valid"]
