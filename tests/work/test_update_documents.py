"""Update statements that are retried after a write conflict."""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64
from pymongo.database import Database

from secantus_server.server import SecantusDBServer
from secantus_server.work.update_documents import run_update
from tests.conflicts import conflicting_request


def test_the_error_of_an_attempt_that_conflicted_is_forgotten(db: Database[dict[str, Any]], server: SecantusDBServer) -> None:
    db.c.insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": "x"}, {"_id": 3, "n": 1}])
    request = conflicting_request(server, db.name, "update", lambda: db.c.update_one({"_id": 2}, {"$set": {"n": Int64(1)}}))
    given = {"q": {}, "u": {"$inc": {"n": 1}}, "multi": True, "upsert": False, "sort": {}, "arrayFilters": []}
    spec = {**given, "c": None, "collation": None, "hint": None}
    outcome = run_update(request, "c", spec, {}, bypass_validation=False)
    assert (outcome.matched, outcome.modified) == (3, 3)
    assert [document["n"] for document in db.c.find(sort=[("_id", 1)])] == [2, 2, 2]
