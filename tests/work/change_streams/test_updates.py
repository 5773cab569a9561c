"""Events of updates: the description of the change, and the documents before and after it.

https://www.mongodb.com/docs/manual/reference/change-events/update/
"""

from __future__ import annotations

from typing import Any

import pytest
from bson.int64 import Int64
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.clock import SettableClock
from secantus_server.server import SecantusDBServer
from tests.work.change_streams.test_events import taken

IMAGES = {"changeStreamPreAndPostImages": {"enabled": True}}


@pytest.mark.parametrize(
    ("document", "update", "updated", "removed", "truncated"),
    [
        ({}, {"$set": {"a": 1}}, {"a": 1}, [], []),
        ({"a": 1, "b": 2}, {"$set": {"a": 5}, "$unset": {"b": 1}}, {"a": 5}, ["b"], []),
        ({"a": {"x": 1}}, {"$set": {"a.y": 2}}, {"a.y": 2}, [], []),
        ({"a": [1, 2]}, {"$push": {"a": 3}}, {"a.2": 3}, [], []),
        ({"a": ["foo", {"a": "bar"}, 1, 2, 3]}, [{"$set": {"a": ["foo", {"a": "bar"}]}}], {}, [], [{"field": "a", "newSize": 2}]),
        ({"n": 1}, {"$inc": {"n": 2}}, {"n": 3}, [], []),
    ],
)
def test_the_description_of_an_update(db: Database, document: Any, update: Any, updated: Any, removed: Any, truncated: Any) -> None:
    db.c.insert_one({"_id": 1, "padding": "x" * 200, **document})
    with db.c.watch(max_await_time_ms=1) as stream:
        db.c.update_one({"_id": 1}, update)
        (event,) = taken(stream)
    assert list(event) == ["_id", "operationType", "clusterTime", "wallTime", "ns", "documentKey", "updateDescription"]
    assert event["updateDescription"] == {"updatedFields": updated, "removedFields": removed, "truncatedArrays": truncated}


def test_ambiguous_paths(db: Database) -> None:
    db.c.insert_one({"_id": 1, "a": [{"1": 1}], "padding": "x" * 200})
    with db.c.watch(max_await_time_ms=1, show_expanded_events=True) as stream:
        db.c.update_one({"_id": 1}, {"$set": {"a.0.1": 2}})
        db.c.update_one({"_id": 1}, {"$set": {"b": 2}})
        ambiguous, plain = taken(stream)
    assert ambiguous["updateDescription"]["disambiguatedPaths"] == {"a.0.1": ["a", 0, "1"]}
    assert plain["updateDescription"]["disambiguatedPaths"] == {}


def test_the_raw_description(db: Database) -> None:
    db.c.insert_one({"_id": 1, "padding": "x" * 200})
    command = {"aggregate": "c", "pipeline": [{"$changeStream": {"showRawUpdateDescription": True}}], "cursor": {}}
    cursor = db.command(command)["cursor"]
    db.c.update_one({"_id": 1}, {"$set": {"a": 1}})
    (event,) = db.command({"getMore": cursor["id"], "collection": "c"})["cursor"]["nextBatch"]
    assert event["rawUpdateDescription"] == {"$v": 2, "diff": {"i": {"a": 1}}}
    assert "updateDescription" not in event


def test_documents_before_and_after(db: Database) -> None:
    db.create_collection("c", **IMAGES)
    db.c.insert_one({"_id": 1, "a": [1, 2, 3], "b": {"c": 1}})
    with db.c.watch(max_await_time_ms=1, full_document="whenAvailable", full_document_before_change="whenAvailable") as stream:
        db.c.update_one({"_id": 1}, {"$set": {"a.1": 7, "b.d": 2}, "$unset": {"b.c": 1}})
        db.c.update_one({"_id": 1}, {"$push": {"a": 4}})
        db.c.replace_one({"_id": 1}, {"z": 1})
        db.c.delete_one({"_id": 1})
        first, second, replaced, deleted = taken(stream)
    assert first["fullDocumentBeforeChange"] == {"_id": 1, "a": [1, 2, 3], "b": {"c": 1}}
    assert first["fullDocument"] == second["fullDocumentBeforeChange"] == {"_id": 1, "a": [1, 7, 3], "b": {"d": 2}}
    assert second["fullDocument"] == replaced["fullDocumentBeforeChange"] == {"_id": 1, "a": [1, 7, 3, 4], "b": {"d": 2}}
    assert replaced["fullDocument"] == deleted["fullDocumentBeforeChange"] == {"_id": 1, "z": 1}
    assert "fullDocument" not in deleted


def test_missing_images(db: Database) -> None:
    db.c.insert_one({"_id": 1})
    options = {"full_document": "whenAvailable", "full_document_before_change": "whenAvailable"}
    with db.c.watch(max_await_time_ms=1, **options) as stream, db.c.watch(max_await_time_ms=1) as plain:
        db.c.update_one({"_id": 1}, {"$set": {"a": 1}})
        (event,) = taken(stream)
        (bare,) = taken(plain)
    assert (event["fullDocument"], event["fullDocumentBeforeChange"]) == (None, None)
    assert not {"fullDocument", "fullDocumentBeforeChange"} & bare.keys()


