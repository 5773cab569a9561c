"""Duplicate key errors name the duplicate key, for every command that writes."""

from __future__ import annotations

from typing import Any

import pytest
from bson.binary import Binary
from bson.int64 import Int64
from pymongo.database import Database

from tests.failing import failure

Document = dict[str, Any]


def refusal(db: Database, command: Document) -> Document:
    """Return the only write error of a command, or the command's error."""
    reply = db.command(command) if "findAndModify" not in command and "createIndexes" not in command else failure(db, command)
    return reply["writeErrors"][0] if "writeErrors" in reply else reply


@pytest.mark.parametrize(
    ("keys", "first", "second", "expected"),
    [
        ({"a": 1}, {"a": ["x", "y"]}, {"a": ["z", "y"]}, {"a": "y"}),
        ({"a": 1}, {"a": ["x", "y"]}, {"a": ["y", "x"]}, {"a": "x"}),
        ({"a": 1}, {"a": 1}, {"a": [3, 1.0]}, {"a": 1.0}),
        ({"a": 1}, {"a": [2]}, {"a": 2}, {"a": 2}),
        ({"a": -1}, {"a": [1, 2]}, {"a": [3, 2]}, {"a": 2}),
        ({"a.b": 1}, {"a": [{"b": 1}]}, {"a": [{"b": 2}, {"b": 1}]}, {"a.b": 1}),
        ({"a.b": 1}, {"a": {"b": 1}}, {"a": [{"b": [2, 3]}, {"b": [4, 1]}]}, {"a.b": 1}),
        ({"a.b": 1}, {"a": [{}]}, {"a": [{"b": 1}, {"c": 1}]}, {"a.b": None}),
        ({"a.0": 1}, {"a": [1, 2]}, {"a": [1, 3]}, {"a.0": 1}),
        ({"a": 1, "b": 1}, {"a": 1, "b": [1, 2]}, {"a": 1, "b": [3, 2]}, {"a": 1, "b": 2}),
        ({"a.x": 1, "a.y": -1}, {"a": {"x": 1, "y": 2}}, {"a": [{"x": 2, "y": 2}, {"x": 1, "y": 2}]}, {"a.x": 1, "a.y": 2}),
        ({"a": 1}, {"a": [[1, 2]]}, {"a": [3, [1, 2]]}, {"a": [1, 2]}),
        ({"a": 1}, {"a": [{"x": 1}]}, {"a": [{"x": 2}, {"x": 1}]}, {"a": {"x": 1}}),
        ({"a": 1}, {}, {}, {"a": None}),
    ],
)
def test_the_details_name_the_key_that_is_there_twice(
    db: Database, keys: Document, first: Document, second: Document, expected: Document
) -> None:
    db.c.create_index(list(keys.items()), unique=True)
    db.c.insert_one({"_id": 1, **first})
    error = refusal(db, {"insert": "c", "documents": [{"_id": 2, **second}]})
    assert (error["code"], error["keyPattern"], error["keyValue"]) == (11000, keys, expected)
    update = refusal(db, {"update": "c", "updates": [{"q": {"_id": 2}, "u": {"$set": second or {"z": 1}}, "upsert": True}]})
    assert update["keyValue"] == expected
    db.c.drop_indexes()
    db.c.insert_one({"_id": 2, **second})
    build = refusal(db, {"createIndexes": "c", "indexes": [{"key": keys, "name": "again", "unique": True}]})
    assert (build["code"], build["keyValue"]) == (11000, expected)


@pytest.mark.parametrize(
    "command",
    [
        {"update": "c", "updates": [{"q": {"_id": 2}, "u": {"$push": {"a": 2}}}]},
        {"update": "c", "updates": [{"q": {"_id": 2}, "u": {"$set": {"a": [3, 4, 2]}}}]},
        {"update": "c", "updates": [{"q": {"_id": 2}, "u": [{"$set": {"a": [3, 4, 2]}}]}]},
        {"update": "c", "updates": [{"q": {"_id": 2}, "u": {"a": [3, 4, 2]}}]},
        {"update": "c", "updates": [{"q": {"_id": 5}, "u": {"$set": {"a": [5, 2]}}, "upsert": True}]},
        {"findAndModify": "c", "query": {"_id": 2}, "update": {"$addToSet": {"a": 2}}},
        {"insert": "c", "documents": [{"a": 8}, {"a": 9}, {"a": [7, 2]}]},
    ],
)
def test_every_write_names_the_element(db: Database, command: Document) -> None:
    db.c.create_index("a", unique=True)
    db.c.insert_many([{"_id": 1, "a": [1, 2]}, {"_id": 2, "a": [3]}])
    error = refusal(db, command)
    assert (error["code"], error["keyValue"]) == (11000, {"a": 2})
    assert error["errmsg"].endswith("index: a_1 dup key: { a: 2 }")


