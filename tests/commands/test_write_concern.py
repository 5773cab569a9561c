"""A write concern that a single node cannot satisfy: the write happens, and the reply has a writeConcernError."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

WRITES: list[dict[str, Any]] = [
    {"insert": "c", "documents": [{"_id": 2}]},
    {"update": "c", "updates": [{"q": {}, "u": {"$set": {"a": 1}}}]},
    {"delete": "c", "deletes": [{"q": {}, "limit": 1}]},
    {"findAndModify": "c", "remove": True},
    {"aggregate": "c", "pipeline": [{"$out": "d"}], "cursor": {}},
    {"create": "new"},
    {"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a"}]},
    {"dropIndexes": "c", "index": "*"},
    {"collMod": "c", "validationLevel": "off"},
    {"convertToCapped": "c", "size": 4096},
    {"drop": "c"},
    {"dropDatabase": 1},
]


@pytest.mark.parametrize("command", WRITES, ids=lambda command: next(iter(command)))
@pytest.mark.parametrize(("w", "expected"), [(2, 100), ("other", 79), (1, None), (None, None), ("majority", None), (0, None)])
def test_the_write_is_made_and_the_reply_says_so(db: Database, command: dict[str, Any], w: Any, expected: int | None) -> None:
    db.c.insert_one({"_id": 1})
    reply = db.command({**command, "writeConcern": {"w": w}})
    assert reply["ok"] == 1.0
    assert reply.get("writeConcernError", {}).get("code") == expected


def test_a_rename_says_so_too(db: Database) -> None:
    db.c.insert_one({"_id": 1})
    command = {"renameCollection": f"{db.name}.c", "to": f"{db.name}.d", "writeConcern": {"w": 2}}
    assert db.client.admin.command(command)["writeConcernError"]["code"] == 100
    assert db.list_collection_names() == ["d"]


def test_an_error_does_not_hide_it(db: Database) -> None:
    db.create_collection("c")
    reply = db.command({"create": "c", "capped": True, "size": 4096, "writeConcern": {"w": 2}}, check=False)
    assert (reply["code"], reply["writeConcernError"]["code"]) == (48, 100)


def test_an_aggregation_that_does_not_write_has_no_concern(db: Database) -> None:
    assert "writeConcernError" not in db.command({"aggregate": "c", "pipeline": [], "cursor": {}, "writeConcern": {"w": 2}})
