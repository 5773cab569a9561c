"""Change events: their kinds, their fields, and the order of the fields.

https://www.mongodb.com/docs/manual/reference/change-events/
"""

from __future__ import annotations

from typing import Any

import pytest
from bson.binary import Binary
from pymongo import MongoClient
from pymongo.change_stream import ChangeStream
from pymongo.database import Database
from pymongo.operations import IndexModel


def taken(stream: ChangeStream[Any]) -> list[dict[str, Any]]:
    """Return the events up to the end of the oplog."""
    events = []
    while (event := stream.try_next()) is not None:
        events.append(event)
    return events


def kinds(stream: ChangeStream[Any]) -> list[str]:
    return [event["operationType"] for event in taken(stream)]


def test_changes_of_documents(db: Database) -> None:
    with db.c.watch(max_await_time_ms=1) as stream:
        db.c.insert_one({"_id": 1, "a": 2})
        db.c.replace_one({"_id": 1}, {"b": 3})
        db.c.delete_one({"_id": 1})
        inserted, replaced, deleted = taken(stream)
    assert list(inserted) == ["_id", "operationType", "clusterTime", "wallTime", "fullDocument", "ns", "documentKey"]
    assert list(deleted) == ["_id", "operationType", "clusterTime", "wallTime", "ns", "documentKey"]
    assert (inserted["operationType"], inserted["fullDocument"], inserted["documentKey"]) == ("insert", {"_id": 1, "a": 2}, {"_id": 1})
    assert (replaced["operationType"], replaced["fullDocument"]) == ("replace", {"_id": 1, "b": 3})
    assert (deleted["operationType"], deleted["documentKey"]) == ("delete", {"_id": 1})
    assert {event["ns"]["coll"] for event in (inserted, replaced, deleted)} == {"c"}
    assert inserted["_id"]["_data"] < replaced["_id"]["_data"] < deleted["_id"]["_data"]
    assert inserted["clusterTime"] < deleted["clusterTime"]


@pytest.mark.parametrize(
    ("update", "described"),
    [
        ({"$set": {"a": 2}}, {"updatedFields": {"a": 2}}),
        ({"$inc": {"n.x": 1}, "$unset": {"a": ""}}, {"updatedFields": {"n.x": 2}, "removedFields": ["a"]}),
        ({"$set": {"n": {"x": 1, "y": 2}}}, {"updatedFields": {"n": {"x": 1, "y": 2}}}),
        ({"$push": {"v": 9}}, {"updatedFields": {"v.3": 9}}),
        ({"$pull": {"v": 1}}, {"updatedFields": {"v": [2, 3]}}),
        ([{"$set": {"v": [1, 2]}}], {"truncatedArrays": [{"field": "v", "newSize": 2}]}),
    ],
)
def test_updates_are_described(db: Database, update: Any, described: dict[str, Any]) -> None:
    fields = {"a": 1, "n": {"x": 1}, "v": [1, 2, 3], "s": "x" * 100}
    db.c.insert_many([{"_id": number, **fields} for number in range(4)])
    with db.c.watch(max_await_time_ms=1) as stream:
        db.c.update_one({"_id": 0}, update)
        db.c.find_one_and_update({"_id": 1}, update)
        db.c.update_many({"_id": 2}, update)
        with db.client.start_session() as session, session.start_transaction():
            db.c.update_one({"_id": 3}, update, session=session)
        events = taken(stream)
    for number, event in enumerate(events):
        assert (event["operationType"], event["documentKey"]) == ("update", {"_id": number})
        assert event["updateDescription"] == {"updatedFields": {}, "removedFields": [], "truncatedArrays": [], **described}
    assert len(events) == 4


@pytest.mark.parametrize(("matched", "kind"), [("merge", "update"), ("replace", "replace"), ([{"$set": {"b": 1}}], "update")])
def test_merge_updates_or_replaces(db: Database, matched: Any, kind: str) -> None:
    db.c.insert_one({"_id": 1, "a": 1, "s": "x" * 100})
    db.source.insert_one({"_id": 1, "b": 1})
    with db.c.watch(max_await_time_ms=1) as stream:
        db.source.aggregate([{"$merge": {"into": "c", "whenMatched": matched}}])
        [event] = taken(stream)
    assert event["operationType"] == kind
    assert event.get("updateDescription", {}).get("updatedFields") == ({"b": 1} if kind == "update" else None)


