"""What explain says of indexes that keep no entries."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

NEAR = {"$near": {"$geometry": {"type": "Point", "coordinates": [0, 0]}}}
WITHIN = {"$geoWithin": {"$centerSphere": [[0, 0], 1]}}


def notes(db: Database, command: dict[str, Any]) -> list[str]:
    reply = db.command({"explain": command, "verbosity": "queryPlanner"})
    found: list[str] = reply.get("secantus", {}).get("notes", [])
    assert found or "secantus" not in reply
    return found


@pytest.fixture
def filled(db: Database) -> Database:
    db.c.insert_many([{"_id": n, "facts": {"salt": n}, "loc": [n, n], "b": n} for n in range(5)])
    db.c.create_index("b")
    db.c.create_index("facts.$**", name="wild")
    db.c.create_index([("loc", "2dsphere")], name="earth")
    return db


@pytest.mark.parametrize(
    ("command", "index"),
    [
        ({"find": "c", "filter": {"loc": WITHIN}}, "earth"),
        ({"find": "c", "filter": {"loc": NEAR}}, "earth"),
    ],
)
def test_an_index_that_mongodb_would_use_is_named(filled: Database, command: dict[str, Any], index: str) -> None:
    (note,) = notes(filled, command)
    assert f"'{index}'" in note


@pytest.mark.parametrize(
    "command",
    [
        {"find": "c"},
        {"find": "c", "filter": {"other": 1}},
        {"find": "c", "filter": {"b": 3, "facts.salt": 3}},
        {"find": "c", "filter": {"_id": 3}},
        {"find": "c", "filter": {"facts.salt": None}},
        {"find": "missing", "filter": {"facts.salt": 3}},
    ],
)
def test_what_no_such_index_would_serve(filled: Database, command: dict[str, Any]) -> None:
    assert notes(filled, command) == []


def test_a_hidden_or_partial_index_that_does_not_hold_all_matches(db: Database) -> None:
    db.c.insert_one({"a": [1, 1]})
    db.c.create_index([("a", "2dsphere")], name="w", partialFilterExpression={"b": 1})
    assert notes(db, {"find": "c", "filter": {"a": WITHIN}}) == []
    assert len(notes(db, {"find": "c", "filter": {"a": WITHIN, "b": 1}})) == 1
    db.command("collMod", "c", index={"name": "w", "hidden": True})
    assert notes(db, {"find": "c", "filter": {"a": WITHIN, "b": 1}}) == []
