"""Change streams: events, fields and options. https://www.mongodb.com/docs/manual/reference/change-events/"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from bson import Timestamp
from pymongo.database import Database
from pymongo.errors import OperationFailure

from tests.failing import code_of_call as code
from tests.surface.rows import row

Db = Database[dict[str, Any]]
stream = partial(row, "Change streams")


def events(target: Any, act: Callable[[], object], count: int, *stages: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    """Return the first events of a stream that is opened before an action."""
    with target.watch(list(stages), max_await_time_ms=2000, **options) as opened:
        act()
        return [next(opened) for _ in range(count)]


@stream(
    "event: insert", "event: update", "event: replace", "event: delete", "field: _id (resume token {_data:hex})",
    "field: clusterTime", "field: wallTime", "field: ns", "insertMany events share one clusterTime",
)  # fmt: skip
def writes(db: Db) -> None:
    db.c.insert_one({"_id": 0})

    def act() -> None:
        db.c.insert_many([{"_id": 1, "l": [1, 2, 3], "w": "x" * 200}, {"_id": 2}])
        db.c.update_one({"_id": 1}, [{"$set": {"a": 5, "l": [1, 2]}}])
        db.c.replace_one({"_id": 1}, {"z": 1})
        db.c.delete_one({"_id": 1})

    found = events(db.c, act, 5)
    assert [event["operationType"] for event in found] == ["insert", "insert", "update", "replace", "delete"]
    assert found[0]["fullDocument"] == {"_id": 1, "l": [1, 2, 3], "w": "x" * 200}
    assert found[2]["updateDescription"] == {
        "updatedFields": {"a": 5},
        "removedFields": [],
        "truncatedArrays": [{"field": "l", "newSize": 2}],
    }
    assert found[3]["fullDocument"] == {"_id": 1, "z": 1}
    assert all(event["documentKey"] == {"_id": 1} for event in (found[0], *found[2:]))
    assert all(event["ns"] == {"db": db.name, "coll": "c"} for event in found)
    assert all(isinstance(event["clusterTime"], Timestamp) and event["wallTime"] for event in found)
    tokens = [event["_id"]["_data"] for event in found]
    assert tokens == sorted(tokens)
    assert "fullDocument" not in found[4]


@stream("event: drop", "event: rename", "event: invalidate", "field: to")
def invalidations(db: Db) -> None:
    db.c.insert_one({})
    assert [event["operationType"] for event in events(db.c, db.c.drop, 2)] == ["drop", "invalidate"]
    db.c.insert_one({})
    renamed, invalid = events(db.c, lambda: db.c.rename("d"), 2)
    assert (renamed["operationType"], renamed["to"], invalid["operationType"]) == ("rename", {"db": db.name, "coll": "d"}, "invalidate")


@stream("event: dropDatabase", "scope: collection / database / cluster", "option: allChangesForCluster")
def scopes(db: Db) -> None:
    db.c.insert_one({})
    assert events(db.client, lambda: db.c.insert_one({"_id": 5}), 1)[0]["documentKey"] == {"_id": 5}
    found = events(db, lambda: db.client.drop_database(db.name), 3)
    assert [event["operationType"] for event in found] == ["drop", "dropDatabase", "invalidate"]
    assert found[1]["ns"] == {"db": db.name}


@stream(
    "event: create", "event: createIndexes", "event: dropIndexes", "event: modify", "option: showExpandedEvents",
    "field: collectionUUID", "field: operationDescription",
)  # fmt: skip
def expanded(db: Db) -> None:
    def act() -> None:
        db.create_collection("c")
        db.c.create_index("a")
        db.command("collMod", "c", index={"name": "a_1", "hidden": True})
        db.c.drop_index("a_1")

    found = events(db, act, 4, show_expanded_events=True)
    assert [event["operationType"] for event in found] == ["create", "createIndexes", "modify", "dropIndexes"]
    assert all("collectionUUID" in event and "operationDescription" in event for event in found)
    assert found[0]["nsType"] == "collection"
    assert found[1]["operationDescription"]["indexes"][0]["key"] == {"a": 1}


@stream("field: lsid/txnNumber")
def of_transactions(db: Db) -> None:
    db.create_collection("c")

    def act() -> None:
        with db.client.start_session() as session, session.start_transaction():
            db.c.insert_one({}, session=session)
        db.c.insert_one({})

    inside, outside = events(db.c, act, 2)
    assert "lsid" in inside
    assert "txnNumber" in inside
    assert "lsid" not in outside


@stream(
    "field: fullDocument", "field: fullDocumentBeforeChange", "option: fullDocument", "option: fullDocumentBeforeChange",
)  # fmt: skip
def images(db: Db) -> None:
    db.create_collection("c", changeStreamPreAndPostImages={"enabled": True})
    db.c.insert_one({"_id": 1, "n": 1})

    def act() -> None:
        db.c.update_one({}, {"$set": {"n": 2}})

    for mode in ("updateLookup", "whenAvailable", "required"):
        db.c.update_one({}, {"$set": {"n": 1}})
        assert events(db.c, act, 1, full_document=mode)[0]["fullDocument"] == {"_id": 1, "n": 2}
    for mode in ("whenAvailable", "required"):
        db.c.update_one({}, {"$set": {"n": 1}})
        assert events(db.c, act, 1, full_document_before_change=mode)[0]["fullDocumentBeforeChange"] == {"_id": 1, "n": 1}
    db.d.insert_one({"_id": 1})

    def gone() -> None:
        db.d.update_one({}, {"$set": {"n": 2}})
        db.d.delete_one({})

    changed = events(db.d, gone, 1, full_document="updateLookup", full_document_before_change="whenAvailable")[0]
    assert (changed["fullDocument"], changed["fullDocumentBeforeChange"]) == (None, None)
    db.d.insert_one({"_id": 1})
    assert code(events, db.d, lambda: db.d.delete_one({}), 1, full_document_before_change="required") == 47


@stream("option: resumeAfter", "option: startAfter", "option: startAtOperationTime")
def resuming(db: Db) -> None:
    start = db.command("insert", "c", documents=[{"_id": 0}])["operationTime"]

    def act() -> None:
        db.c.insert_many([{"_id": 1}, {"_id": 2}])
        db.c.drop()

    found = events(db.c, act, 4)
    with db.c.watch(resume_after=found[0]["_id"]) as resumed:
        assert next(resumed)["documentKey"] == {"_id": 2}
    with db.c.watch(start_at_operation_time=Timestamp(start.time, start.inc + 1)) as resumed:
        assert next(resumed)["documentKey"] == {"_id": 1}
    invalid = found[3]["_id"]
    assert code(lambda: db.c.watch(resume_after=invalid).close()) == 260
    db.c.watch(start_after=invalid).close()
    both = [{"$changeStream": {"resumeAfter": found[0]["_id"], "startAtOperationTime": start}}]
    assert code(db.command, "aggregate", "c", pipeline=both, cursor={}) == 40674


@stream(
    "option: batchSize/collation/maxAwaitTimeMS/comment", "postBatchResumeToken in every reply",
    "pipeline: allowed stages $addFields,$match,$project,$replaceRoot,$replaceWith,$redact,$set,$unset,$changeStreamSplitLargeEvent",
)  # fmt: skip
def pipelines(db: Db) -> None:
    db.create_collection("c")
    stages = [
        {"$match": {"operationType": "insert"}},
        {"$addFields": {"x": 1}},
        {"$set": {"y": 2}},
        {"$project": {"wallTime": 0}},
        {"$redact": "$$KEEP"},
        {"$unset": "y"},
        {"$replaceRoot": {"newRoot": "$$ROOT"}},
        {"$replaceWith": "$$ROOT"},
        {"$changeStreamSplitLargeEvent": {}},
    ]
    (found,) = events(db.c, lambda: db.c.insert_one({"_id": 1}), 1, *stages, batch_size=1, collation={"locale": "en"}, comment="why")
    assert found["x"] == 1
    assert "wallTime" not in found
    reply = db.command("aggregate", "c", pipeline=[{"$changeStream": {}}], cursor={})["cursor"]
    assert "postBatchResumeToken" in reply
    more = db.command({"getMore": reply["id"], "collection": "c", "maxTimeMS": 1})["cursor"]
    assert (more["nextBatch"], "postBatchResumeToken" in more) == ([], True)
    assert code(lambda: db.c.watch([{"$group": {"_id": 1}}]).close()) == 20


@stream("resumable errors carry ResumableChangeStreamError label", "_id modified by pipeline -> 280 ChangeStreamFatalError")
def errors(db: Db) -> None:
    db.create_collection("c")
    reply = db.command("aggregate", "c", pipeline=[{"$changeStream": {}}], cursor={})["cursor"]
    db.client.admin.command("configureFailPoint", "failGetMoreAfterCursorCheckout", mode={"times": 1}, data={"errorCode": 6})
    with pytest.raises(OperationFailure) as caught:
        db.command({"getMore": reply["id"], "collection": "c"})
    assert caught.value.has_error_label("ResumableChangeStreamError")
    assert code(events, db.c, lambda: db.c.insert_one({}), 1, {"$project": {"_id": 0}}) == 280


@stream("event > 16MB -> 10334 BSONObjectTooLarge")
def too_large(db: Db) -> None:
    db.create_collection("c", changeStreamPreAndPostImages={"enabled": True})
    db.c.insert_one({"_id": 1, "x": "x" * 9_000_000})

    def act() -> None:
        db.c.update_one({}, {"$set": {"x": "y" * 9_000_000}})

    both: dict[str, Any] = {"full_document": "required", "full_document_before_change": "required"}
    assert code(events, db.c, act, 1, **both) == 10334
    db.c.update_one({}, {"$set": {"x": "x" * 9_000_000}})
    split = events(db.c, act, 3, {"$changeStreamSplitLargeEvent": {}}, **both)
    assert [part["splitEvent"] for part in split] == [{"fragment": number, "of": 3} for number in (1, 2, 3)]


@stream("standalone -> 40573", "views / timeseries / system collections not watchable", "events visible only after majority commit")
def places(db: Db) -> None:
    db.create_collection("v", viewOn="c", pipeline=[])
    db.create_collection("t", timeseries={"timeField": "t"})
    assert code(lambda: db.v.watch().close()) == 166
    assert code(lambda: db.t.watch().close()) == 166
    assert code(lambda: db["system.views"].watch().close()) == 73
    assert events(db.c, lambda: db.c.insert_one({}), 1, full_document="updateLookup")[0]["operationType"] == "insert"