def test_images_of_documents(db: Database) -> None:
    db.create_collection("c", changeStreamPreAndPostImages={"enabled": True})
    db.c.insert_many([{"_id": 1, "a": 1}, {"_id": 2, "a": 1}])
    with db.c.watch(max_await_time_ms=1, full_document="required", full_document_before_change="required") as stream:
        db.c.update_one({"_id": 1}, {"$set": {"a": 2}})
        db.c.replace_one({"_id": 1}, {"a": 3})
        with db.client.start_session() as session, session.start_transaction():
            db.c.update_one({"_id": 1}, {"$set": {"a": 4}}, session=session)
            db.c.delete_one({"_id": 2}, session=session)
        db.c.delete_one({"_id": 1})
        events = taken(stream)
    assert [event["fullDocumentBeforeChange"]["a"] for event in events if event["operationType"] != "insert"] == [1, 2, 3, 1, 4]
    assert [event["fullDocument"]["a"] for event in events if "fullDocument" in event] == [2, 3, 4]
    entries = list(db.client.local["oplog.rs"].find({"ns": f"{db.name}.c", "op": {"$in": ["u", "d"]}}))
    assert len(entries) == 3
    assert not any("$pre" in entry for entry in entries)


def test_images_begin_when_they_are_enabled(db: Database) -> None:
    db.c.insert_one({"_id": 1, "a": 1})
    with db.c.watch(max_await_time_ms=1, full_document="whenAvailable", full_document_before_change="whenAvailable") as stream:
        db.c.update_one({"_id": 1}, {"$set": {"a": 2}})
        db.command("collMod", "c", changeStreamPreAndPostImages={"enabled": True})
        db.c.update_one({"_id": 1}, {"$set": {"a": 3}})
        db.command("collMod", "c", changeStreamPreAndPostImages={"enabled": False})
        db.c.update_one({"_id": 1}, {"$set": {"a": 4}})
        shown = [(event["fullDocumentBeforeChange"], event["fullDocument"]) for event in taken(stream)]
    assert shown == [(None, None), ({"_id": 1, "a": 2}, {"_id": 1, "a": 3}), (None, None)]


def test_what_each_scope_sees(client: MongoClient, db: Database) -> None:
    other = client[f"{db.name}_other"]
    with (
        db.c.watch(max_await_time_ms=1) as of_collection,
        db.watch(max_await_time_ms=1) as of_database,
        client.watch(max_await_time_ms=1) as of_cluster,
    ):
        db.c.insert_one({"_id": 1})
        db.d.insert_one({"_id": 2})
        other.c.insert_one({"_id": 3})
        client.config.c.insert_one({"_id": 4})
        client.config.c.drop()
        seen = [[event["documentKey"]["_id"] for event in taken(stream)] for stream in (of_collection, of_database, of_cluster)]
    client.drop_database(other.name)
    assert seen == [[1], [1, 2], [1, 2, 3]]


def test_expanded_events(db: Database) -> None:
    with db.watch(max_await_time_ms=1) as plain, db.watch(max_await_time_ms=1, show_expanded_events=True) as expanded:
        db.create_collection("c", capped=True, size=4096)
        db.c.create_indexes([IndexModel("a"), IndexModel("b", unique=True)])
        db.c.insert_one({})
        db.command("collMod", "c", index={"name": "a_1", "hidden": True})
        db.c.drop_index("b_1")
        db.create_collection("v", viewOn="c", pipeline=[])
        db.c.drop()
        assert kinds(plain) == ["insert", "drop"]
        events = {event["operationType"] + event.get("nsType", ""): event for event in taken(expanded)}
    assert list(events) == ["createcollection", "createIndexes", "insert", "modify", "dropIndexes", "createview", "drop"]
    assert events["createcollection"]["operationDescription"]["size"] == 4096
    assert events["createIndexes"]["operationDescription"]["indexes"][0] == {"v": 2, "unique": True, "key": {"b": 1}, "name": "b_1"}
    assert list(events["createIndexes"]) == [
        "_id", "operationType", "clusterTime", "collectionUUID", "wallTime", "ns", "operationDescription",
    ]  # fmt: skip
    assert events["modify"]["operationDescription"] == {"index": {"name": "a_1", "hidden": True}}
    assert events["modify"]["stateBeforeChange"]["indexOptions"] == {"hidden": False}
    uuids = {name: event.get("collectionUUID") for name, event in events.items()}
    assert uuids["insert"] == uuids["drop"] != uuids["createview"]


