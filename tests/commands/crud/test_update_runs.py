"""Updates of many documents, by the compiled loop and, in a collection with a validator or a cap, one by one."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

DOCUMENTS = [{"_id": n, "a": n % 7, "b": [n, n % 3], "u": n} for n in range(300)]
OPTIONS: list[dict[str, Any]] = [{"validator": {"_id": {"$gte": 0}}}, {"capped": True, "size": 1 << 20}]
STATEMENTS: list[dict[str, Any]] = [
    {"q": {}, "u": {"$inc": {"a": 1}}},
    {"q": {"a": {"$lt": 3}}, "u": {"$set": {"a": 1}}},
    {"q": {}, "u": {"$set": {"a": 1}}},
    {"q": {}, "u": [{"$set": {"a": {"$add": ["$a", {"$arrayElemAt": ["$b", 1]}]}}}]},
    {"q": {"b": 2}, "u": {"$set": {"b.$": 9}}},
    {"q": {}, "u": {"$set": {"b.$[x]": 9}}, "arrayFilters": [{"x": {"$gt": 200}}]},
    {"q": {"_id": {"$gte": 250}}, "u": {"$set": {"u": 299}}},
    {"q": {}, "u": {"$inc": {"b.0": 1}}},
    {"q": {}, "u": {"$mul": {"a": {"$numberLong": 1}}}},
    {"q": {}, "u": {"$push": {"a": 1}}},
    {"q": {}, "u": {"$unset": {"u": 1}, "$rename": {"a": "c"}}},
]


def outcome(db: Database, name: str, statement: dict[str, Any], images: bool) -> tuple[Any, ...]:
    """Return what an update of many documents leaves: the reply, the documents and the events of a change stream."""
    db[name].insert_many(DOCUMENTS)
    db[name].create_index("u", unique=True, sparse=True)
    if images:
        db.command({"collMod": name, "changeStreamPreAndPostImages": {"enabled": True}})
    shown = "whenAvailable" if images else "off"
    with db[name].watch(full_document_before_change=shown, max_await_time_ms=1) as stream:
        reply = db.command({"update": name, "updates": [{**statement, "multi": True}]}, check=False)
        events = []
        while (event := stream.try_next()) is not None:
            parts = ("operationType", "documentKey", "updateDescription", "fullDocument", "fullDocumentBeforeChange")
            events.append([event.get(part) for part in parts])
    result = {field: reply.get(field) for field in ("n", "nModified", "ok", "writeErrors")}
    return str(result).replace(f".{name}", ""), list(db[name].find()), events


@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize("statement", STATEMENTS, ids=repr)
def test_both_ways_have_the_same_outcome(db: Database, statement: dict[str, Any], images: bool) -> None:
    expected = outcome(db, "compiled", statement, images)
    assert expected[2] or expected[0].startswith("{'n': 0") or "writeErrors': [" in expected[0] or "'nModified': 0" in expected[0]
    for number, options in enumerate(OPTIONS):
        name = f"single{number}"
        db.create_collection(name, **options)
        assert outcome(db, name, statement, images) == expected
