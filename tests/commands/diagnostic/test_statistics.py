"""count, distinct, collStats, dbStats, dataSize, dbHash, and the commands that make a collection capped."""

from __future__ import annotations

from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from pymongo.database import Database

from tests.failing import code


@pytest.mark.parametrize(
    ("options", "n"),
    [
        ({}, 5),
        ({"query": {"x": {"$gt": 1}}}, 3),
        ({"limit": 2}, 2),
        ({"limit": -2}, 2),
        ({"limit": Decimal128("2")}, 2),
        ({"skip": 4}, 1),
        ({"skip": 9}, 0),
        ({"skip": 1, "limit": 2, "query": {"x": {"$gt": 1}}}, 2),
        ({"hint": "_id_"}, 5),
    ],
)
def test_count(db: Database, options: dict[str, Any], n: int) -> None:
    db.c.insert_many({"_id": number, "x": number} for number in range(5))
    db.create_collection("v", viewOn="c")
    assert db.command({"count": "c", **options})["n"] == n
    if "hint" not in options:
        assert db.command({"count": "v", **options})["n"] == n


@pytest.mark.parametrize(
    ("options", "expected"),
    [({"limit": None}, 2), ({"limit": "1"}, 2), ({"limit": 1.5}, 9), ({"limit": Int64(-(2**63))}, 2), ({"skip": -1}, 2), ({"hint": 1}, 9)],
)
def test_count_errors(db: Database, options: dict[str, Any], expected: int) -> None:
    assert code(db, {"count": "c", **options}) == expected


def test_distinct(db: Database) -> None:
    db.c.insert_many([{"x": 1}, {"x": [1.0, "a"]}, {"x": {"y": 2}}, {"x": None}, {}])
    assert db.c.distinct("x") == [None, 1, "a", {"y": 2}]
    assert db.c.distinct("x.y") == [2]
    assert code(db, {"distinct": "c", "key": "x\0"}) == 31032


def test_sizes(db: Database) -> None:
    db.c.insert_many({"_id": number} for number in range(4))
    db.c.create_index("x")
    stats = db.command({"collStats": "c"})
    assert (stats["ns"], stats["count"], stats["size"], stats["nindexes"]) == (f"{db.name}.c", 4, 4 * 14, 2)
    whole = db.command({"dbStats": 1})
    assert (whole["collections"], whole["objects"], whole["indexes"], whole["dataSize"]) == (1, 4, 2, 56.0)
    assert [type(whole[name]) for name in ("collections", "dataSize", "scaleFactor")] == [Int64, float, Int64]
    assert db.command({"dataSize": f"{db.name}.c"})["size"] == 56
    assert code(db, {"dbStats": 1, "scale": 0}) == 2


def test_hashes_tell_databases_apart(db: Database) -> None:
    db.c.insert_many([{"_id": 1}, {"_id": 2}])
    db.d.insert_many([{"_id": 2}, {"_id": 1}])
    first = db.command({"dbHash": 1})
    assert first["collections"]["c"] == first["collections"]["d"]
    db.c.insert_one({"_id": 3})
    assert db.command({"dbHash": 1})["md5"] != first["md5"]


def test_convert_to_capped(db: Database) -> None:
    db.c.insert_many({"_id": number, "pad": "x" * 100} for number in range(10))
    db.c.create_index("pad")
    db.command({"convertToCapped": "c", "size": 512})
    assert db.c.options() == {"capped": True, "size": 512}
    assert [document["_id"] for document in db.c.find()] == [6, 7, 8, 9]
    assert list(db.c.index_information()) == ["_id_"]
    assert db.command({"validate": "c", "full": True})["valid"]


def test_clone_collection_as_capped(db: Database) -> None:
    db.c.insert_many({"_id": number} for number in range(3))
    db.command({"cloneCollectionAsCapped": "c", "toCollection": "d", "size": 4096})
    assert [document["_id"] for document in db.d.find()] == [0, 1, 2]
    assert code(db, {"cloneCollectionAsCapped": "c", "toCollection": "d", "size": 4096}) == 48


@pytest.mark.parametrize(("size", "expected"), [(None, 72), ("1", 72), (0, 72), (Decimal128("0.5"), 72), (2**50 + 1, 2)])
def test_sizes_that_cannot_be(db: Database, size: Any, expected: int) -> None:
    db.create_collection("c")
    assert code(db, {"convertToCapped": "c", "size": size}) == expected


def test_uses_of_indexes_are_counted(db: Database) -> None:
    db.c.create_index("a", name="a")
    db.c.insert_one({"_id": 1, "a": 1})
    db.c.find_one({"a": {"$gt": 0}})
    db.c.find_one({"_id": 1})
    db.c.distinct("a")
    found = {stats["name"]: stats["accesses"]["ops"] for stats in db.c.aggregate([{"$indexStats": {}}])}
    assert found == {"_id_": 1, "a": 2}