@pytest.mark.parametrize("option", ["full_document", "full_document_before_change"])
def test_required_images(db: Database, option: str) -> None:
    db.c.insert_one({"_id": 1})
    with db.c.watch(max_await_time_ms=1, **{option: "required"}) as stream:
        db.c.update_one({"_id": 1}, {"$set": {"a": 1}})
        with pytest.raises(OperationFailure) as caught:
            stream.next()
    assert caught.value.code == 47
    db.command("collMod", "c", **IMAGES)
    with db.c.watch(max_await_time_ms=1, **{option: "required"}) as stream:
        db.c.update_one({"_id": 1}, {"$set": {"a": 2}})
        assert len(taken(stream)) == 1


def test_images_in_a_transaction(db: Database) -> None:
    db.create_collection("c", **IMAGES)
    db.c.insert_one({"_id": 1, "a": 1})
    with db.c.watch(max_await_time_ms=1, full_document="required", full_document_before_change="required") as stream:
        with db.client.start_session() as session, session.start_transaction():
            db.c.update_one({"_id": 1}, {"$set": {"a": 2}}, session=session)
            db.c.delete_one({"_id": 1}, session=session)
        updated, deleted = taken(stream)
    assert (updated["fullDocumentBeforeChange"]["a"], updated["fullDocument"]["a"]) == (1, 2)
    assert deleted["fullDocumentBeforeChange"] == {"_id": 1, "a": 2}
    assert updated["lsid"] == deleted["lsid"]
    assert updated["txnNumber"] == deleted["txnNumber"]


def test_retryable_writes_show_no_session(db: Database) -> None:
    command = {"insert": "c", "documents": [{"_id": 1}, {"_id": 2}], "txnNumber": Int64(1000)}
    with db.c.watch(max_await_time_ms=1) as stream:
        with db.client.start_session() as session:
            db.command(command, session=session)
        events = taken(stream)
    assert [event["documentKey"]["_id"] for event in events] == [1, 2]
    assert not any({"lsid", "txnNumber"} & event.keys() for event in events)


def test_the_oplog_hides_what_only_the_server_needs(db: Database) -> None:
    db.create_collection("c", **IMAGES)
    db.c.insert_one({"_id": 1, "a": 1})
    db.c.update_one({"_id": 1}, {"$set": {"a": 2}})
    entry = db.client.local["oplog.rs"].find_one({"ns": f"{db.name}.c", "op": "u"})
    assert not any(name.startswith("$") for name in entry)


def test_images_expire() -> None:
    clock = SettableClock(1_700_000_000_000)
    with SecantusDBServer(port=0, storage_path=":memory:", clock=clock, log_level="error") as server, MongoClient(server.uri) as client:
        db = client.db
        client.admin.command("setClusterParameter", {"changeStreamOptions": {"preAndPostImages": {"expireAfterSeconds": 100}}})
        (shown,) = client.admin.command("getClusterParameter", "changeStreamOptions")["clusterParameters"]
        assert (shown["_id"], shown["preAndPostImages"]) == ("changeStreamOptions", {"expireAfterSeconds": 100})
        db.create_collection("c", **IMAGES)
        db.c.insert_one({"_id": 1, "a": 1})
        with db.c.watch() as stream:
            token = stream.resume_token
        db.c.update_one({"_id": 1}, {"$set": {"a": 2}})
        command = {"aggregate": "c", "pipeline": [{"$changeStream": {"resumeAfter": token, "fullDocumentBeforeChange": "whenAvailable"}}]}
        for seconds, image in ((0, {"_id": 1, "a": 1}), (99, {"_id": 1, "a": 1}), (2, None)):
            clock.advance(seconds * 1000)
            (event,) = db.command({**command, "cursor": {}})["cursor"]["firstBatch"]
            assert event["fullDocumentBeforeChange"] == image


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        ({"unknown": {}}, 4),
        ({"changeStreamOptions": 1}, 2),
        ({"changeStreamOptions": {"other": 1}}, 2),
        ({"changeStreamOptions": {"preAndPostImages": {"expireAfterSeconds": 0}}}, 2),
        ({"changeStreamOptions": {"preAndPostImages": {"expireAfterSeconds": "on"}}}, 2),
        ({"changeStreamOptions": {"preAndPostImages": {"expireAfterSeconds": float("inf")}}}, 2),
        ({"changeStreamOptions": {"preAndPostImages": {"expireAfterSeconds": float("nan")}}}, 2),
        ({"defaultMaxTimeMS": {"readOperations": 1}}, 238),
    ],
)
def test_wrong_cluster_parameters(db: Database, parameter: dict[str, Any], expected: int) -> None:
    with pytest.raises(OperationFailure) as caught:
        db.client.admin.command("setClusterParameter", parameter)
    assert caught.value.code == expected
