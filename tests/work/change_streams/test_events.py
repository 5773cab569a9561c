"""Change events: which there are, their fields and the order of these.

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
    """The events up to the end of the oplog."""
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
