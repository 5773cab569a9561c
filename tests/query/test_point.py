"""Equality queries on one field: the result of a point lookup in a unique index equals that of a collection scan."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from bson import Binary, Int64, ObjectId
from pymongo.database import Database
from pymongo.errors import OperationFailure

VALUES: list[Any] = [
    1,
    "1",
    1.5,
    Int64(2**53 + 1),
    float("nan"),
    True,
    ObjectId(b"123456789012"),
    Binary(b"1", 5),
    datetime.datetime(2024, 5, 6),
    "é",
]
SOUGHT: list[Any] = [*VALUES, 1.0, Int64(1), 2, False, "", -0.0, 2**53, Binary(b"1", 0), None]


@pytest.fixture
def indexed(db: Database) -> Database:
    """A collection with a unique sparse index: documents with a value of each type, one with an array, and one without the field."""
    documents = [{"_id": number, "v": value} for number, value in enumerate(VALUES)]
    db.c.insert_many([*documents, {"_id": "array", "v": ["a", 7, [8], 7]}, {"_id": "none"}])
    db.c.create_index("v", unique=True, sparse=True)
    return db


@pytest.mark.parametrize("value", [*SOUGHT, "a", 7, 8], ids=repr)
def test_the_index_finds_what_a_scan_finds(indexed: Database, value: Any) -> None:
    scanned = list(indexed.c.find({"v": value}, {"_id": 1}, hint=[("$natural", 1)]))
    assert list(indexed.c.find({"v": value}, {"_id": 1})) == scanned
    assert indexed.c.count_documents({"v": value}) == len(scanned)
    assert indexed.c.update_many({"v": value}, {"$set": {"seen": True}}).matched_count == len(scanned)


def test_a_write_touches_the_document_that_the_index_has(indexed: Database) -> None:
    assert indexed.c.find_one_and_update({"v": 7}, {"$set": {"v.$": 9}}, return_document=True)["v"] == ["a", 9, [8], 7]
    assert indexed.c.delete_one({"v": "1"}).deleted_count == 1
    assert indexed.c.find_one({"v": "1"}) is None
    assert indexed.c.find_one({"v": "a"})["v"] == ["a", 9, [8], 7]


@pytest.mark.parametrize(
    "options",
    [
        {"partialFilterExpression": {"n": {"$gt": 1}}},
        {"collation": {"locale": "en", "strength": 2}},
        {"hidden": True},
    ],
    ids=lambda options: next(iter(options)),
)
def test_an_index_that_could_miss_the_document_is_not_asked(db: Database, options: dict[str, Any]) -> None:
    db.c.insert_many([{"_id": 1, "v": "a", "n": 1}, {"_id": 2, "v": "b", "n": 2}])
    db.c.create_index("v", unique=True, **options)
    assert [found["_id"] for found in db.c.find({"v": "a"})] == [1]
    assert [found["_id"] for found in db.c.find({"v": "A"})] == []
    assert [found["_id"] for found in db.c.find({"v": "A"}, collation={"locale": "en", "strength": 2})] == [1]


def test_a_descending_index_and_options_of_a_find(db: Database) -> None:
    db.c.insert_many([{"_id": 1, "v": "a"}, {"_id": 2, "v": "b"}])
    db.c.create_index([("v", -1)], unique=True)
    assert db.c.find_one({"v": "b"}) == {"_id": 2, "v": "b"}
    db.c.create_index("v", unique=True)
    assert list(db.c.find({"v": "b"}, skip=1)) == []
    assert list(db.c.find({"v": "b"}, show_record_id=True)) == [{"_id": 2, "v": "b", "$recordId": 2}]
    assert list(db.c.find({"v": "b"}, return_key=True)) == [{"v": "b"}]
    assert list(db.c.find({"v": "b"}, {"_id": 0}, batch_size=1)) == [{"v": "b"}]
    assert list(db.missing.find({"v": "b"})) == []


def cursor_without_documents(db: Database) -> int:
    """Return the id of a cursor over a point lookup that has not read anything yet."""
    db.c.insert_many([{"_id": 1, "v": "a"}, {"_id": 2, "v": "b"}])
    db.c.create_index("v", unique=True)
    cursor_id: int = db.command({"find": "c", "filter": {"v": "b"}, "batchSize": 0})["cursor"]["id"]
    return cursor_id


def test_a_cursor_reads_the_document_when_it_is_asked_for(db: Database) -> None:
    cursor_id = cursor_without_documents(db)
    db.c.update_one({"_id": 2}, {"$set": {"n": 1}})
    assert db.command({"getMore": Int64(cursor_id), "collection": "c"})["cursor"]["nextBatch"] == [{"_id": 2, "v": "b", "n": 1}]


def test_a_cursor_ends_with_its_index(db: Database) -> None:
    cursor_id = cursor_without_documents(db)
    db.c.drop_index("v_1")
    with pytest.raises(OperationFailure) as caught:
        db.command({"getMore": Int64(cursor_id), "collection": "c"})
    assert caught.value.code == 175