def test_a_drop_ends_the_stream_of_the_collection(db: Database) -> None:
    db.c.insert_one({})
    with db.c.watch(max_await_time_ms=1) as stream, db.watch(max_await_time_ms=1) as of_database:
        db.c.drop()
        dropped, invalidated = taken_until_dead(stream)
        assert list(dropped) == ["_id", "operationType", "clusterTime", "wallTime", "ns"]
        assert list(invalidated) == ["_id", "operationType", "clusterTime", "wallTime"]
        assert (dropped["operationType"], invalidated["operationType"]) == ("drop", "invalidate")
        assert dropped["_id"]["_data"] < invalidated["_id"]["_data"]
        assert not stream.alive
        assert kinds(of_database) == ["drop"]
        assert of_database.alive


def taken_until_dead(stream: ChangeStream[Any]) -> list[dict[str, Any]]:
    events = []
    while stream.alive:
        event = stream.try_next()
        if event is not None:
            events.append(event)
    return events


def test_a_rename_ends_the_streams_of_both_names(db: Database) -> None:
    db.c.insert_one({})
    with (
        db.c.watch(max_await_time_ms=1) as old,
        db.d.watch(max_await_time_ms=1) as new,
        db.d.watch(max_await_time_ms=1, show_expanded_events=True) as expanded,
    ):
        db.c.rename("d")
        for stream in (old, new):
            renamed, invalidated = taken_until_dead(stream)
            assert list(renamed) == ["_id", "operationType", "clusterTime", "wallTime", "ns", "to"]
            assert (renamed["ns"]["coll"], renamed["to"]) == ("c", {"db": db.name, "coll": "d"})
            assert invalidated["operationType"] == "invalidate"
        assert taken_until_dead(expanded)[0]["operationDescription"] == {"to": {"db": db.name, "coll": "d"}}


def test_a_rename_over_another_collection_names_the_dropped_one(db: Database) -> None:
    db.c.insert_one({})
    db.d.insert_one({})
    with db.watch(max_await_time_ms=1, show_expanded_events=True) as stream:
        db.c.rename("d", dropTarget=True)
        (renamed,) = taken(stream)
    dropped = renamed["operationDescription"]["dropTarget"]
    assert type(dropped) is Binary
    assert dropped != renamed["collectionUUID"]


def test_dropping_a_database(client: MongoClient, db: Database) -> None:
    db.c.insert_one({})
    db.d.insert_one({})
    with (
        db.c.watch(max_await_time_ms=1) as of_collection,
        db.watch(max_await_time_ms=1) as of_database,
        client.watch(max_await_time_ms=1) as of_cluster,
    ):
        client.drop_database(db.name)
        assert [event["operationType"] for event in taken_until_dead(of_collection)] == ["drop", "invalidate"]
        events = taken_until_dead(of_database)
        assert [event["operationType"] for event in events] == ["drop", "drop", "dropDatabase", "invalidate"]
        assert events[2]["ns"] == {"db": db.name}
        assert kinds(of_cluster) == ["drop", "drop", "dropDatabase"]
        assert of_cluster.alive


def test_the_present_document_of_an_update(db: Database) -> None:
    db.c.insert_many([{"_id": 1}, {"_id": 2}])
    with db.c.watch(max_await_time_ms=1, full_document="updateLookup") as stream:
        db.c.update_many({}, {"$set": {"a": 1}})
        db.c.update_one({"_id": 1}, {"$set": {"a": 2}})
        db.c.delete_one({"_id": 2})
        events = taken(stream)
    assert all(event.get("fullDocument") in ({"_id": 1, "a": 2}, {"_id": 1, "a": 1}, {"_id": 2, "a": 1}, None) for event in events)


