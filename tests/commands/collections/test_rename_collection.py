"""The command renameCollection."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from bson.binary import Binary
from pymongo.database import Database

from tests.failing import code


def rename(admin: Database, source: str, target: str, **more: Any) -> None:
    admin.command({"renameCollection": source, "to": target, **more})


def test_documents_indexes_and_identity_stay(admin: Database, db: Database) -> None:
    db.a.insert_many({"_id": number, "x": number} for number in range(10))
    db.a.create_index("x", unique=True)
    before = next(iter(db.list_collections()))["info"]["uuid"]
    rename(admin, f"{db.name}.a", f"{db.name}.b")
    assert db.list_collection_names() == ["b"]
    assert next(iter(db.list_collections()))["info"]["uuid"] == before
    assert db.b.count_documents({}) == 10
    assert db.b.find_one({"x": 3}, hint="x_1") == {"_id": 3, "x": 3}
    db.b.insert_one({"_id": 10, "x": 10})
    assert db.command({"validate": "b", "full": True})["valid"]


def test_to_another_database(admin: Database, db: Database) -> None:
    db.a.insert_many([{"_id": 1, "x": [1, 2]}, {"_id": 2}])
    db.a.create_index("x")
    other = db.client[f"{db.name}_other"]
    try:
        rename(admin, f"{db.name}.a", f"{other.name}.b")
        assert db.list_collection_names() == []
        assert list(other.b.find({"x": 2})) == [{"_id": 1, "x": [1, 2]}]
        assert sorted(other.b.index_information()) == ["_id_", "x_1"]
        assert other.command({"validate": "b", "full": True})["valid"]
    finally:
        db.client.drop_database(other.name)


def test_drop_target(admin: Database, db: Database) -> None:
    db.a.insert_one({"_id": 1})
    db.b.insert_one({"_id": 2})
    assert code(admin, {"renameCollection": f"{db.name}.a", "to": f"{db.name}.b"}) == 48
    rename(admin, f"{db.name}.a", f"{db.name}.b", dropTarget=True)
    assert list(db.b.find()) == [{"_id": 1}]
    assert db.list_collection_names() == ["b"]


@pytest.mark.parametrize(
    ("source", "target", "more", "expected"),
    [
        ("DB.none", "DB.b", {}, 26),
        ("DB.a", "DB.a", {}, 20),
        ("DB.a", "DB." + 255 * "b", {}, 20),
        ("DB." + 255 * "b", "DB.b", {}, 20),
        ("DB.v", "DB.b", {}, 166),
        ("DB.a", "DB.v", {"dropTarget": True}, 48),
        ("DB.a", "DB.system.views", {}, 20),
        ("DB.a", "DB.x$y", {}, 20),
        ("DB.a", "", {}, 73),
        ("DB.a", "DB.", {}, 73),
        ("DB.a", 1, {}, 14),
        (None, "DB.b", {}, 40414),
        ("DB.a", "DB.b", {"dropTarget": 1}, 14),
        ("DB.a", "DB.b", {"stayTemp": 1}, 14),
        ("DB.a", "DB.b", {"dropTarget": Binary(uuid.UUID(int=1).bytes, 4)}, 361),
        ("DB.a", "DB.b", {"dropTarget": Binary(b"short", 4)}, 207),
        ("DB.a", "DB.b", {"collectionUUID": Binary(uuid.UUID(int=1).bytes, 4)}, 361),
        ("DB.a", "DB.b", {"other": 1}, 40415),
    ],
)
def test_errors(admin: Database, db: Database, source: Any, target: Any, more: dict[str, Any], expected: int) -> None:
    db.create_collection("a")
    db.create_collection("v", viewOn="a")
    names = [name.replace("DB", db.name) if isinstance(name, str) else name for name in (source, target)]
    assert code(admin, {"renameCollection": names[0], "to": names[1], **more}) == expected
    assert sorted(name for name in db.list_collection_names() if name != "system.views") == ["a", "v"]


def test_it_is_in_the_stable_api(db: Database, admin: Database) -> None:
    # Since MongoDB 8.1: https://www.mongodb.com/docs/manual/reference/command/renameCollection/
    db.c.insert_one({"_id": 1})
    admin.command("renameCollection", f"{db.name}.c", to=f"{db.name}.d", apiVersion="1", apiStrict=True)
    assert db.d.find_one() == {"_id": 1}
