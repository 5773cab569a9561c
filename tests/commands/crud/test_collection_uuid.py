"""The argument collectionUUID, which makes a command fail if the collection has another UUID.

Public descriptions of the argument are in MongoDB's tickets SERVER-63285 (write commands), SERVER-62562 (aggregate) and TOOLS-3064 (drop).
"""

from __future__ import annotations

from typing import Any

import pytest
from bson.binary import Binary
from pymongo.database import Database

from tests.failing import code

OTHER = Binary(bytes(16), 4)
WRITES: list[dict[str, Any]] = [
    {"insert": "c", "documents": [{"_id": 1}, {"_id": 2}]},
    {"update": "c", "updates": [{"q": {}, "u": {"$set": {"a": 2}}}, {"q": {"_id": 3}, "u": {"$set": {"a": 2}}, "upsert": True}]},
    {"delete": "c", "deletes": [{"q": {"_id": 5}, "limit": 0}, {"q": {}, "limit": 0}]},
]


def uuid_of(db: Database, name: str) -> Any:
    return next(info["info"]["uuid"] for info in db.list_collections() if info["name"] == name)


@pytest.mark.parametrize("command", WRITES)
@pytest.mark.parametrize("ordered", [True, False])
def test_a_write_with_another_uuid_changes_nothing(db: Database, command: dict[str, Any], ordered: bool) -> None:
    db.c.insert_one({"_id": 0, "a": 1})
    db.d.insert_one({"_id": 0})
    for uuid, actual in ((OTHER, None), (uuid_of(db, "d"), "d")):
        reply = db.command({**command, "ordered": ordered, "collectionUUID": uuid})
        errors = reply["writeErrors"]
        assert [error["index"] for error in errors] == ([0] if ordered else [0, 1])
        assert {(error["code"], error["expectedCollection"], error["actualCollection"]) for error in errors} == {(361, "c", actual)}
        assert reply["n"] == 0
    assert list(db.c.find()) == [{"_id": 0, "a": 1}]
    assert "writeErrors" not in db.command({**command, "collectionUUID": uuid_of(db, "c")})


@pytest.mark.parametrize("command", [{"find": "c", "filter": {}}, {"aggregate": "c", "pipeline": [], "cursor": {}}, {"drop": "c"}])
def test_other_commands_with_another_uuid_fail(db: Database, command: dict[str, Any]) -> None:
    db.c.insert_one({"_id": 0})
    assert code(db, {**command, "collectionUUID": OTHER}) == 361
    assert db.command({**command, "collectionUUID": uuid_of(db, "c")})["ok"] == 1