def test_a_bulkwrite_names_the_element(db: Database) -> None:
    db.c.create_index("a", unique=True)
    db.c.insert_one({"a": [1, 2]})
    reply = db.client.admin.command({"bulkWrite": 1, "ops": [{"insert": 0, "document": {"a": [3, 2]}}], "nsInfo": [{"ns": db.c.full_name}]})
    assert reply["cursor"]["firstBatch"][0]["keyValue"] == {"a": 2}


@pytest.mark.parametrize(
    ("indexes", "second", "named"),
    [
        (["tags"], {"_id": 1, "tags": ["x", "z"]}, "_id_"),
        (["a", "tags"], {"_id": 2, "a": 1, "tags": ["x", "z"]}, "a_1"),
        (["tags", "a"], {"_id": 2, "a": 1, "tags": ["x", "z"]}, "tags_1"),
        (["a", "tags"], {"_id": 2, "a": 2, "tags": ["x", "z"]}, "tags_1"),
        (["a", "tags"], {"_id": 1, "a": 1, "tags": ["x", "z"]}, "_id_"),
    ],
)
def test_of_several_indexes_the_first_is_named(db: Database, indexes: list[str], second: Document, named: str) -> None:
    for path in indexes:
        db.c.create_index(path, unique=True)
    db.c.insert_one({"_id": 1, "a": 1, "tags": ["x", "y"]})
    assert f" index: {named} " in refusal(db, {"insert": "c", "documents": [second]})["errmsg"]


@pytest.mark.parametrize(("direction", "least"), [(1, 1), (-1, 9)])
def test_a_build_names_the_least_key_that_is_there_twice(db: Database, direction: int, least: int) -> None:
    db.c.insert_many([{"a": a} for a in (5, 5, [9, 3], 9, 1, [2, 1], 5)])
    build = refusal(db, {"createIndexes": "c", "indexes": [{"key": {"a": direction}, "name": "again", "unique": True}]})
    assert build["keyValue"] == {"a": least}
    assert [index["name"] for index in db.c.list_indexes()] == ["_id_"]


def test_an_empty_array_is_shown_as_undefined(db: Database) -> None:
    db.c.create_index("a", unique=True)
    error = refusal(db, {"insert": "c", "documents": [{"a": []}, {"a": []}]})
    assert error["errmsg"].endswith("dup key: { a: undefined }")


def test_with_a_collation_the_element_is_a_sort_key(db: Database) -> None:
    db.c.create_index("a", unique=True, collation={"locale": "en", "strength": 2})
    db.c.insert_one({"a": ["x", "y"]})
    of_array = refusal(db, {"insert": "c", "documents": [{"a": ["z", "Y"]}]})["keyValue"]
    assert of_array == refusal(db, {"insert": "c", "documents": [{"a": "Y"}]})["keyValue"]
    assert of_array["a"].startswith("0x")


def test_an_index_about_to_become_unique_names_the_element(db: Database) -> None:
    db.c.create_index("a", name="a")
    db.command({"collMod": "c", "index": {"name": "a", "prepareUnique": True}})
    db.c.insert_one({"a": [1, 2]})
    assert refusal(db, {"insert": "c", "documents": [{"a": [3, 2]}]})["keyValue"] == {"a": 2}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x" * 159, f'"{"x" * 159}"'),
        ("x" * 160, f'"{"x" * 150}..."'),
        ("é" * 100, f'"{"é" * 75}..."'),
        ("x" + "é" * 100, f'"x{"é" * 74}\ufffd..."'),  # the cut falls within a character
        (Int64(5), "5"),
        (Binary(b"\x01" * 81, 5), f"BinData(5, {'01' * 70}...)"),
    ],
)
def test_a_long_value_is_cut_in_the_message_and_whole_in_the_details(db: Database, value: Any, shown: str) -> None:
    db.c.create_index("a", unique=True)
    db.c.insert_one({"a": value})
    error = refusal(db, {"insert": "c", "documents": [{"a": value}]})
    assert error["errmsg"].endswith(f"dup key: {{ a: {shown} }}")
    assert error["keyValue"] == {"a": value}
