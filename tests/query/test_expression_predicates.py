"""The comparisons of an `$expr` bound indexes that are not multikey."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database


def plan_of(db: Database, expression: Any, **options: Any) -> dict[str, Any]:
    """Return the innermost stage of the winning plan of a find by `$expr`."""
    explained = db.command({"explain": {"find": "c", "filter": {"$expr": expression}, **options}, "verbosity": "queryPlanner"})
    stage: dict[str, Any] = explained["queryPlanner"]["winningPlan"]
    while "inputStage" in stage:
        stage = stage["inputStage"]
    return stage


@pytest.mark.parametrize(
    ("expression", "bounds"),
    [
        ({"$eq": ["$a", 3]}, "[3, 3]"),
        ({"$eq": [{"$literal": {"x": 1}}, "$a"]}, "[{ x: 1 }, { x: 1 }]"),
        ({"$eq": ["$a", None]}, "[null, null]"),
        ({"$gt": ["$a", 3]}, "(3, MaxKey]"),
        ({"$gt": [3, "$a"]}, "[MinKey, 3)"),
        ({"$gte": ["$a", {"$add": [1, 2]}]}, "[3, MaxKey]"),
        ({"$lte": ["$$CURRENT.a", "x"]}, '[MinKey, "x"]'),
        ({"$and": [{"$gt": ["$a", 1]}, {"$lt": ["$a", 5]}, {"$ne": ["$b", 1]}]}, "(1, 5)"),
        ({"$eq": ["$a", "$$of_let"]}, "[7, 7]"),
    ],
)
def test_bounds(db: Database, expression: Any, bounds: str) -> None:
    db.c.insert_one({"a": 1})
    db.c.create_index("a")
    plan = plan_of(db, expression, let={"of_let": 7})
    assert plan["stage"] == "IXSCAN"
    assert plan["indexBounds"] == {"a": [bounds]}


@pytest.mark.parametrize(
    "expression",
    [
        {"$ne": ["$a", 3]},
        {"$eq": ["$a", "$b"]},
        {"$eq": ["$a", {"$literal": [1]}]},
        {"$lt": ["$a", None]},
        {"$gt": ["$a", float("nan")]},
        {"$eq": ["$a", "$$REMOVE"]},
        {"$eq": ["$a.0", 3]},
        {"$or": [{"$eq": ["$a", 3]}, {"$eq": ["$a", 4]}]},
        {"$let": {"vars": {"CURRENT": {"a": 3}}, "in": {"$eq": ["$a", 3]}}},
    ],
)
def test_an_index_does_not_serve_other_expressions(db: Database, expression: Any) -> None:
    db.c.insert_one({"a": 1})
    db.c.create_index("a")
    db.c.create_index("a.0")
    assert plan_of(db, expression)["stage"] == "COLLSCAN"


@pytest.mark.parametrize("document", [{"a": [3]}, {"a": []}, {"a": [{"b": 3}]}, {"a": {"b": []}}], ids=repr)
def test_a_multikey_index_does_not_serve_an_expression(db: Database, document: dict[str, Any]) -> None:
    db.c.insert_many([document, {"a": {"b": 3}}])
    db.c.create_index("a.b")
    db.c.create_index("a")
    for expression in ({"$gt": ["$a.b", 5]}, {"$eq": ["$a.b", 3]}):
        assert list(db.c.find({"$expr": expression})) == list(db.c.find({"$expr": expression}, hint={"$natural": 1}))
    assert plan_of(db, {"$eq": ["$a.b", 3]})["stage"] == "COLLSCAN"


@pytest.mark.parametrize(("path", "condition"), [("a", {"$expr": {"$gt": ["$a", 5]}}), ("a.b", {"a.b": {"$ne": None}})])
@pytest.mark.parametrize("array", [[], [3], [1, 2]], ids=repr)
def test_arrays_escape_from_the_bounds_of_a_geospatial_index(db: Database, path: str, condition: dict[str, Any], array: list[int]) -> None:
    """Such an index with one key for each document is not multikey, even if it has arrays."""
    db.c.create_index([(path, 1), ("place", "2dsphere")])
    db.c.insert_one({"a": array, "place": {"type": "Point", "coordinates": [0, 0]}})
    assert db.c.count_documents({"place": {"$geoWithin": {"$centerSphere": [[0, 0], 0.1]}}, **condition}) == 1


def test_missing_fields_are_less_than_all_values(db: Database) -> None:
    db.c.insert_many([{"_id": 1}, {"_id": 2, "a": None}, {"_id": 3, "a": 1}, {"_id": 4, "a": 9}])
    db.c.create_index("a")
    db.c.create_index("a", name="sparse", sparse=True)
    assert [found["_id"] for found in db.c.find({"$expr": {"$lt": ["$a", 5]}})] == [1, 2, 3]
    assert [found["_id"] for found in db.c.find({"$expr": {"$eq": ["$a", None]}})] == [2]
    assert plan_of(db, {"$lt": ["$a", 5]})["indexName"] == "a_1"


def test_strings_need_an_index_with_the_collation_of_the_query(db: Database) -> None:
    db.c.insert_many([{"a": "x"}, {"a": "X"}])
    db.c.create_index("a", collation={"locale": "en", "strength": 2})
    same = {"$eq": ["$a", "x"]}
    assert plan_of(db, same)["stage"] == "COLLSCAN"
    assert plan_of(db, {"$eq": ["$a", 1]})["stage"] == "IXSCAN"
    assert plan_of(db, same, collation={"locale": "en", "strength": 2})["stage"] == "IXSCAN"
    assert db.c.count_documents({"$expr": same}, collation={"locale": "en", "strength": 2}) == 2
    assert db.c.count_documents({"$expr": same}) == 1


def test_the_statements_that_write_use_the_index(db: Database) -> None:
    db.c.insert_many([{"_id": number, "a": number} for number in range(10)])
    db.c.create_index("a")
    assert db.c.update_many({"$expr": {"$gte": ["$a", 8]}}, {"$set": {"found": True}}).modified_count == 2
    assert db.c.delete_many({"$expr": {"$lt": ["$a", 8]}}).deleted_count == 8
    assert db.c.distinct("a", {"$expr": {"$gt": ["$a", 8]}}) == [9]