def test_documents_are_shown_byte_for_byte(db: Database) -> None:
    document = {"_id": {"a": 1, "b": [1.0, None]}, "z": 1, "a": float("nan"), "": {"": []}}
    with db.c.watch(max_await_time_ms=1) as stream:
        db.c.insert_one(document)
        (event,) = taken(stream)
    assert str(event["fullDocument"]) == str(document)
    assert event["documentKey"] == {"_id": document["_id"]}


@pytest.mark.parametrize("value", [1, 1.5, "x", {"a": [1]}, True, None, b"\0\1"])
def test_ids_of_every_type(db: Database, value: Any) -> None:
    with db.c.watch(max_await_time_ms=1) as stream:
        db.c.insert_one({"_id": value})
        db.c.delete_one({"_id": value})
        inserted, deleted = taken(stream)
        assert inserted["documentKey"] == deleted["documentKey"] == {"_id": value}
        with db.c.watch(max_await_time_ms=1, resume_after=inserted["_id"]) as resumed:
            assert taken(resumed) == [deleted]


def test_the_entries_of_commands(client: MongoClient, db: Database) -> None:
    db.create_collection("c", capped=True, size=4096)
    uuid = db.command("listCollections", filter={"name": "c"})["cursor"]["firstBatch"][0]["info"]["uuid"]
    db.c.create_index("a", expireAfterSeconds=5)
    db.c.insert_many([{}, {}])
    db.command("collMod", "c", index={"keyPattern": {"a": 1}, "expireAfterSeconds": 6})
    db.command("collMod", "c", cappedSize=8192)
    db.c.drop_index("a_1")
    db.c.rename("d")
    db.d.drop()
    entries = list(client.local["oplog.rs"].find({"op": "c", "ns": f"{db.name}.$cmd"}))
    assert {entry["ui"] for entry in entries} == {uuid}
    options = {"uuid": uuid, "capped": True, "size": 4096}
    assert [(entry["o"], entry.get("o2")) for entry in entries] == [
        ({"create": "c", "capped": True, "size": 4096, "idIndex": {"v": 2, "key": {"_id": 1}, "name": "_id_"}}, None),
        ({"createIndexes": "c", "v": 2, "key": {"a": 1}, "name": "a_1", "expireAfterSeconds": 5}, None),
        (
            {"collMod": "c", "index": {"name": "a_1", "expireAfterSeconds": 6}},
            {"collectionOptions_old": options, "indexOptions_old": {"expireAfterSeconds": 5}},
        ),
        ({"collMod": "c", "cappedSize": 8192}, {"collectionOptions_old": options}),
        ({"dropIndexes": "c", "index": "a_1"}, {"v": 2, "key": {"a": 1}, "name": "a_1", "expireAfterSeconds": 6}),
        ({"renameCollection": f"{db.name}.c", "to": f"{db.name}.d", "stayTemp": False}, None),
        ({"drop": "d"}, {"numRecords": 2}),
    ]


@pytest.mark.parametrize(
    ("options", "has_index"), [({}, True), ({"clusteredIndex": {"key": {"_id": 1}, "unique": True}}, False), ({"viewOn": "x"}, False)]
)
def test_the_id_index_of_a_new_collection(db: Database, options: dict[str, Any], has_index: bool) -> None:
    with db.watch(max_await_time_ms=1, show_expanded_events=True) as stream:
        db.create_collection("c", **options)
        [event] = taken(stream)
    assert ("idIndex" in event["operationDescription"]) == has_index


def test_out_replaces_a_collection(db: Database) -> None:
    db.source.insert_one({"_id": 1})
    db.c.insert_one({"_id": 2})
    with db.watch(max_await_time_ms=1) as stream:
        db.source.aggregate([{"$out": "c"}])
        assert kinds(stream) == ["rename", "insert"]
