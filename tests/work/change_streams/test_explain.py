"""explain of change streams, and of the collections that they read from."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from tests.failing import code


def explained(db: Database, command: dict[str, Any], verbosity: str = "executionStats") -> dict[str, Any]:
    reply: dict[str, Any] = db.command("explain", command, verbosity=verbosity)
    return reply


def stream(collection: Any, options: dict[str, Any], *stages: dict[str, Any]) -> dict[str, Any]:
    return {"aggregate": collection, "pipeline": [{"$changeStream": options}, *stages], "cursor": {}}


def test_the_stages_of_a_stream(db: Database) -> None:
    since = db.command("insert", "c", documents=[{"_id": 1}])["operationTime"]
    db.other.insert_one({})
    db.c.insert_one({"_id": 2})
    options = {"startAtOperationTime": since, "fullDocument": "updateLookup", "fullDocumentBeforeChange": "whenAvailable"}
    cursor, *rest = explained(db, stream("c", options, {"$match": {"documentKey._id": 2}}))["stages"]
    scan = cursor["$cursor"]["queryPlanner"]
    assert (scan["namespace"], scan["winningPlan"]["stage"], scan["winningPlan"]["minRecord"]) == ("local.oplog.rs", "COLLSCAN", since)
    steps = ["internalUnwindTransaction", "internalTransform", "internalCheckInvalidate", "internalAddPreImage", "internalAddPostImage"]
    assert [one["$changeStream"]["stage"] for one in rest[:-1]] == steps
    assert [one["nReturned"] for one in rest] == [2] * len(steps) + [1]
    planned = explained(db, stream("c", options), "queryPlanner")["stages"]
    assert [one.keys() for one in planned] == [{"$cursor"}, *[{"$changeStream"}] * len(steps)]
    assert "stages" in db.command({**stream("c", {}), "explain": True})


def test_every_scope_and_a_token(db: Database, client: MongoClient) -> None:
    with db.c.watch() as watching:
        db.c.insert_one({})
        token = watching.next()["_id"]
    (_, *steps) = explained(db, stream("c", {"resumeAfter": token}), "queryPlanner")["stages"]
    assert {"$changeStream": {"stage": "internalCheckResumability", "resumeToken": token}} in steps
    for where, target, options in ((db, 1, {}), (client.admin, 1, {"allChangesForCluster": True})):
        assert explained(where, stream(target, {**options, "startAfter": token}))["stages"][1]["nReturned"] == 0


@pytest.mark.parametrize(
    ("options", "stages", "expected"),
    [
        ({"resumeAfter": {"_data": "82"}}, [], 50811),
        ({}, [{"$group": {"_id": 1}}], 20),
        ({"fullDocument": "never"}, [], 2),
    ],
)
def test_errors_are_those_of_the_stream(db: Database, options: dict[str, Any], stages: list[dict[str, Any]], expected: int) -> None:
    command = stream("c", options, *stages)
    assert code(db, command) == code(db, {"explain": command}) == expected


def test_collections_that_are_not_stored(db: Database, client: MongoClient) -> None:
    since = db.command("insert", "c", documents=[{"_id": 1}])["operationTime"]
    db.c.insert_one({"_id": 2})
    filter = {"ts": {"$gte": since}}
    found = explained(client.local, {"find": "oplog.rs", "filter": filter, "sort": {"ts": -1}, "limit": 1})["executionStats"]
    assert (found["nReturned"], found["totalDocsExamined"]) == (1, 2)
    counted = explained(client.local, {"count": "oplog.rs", "query": filter})["executionStats"]["executionStages"]
    assert (counted["nCounted"], counted["inputStage"]["stage"]) == (2, "COLLSCAN")
    assert explained(client.local, {"distinct": "oplog.rs", "key": "op", "query": filter})["executionStats"]["nReturned"] == 2
    piped = explained(client.local, {"aggregate": "oplog.rs", "pipeline": [{"$match": filter}], "cursor": {}})
    assert piped["executionStats"]["nReturned"] == 2
    sessions = explained(client.config, {"find": "system.sessions"})
    assert sessions["queryPlanner"]["winningPlan"]["stage"] == "COLLSCAN"
    assert sessions["executionStats"]["nReturned"] == sessions["executionStats"]["totalDocsExamined"] > 0
