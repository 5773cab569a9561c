"""A pipeline update with a constant that fails to evaluate: an error only if a document needs it."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from tests.failing import code

WRONG = {"$add": ["age", 1]}
PIPELINES: list[list[dict[str, Any]]] = [
    [{"$set": {"age": WRONG}}],
    [{"$addFields": {"a": {"b": WRONG}}}],
    [{"$project": {"age": WRONG}}],
    [{"$replaceWith": {"age": WRONG}}],
    [{"$replaceRoot": {"newRoot": {"a": [1, {"b": WRONG}]}}}],
    [{"$set": {"age": {"$multiply": [2, {"$subtract": [WRONG, 1]}]}}}],
    [{"$set": {"age": {"$let": {"vars": {"x": WRONG}, "in": "$$x"}}}}],
    [{"$set": {"age": {"$map": {"input": [1], "in": WRONG}}}}],
    [{"$set": {"x": 1}}, {"$set": {"age": WRONG}}],
]


def update(u: Any, **more: Any) -> dict[str, Any]:
    return {"update": "c", "updates": [{"q": {"_id": 1}, "u": u, **more}]}


@pytest.mark.parametrize("u", PIPELINES)
def test_it_fails_only_where_a_document_matches(db: Database, u: list[dict[str, Any]]) -> None:
    find = {"findAndModify": "c", "query": {"_id": 1}, "update": u}
    bulk = {"bulkWrite": 1, "ops": [{"update": 0, "filter": {"_id": 1}, "updateMods": u}], "nsInfo": [{"ns": db.c.full_name}]}
    db.c.insert_one({"_id": 5})
    for multi in (False, True):
        reply = db.command(update(u, multi=multi))
        assert (reply["n"], reply.get("writeErrors")) == (0, None)
    assert db.command(find)["value"] is None
    assert db.client.admin.command(bulk)["nErrors"] == 0
    assert db.command(update(u, upsert=True))["writeErrors"][0]["code"] == 14
    assert code(db, {**find, "upsert": True}) == 14
    assert db.c.count_documents({}) == 1
    db.c.insert_one({"_id": 1})
    assert db.command(update(u))["writeErrors"][0]["code"] == 14
    assert code(db, find) == 14
    assert db.client.admin.command(bulk)["nErrors"] == 1
    assert db.c.find_one({"_id": 1}) == {"_id": 1}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"$cond": ["$old", WRONG, "young"]}, "young"),
        ({"$ifNull": ["$_id", WRONG]}, 1),
        ({"$switch": {"branches": [{"case": {"$eq": ["$_id", 1]}, "then": "one"}], "default": WRONG}}, "one"),
        ({"$switch": {"branches": [{"case": True, "then": "first"}, {"case": WRONG, "then": WRONG}]}}, "first"),
        ({"$or": ["$_id", WRONG]}, True),
        ({"$and": ["$old", WRONG]}, False),
        ({"$map": {"input": [], "in": WRONG}}, []),
        ({"$add": [1, 1]}, 2),
    ],
)
def test_what_is_not_evaluated_does_not_fail(db: Database, expression: Any, expected: Any) -> None:
    db.c.insert_one({"_id": 1})
    db.command(update([{"$set": {"x": expression}}]))
    assert db.c.find_one({"_id": 1}) == {"_id": 1, "x": expected}


@pytest.mark.parametrize(
    ("u", "expected"),
    [
        ([{"$set": {"a": {"$bad": 1}}}], 168),
        ([{"$set": {"a": WRONG, "b": {"$bad": 1}}}], 168),
        ([{"$set": {"a": {"$add": [WRONG, "$$none"]}}}], 17276),
        ([{"$set": {"a": {"$divide": [1]}}}], 16020),
        ([{"$match": {}}], 72),
    ],
)
def test_what_cannot_be_parsed_fails_without_a_document(db: Database, u: Any, expected: int) -> None:
    assert db.command(update(u))["writeErrors"][0]["code"] == expected


def test_no_switch_branch_fails_as_at_run_time(db: Database) -> None:
    u = [{"$set": {"x": {"$switch": {"branches": [{"case": False, "then": 1}]}}}}]
    assert db.command(update(u))["n"] == 0
    db.c.insert_one({"_id": 1})
    assert db.command(update(u))["writeErrors"][0]["code"] == 40066


def test_other_pipelines_and_let_fail_without_a_document(db: Database) -> None:
    assert code(db, {"aggregate": "c", "pipeline": [{"$set": {"age": WRONG}}], "cursor": {}}) == 14
    assert code(db, {"find": "c", "projection": {"x": WRONG}}) == 14
    assert db.command({**update([{"$set": {"x": "$$v"}}]), "let": {"v": WRONG}})["writeErrors"][0]["code"] == 14


def test_merge_fails_only_where_a_document_is_there(db: Database) -> None:
    db.c.insert_one({"_id": 1})
    merge = {"into": "d", "whenMatched": [{"$set": {"age": WRONG}}], "whenNotMatched": "discard"}
    command = {"aggregate": "c", "pipeline": [{"$merge": merge}], "cursor": {}}
    db.command(command)
    db.d.insert_one({"_id": 1})
    assert code(db, command) == 14
    merge["whenMatched"] = [{"$set": {"age": {"$cond": ["$old", WRONG, 7]}}}]
    db.command(command)
    assert db.d.find_one() == {"_id": 1, "age": 7}
