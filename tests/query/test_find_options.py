"""Options of find that change how it reads, over the wire."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.cursor import CursorType
from pymongo.database import Database
from pymongo.errors import OperationFailure


@pytest.fixture
def filled(db: Database) -> Database:
    db.c.insert_many([{"_id": n, "a": 10 * n, "b": -n} for n in range(5)])
    db.c.create_index([("a", 1), ("b", 1)], name="ab")
    return db


def found(db: Database, **find: Any) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = db.command({"find": "c", **find})["cursor"]["firstBatch"]
    return documents


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ({"min": {"a": 20, "b": -2}}, [2, 3, 4]),
        ({"min": {"a": 20, "b": -1}}, [3, 4]),
        ({"max": {"a": 20, "b": 0}}, [0, 1, 2]),
        ({"min": {"a": 10, "b": -5}, "max": {"a": 30, "b": -3}}, [1, 2]),
        ({"min": {"a": 10, "b": -5}, "filter": {"b": {"$lt": -2}}}, [3, 4]),
        ({"min": {"a": 10, "b": -5}, "sort": {"a": -1, "b": -1}, "limit": 2}, [4, 3]),
    ],
)
@pytest.mark.parametrize("hint", ["ab", {"a": 1, "b": 1}])
def test_min_and_max(filled: Database, options: dict[str, Any], ids: list[int], hint: Any) -> None:
    assert [document["_id"] for document in found(filled, **options, hint=hint)] == ids


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"min": {"a": 1, "b": 1}}, 51173),
        ({"min": {"a": 1}, "hint": "ab"}, 51174),
        ({"hint": "nothing"}, 2),
        ({"hint": {"a": 1}}, 2),
        ({"hint": ""}, 2),
        ({"hint": {"a": True, "b": True}}, 2),
        ({"hint": {"$natural": 0}}, 2),
        ({"hint": {"$natural": 1, "a": 1}}, 2),
        ({"sort": {"$natural": 2}}, 2),
        ({"awaitData": True}, 9),
        ({"tailable": True}, 2),
    ],
)
def test_errors(filled: Database, options: dict[str, Any], code: int) -> None:
    with pytest.raises(OperationFailure) as raised:
        found(filled, **options)
    assert raised.value.code == code


def test_return_key(filled: Database) -> None:
    assert found(filled, filter={"a": {"$gte": 30}}, returnKey=True) == [{"a": 30, "b": -3}, {"a": 40, "b": -4}]
    assert found(filled, filter={"b": -1}, returnKey=True) == [{}]
    filled.c.insert_one({"a": [1, 2]})
    with pytest.raises(OperationFailure) as raised:
        found(filled, filter={"a": {"$gte": 30}}, returnKey=True)
    assert raised.value.code == 238


def test_show_record_id(filled: Database) -> None:
    documents = found(filled, showRecordId=True, skip=1, limit=1, projection={"b": 1})
    assert [list(document) for document in documents] == [["_id", "b", "$recordId"]]
    first = found(filled, showRecordId=True, limit=1)[0]["$recordId"]
    assert documents[0]["$recordId"] == first + 1


def test_a_cursor_whose_index_is_dropped_ends_in_an_error(filled: Database) -> None:
    reply = filled.command({"find": "c", "filter": {"a": {"$gte": 0}}, "batchSize": 2})
    filled.c.drop_index("ab")
    with pytest.raises(OperationFailure) as raised:
        filled.command({"getMore": reply["cursor"]["id"], "collection": "c"})
    assert raised.value.code == 175


@pytest.mark.parametrize(("direction", "ids"), [(1, [0, 1, 2, 3, 4]), (-1, [4, 3, 2, 1, 0])])
def test_natural_order(filled: Database, direction: int, ids: list[int]) -> None:
    assert [document["_id"] for document in found(filled, hint={"$natural": direction})] == ids
    assert [document["_id"] for document in found(filled, sort={"$natural": direction})] == ids
    assert [document["_id"] for document in filled.c.aggregate([], hint={"$natural": direction})] == ids


def test_a_tailable_cursor_sees_what_is_written_later(db: Database) -> None:
    db.create_collection("capped", capped=True, size=100_000)
    db.capped.insert_many([{"_id": n, "a": n % 2} for n in range(4)])
    cursor = db.capped.find({"a": 1}, {"a": 1}, cursor_type=CursorType.TAILABLE)
    assert [next(cursor)["_id"], next(cursor)["_id"]] == [1, 3]
    assert next(cursor, None) is None
    assert cursor.alive
    db.capped.insert_many([{"_id": 4, "a": 0}, {"_id": 5, "a": 1}])
    assert next(cursor)["_id"] == 5
    cursor.close()


def test_a_tailable_cursor_on_an_empty_collection_is_dead(db: Database) -> None:
    db.create_collection("capped", capped=True, size=100_000)
    cursor = db.capped.find(cursor_type=CursorType.TAILABLE)
    assert next(cursor, None) is None
    assert not cursor.alive


def test_a_tailable_cursor_that_is_overtaken_loses_its_place(db: Database) -> None:
    db.create_collection("capped", capped=True, size=100_000, max=3)
    db.capped.insert_many([{"_id": n} for n in range(3)])
    reply = db.command({"find": "capped", "tailable": True, "batchSize": 1})
    db.capped.insert_many([{"_id": n} for n in range(3, 9)])
    with pytest.raises(OperationFailure) as raised:
        db.command({"getMore": reply["cursor"]["id"], "collection": "capped"})
    assert raised.value.code == 136


PLACES = [{"_id": 1, "p": [5, 5]}, {"_id": 2, "p": [0, 0]}, {"_id": 3, "p": [1, 1]}, {"_id": 4}]


@pytest.mark.parametrize(
    ("kind", "near", "ids"),
    [
        ("2d", {"$near": [0, 0]}, [2, 3, 1]),
        ("2d", {"$near": [4, 4], "$maxDistance": 2}, [1]),
        ("2d", {"$nearSphere": [0, 0]}, [2, 3, 1]),
        ("2dsphere", {"$nearSphere": [0, 0]}, [2, 3, 1]),
        ("2dsphere", {"$near": {"$geometry": {"type": "Point", "coordinates": [5, 5]}}}, [1, 3, 2]),
        ("2dsphere", {"$near": {"type": "Point", "coordinates": [5, 5]}}, [1, 3, 2]),
        ("2dsphere", {"$nearSphere": {"type": "Point", "coordinates": [5, 5]}}, [1, 3, 2]),
        ("2dsphere", {"$near": {"coordinates": [5, 5]}, "$maxDistance": 1000}, [1]),
        ("2dsphere", {"$nearSphere": {"type": "Point", "coordinates": [5, 5]}, "$minDistance": 1000}, [3, 2]),
    ],
)
def test_nearness_sorts_by_distance(db: Database, kind: str, near: dict[str, Any], ids: list[int]) -> None:
    db.c.insert_many(PLACES)
    db.c.create_index([("p", kind)])
    assert [document["_id"] for document in db.c.find({"p": near})] == ids
    assert [document["_id"] for document in db.c.find({"p": near}).limit(1)] == ids[:1]
    assert [document["_id"] for document in db.c.find({"p": near}).sort("_id", -1)] == sorted(ids, reverse=True)


@pytest.mark.parametrize(
    ("kind", "near"),
    [
        (None, {"$near": [0, 0]}),
        ("2dsphere", {"$near": [0, 0]}),
        ("2d", {"$near": {"$geometry": {"type": "Point", "coordinates": [5, 5]}}}),
        ("2d", {"$near": {"type": "Point", "coordinates": [5, 5]}}),
        ("2d", {"$nearSphere": {"type": "Point", "coordinates": [5, 5]}}),
        (1, {"$near": [0, 0]}),
    ],
)
def test_nearness_needs_an_index(db: Database, kind: Any, near: dict[str, Any]) -> None:
    db.c.insert_many(PLACES)
    if kind is not None:
        db.c.create_index([("p", kind)])
    with pytest.raises(OperationFailure, match="unable to find index for \\$geoNear query") as raised:
        list(db.c.find({"p": near}))
    assert raised.value.code == 291


@pytest.mark.parametrize(
    "command",
    [
        {"find": "c", "filter": {"_id": 1}, "hint": ""},
        {"count": "c", "query": {"a": 10}, "hint": ""},
        {"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"a": 1}}, "hint": ""}]},
        {"delete": "c", "deletes": [{"q": {"a": 10}, "limit": 1, "hint": ""}]},
        {"findAndModify": "c", "query": {"_id": 1}, "remove": True, "hint": ""},
    ],
    ids=lambda command: next(iter(command)),
)
def test_no_index_has_an_empty_name(filled: Database, command: dict[str, Any]) -> None:
    reply = filled.command(command, check=False)
    assert reply.get("writeErrors", [reply])[0]["code"] == 2
    assert filled.c.find_one({"_id": 1}) == {"_id": 1, "a": 10, "b": -1}
