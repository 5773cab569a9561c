"""The oplog entries of commands that write have MongoDB's format."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from bson.binary import Binary
from bson.int64 import Int64
from bson.timestamp import Timestamp
from pymongo.database import Database


@pytest.fixture
def log(db: Database[Any]) -> Any:
    """Return a function that lists the entries about the test's database since the last call."""
    oplog = db.client.local["oplog.rs"]
    position = [oplog.find_one(sort=[("$natural", -1)])]

    def entries() -> list[dict[str, Any]]:
        after = {"ts": {"$gt": position[0]["ts"]}} if position[0] else {}
        found = list(oplog.find(after))
        if found:
            position[0] = found[-1]
        return [one for one in found if one["ns"].startswith(f"{db.name}.") or "multiOpType" in one]

    return entries


def commands(entries: list[dict[str, Any]]) -> list[Any]:
    return [one["o"] for one in entries if one["op"] == "c"]


def test_a_document_from_insert_to_delete(db: Database[Any], log: Any) -> None:
    db.c.insert_one({"_id": 1, "a": 1, "text": "x" * 100})
    log()
    db.c.insert_one({"_id": 2})
    db.c.update_one({"_id": 1}, {"$set": {"a": 2}})
    db.c.replace_one({"_id": 1}, {"b": 1})
    db.c.find_one_and_update({"_id": 1}, {"$inc": {"b": 1}})
    db.c.update_one({"_id": 3}, {"$set": {"new": 1}}, upsert=True)
    db.c.delete_one({"_id": 1})
    found = [(one["op"], one["o"], one.get("o2")) for one in log()]
    assert found == [
        ("i", {"_id": 2}, {"_id": 2}),
        ("u", {"$v": 2, "diff": {"u": {"a": 2}}}, {"_id": 1}),
        ("u", {"_id": 1, "b": 1}, {"_id": 1}),
        ("u", {"$v": 2, "diff": {"u": {"b": 2}}}, {"_id": 1}),
        ("i", {"_id": 3, "new": 1}, {"_id": 3}),
        ("d", {"_id": 1}, None),
    ]


def test_retryable_writes_name_their_session_and_statements(db: Database[Any], log: Any) -> None:
    db.create_collection("c")
    session = {"id": Binary(uuid.uuid4().bytes, 4)}
    updates = [{"q": {"_id": 1}, "u": {"$set": {"a": number}}, "upsert": True} for number in range(3)]
    log()
    db.command({"update": "c", "updates": updates, "lsid": session, "txnNumber": Int64(5)})
    entries = log()
    assert list(entries[0]) == ["lsid", "txnNumber", "op", "ns", "ui", "o", "o2", "stmtId", "ts", "t", "v", "wall", "prevOpTime"]
    # pymongo replaces the `lsid` of a command by the id of its own session.
    assert {(len(one["lsid"]["id"]), len(one["lsid"]["uid"]), one["txnNumber"]) for one in entries} == {(16, 32, 5)}
    assert len({bytes(one["lsid"]["id"]) for one in entries}) == 1
    assert [one["stmtId"] for one in entries] == [0, 1, 2]
    assert entries[0]["prevOpTime"] == {"ts": Timestamp(0, 0), "t": -1}
    assert [one["prevOpTime"]["ts"] for one in entries[1:]] == [one["ts"] for one in entries[:2]]
    db.command({"insert": "c", "documents": [{"_id": 7}, {"_id": 8}], "lsid": session, "txnNumber": Int64(6)})
    (entry,) = log()
    assert list(entry) == ["lsid", "txnNumber", "op", "ns", "o", "ts", "t", "v", "wall", "prevOpTime", "multiOpType"]
    assert (entry["op"], entry["ns"], entry["multiOpType"], entry["prevOpTime"]["t"]) == ("c", "admin.$cmd", 1, -1)
    inserts = entry["o"]["applyOps"]
    assert list(inserts[0]) == ["op", "ns", "ui", "o", "o2", "stmtId"]
    assert [(one["stmtId"], one["o"]["_id"]) for one in inserts] == [(0, 7), (1, 8)]


def test_the_documents_of_one_insert_share_an_entry(db: Database[Any], log: Any) -> None:
    db.create_collection("c")
    log()
    db.command({"insert": "c", "documents": [{"_id": number} for number in range(501)]})
    db.c.insert_one({"_id": 501})
    many, *single = log()
    assert [one["o"]["_id"] for one in many["o"]["applyOps"]] == list(range(500))
    assert [(one["op"], one["o"]) for one in single] == [("i", {"_id": 500}), ("i", {"_id": 501})]
    assert "txnNumber" not in many
    times = [one["ts"] for one in (many, *single)]
    assert times == sorted(set(times))
    db.command({"insert": "c", "documents": [{"_id": 600 + number, "x": "x" * 100_000} for number in range(5)]})
    assert [len(one["o"]["applyOps"]) for one in log()] == [3, 2]


def test_merges(db: Database[Any], log: Any) -> None:
    db.c.insert_one({"_id": 1, "a": {"x": 1, "y": "long"}, "b": 1, "text": "x" * 100})
    log()
    db.aggregate([{"$documents": [{"_id": 1, "a": {"x": 2, "y": "long"}}]}, {"$merge": {"into": "c"}}])
    db.aggregate([{"$documents": [{"_id": 1}]}, {"$merge": {"into": "c", "whenMatched": [{"$set": {"a.x": 3}}]}}])
    db.aggregate([{"$documents": [{"_id": 1, "z": 1}]}, {"$merge": {"into": "c", "whenMatched": "replace"}}])
    assert [one["o"] for one in log()] == [
        {"$v": 2, "diff": {"u": {"a": {"x": 2, "y": "long"}}}},
        {"$v": 2, "diff": {"sa": {"u": {"x": 3}}}},
        {"_id": 1, "z": 1},
    ]


def test_collections(db: Database[Any], log: Any) -> None:
    id_index = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
    db.create_collection("c", validator={"a": {"$exists": True}})
    (created,) = log()
    assert (created["op"], created["ns"]) == ("c", f"{db.name}.$cmd")
    assert created["o"] == {
        "create": "c", "validator": {"a": {"$exists": True}}, "validationLevel": "strict", "validationAction": "error", "idIndex": id_index
    }  # fmt: skip
    db.c.create_index("a", expireAfterSeconds=5)
    spec = {"v": 2, "key": {"a": 1}, "name": "a_1", "expireAfterSeconds": 5}
    assert commands(log()) == [{"createIndexes": "c", **spec}]
    db.command({"collMod": "c", "index": {"name": "a_1", "expireAfterSeconds": 9}})
    (changed,) = log()
    assert changed["o"] == {"collMod": "c", "index": {"name": "a_1", "expireAfterSeconds": 9}}
    assert changed["o2"]["indexOptions_old"] == {"expireAfterSeconds": 5}
    assert changed["o2"]["collectionOptions_old"]["validationLevel"] == "strict"
    db.c.drop_index("a_1")
    (dropped,) = log()
    assert (dropped["o"], dropped["o2"]) == ({"dropIndexes": "c", "index": "a_1"}, {**spec, "expireAfterSeconds": 9})
    db.create_collection("d")
    replaced = log()[0]["ui"]
    db.c.rename("d", dropTarget=True)
    assert commands(log()) == [{"renameCollection": f"{db.name}.c", "to": f"{db.name}.d", "stayTemp": False, "dropTarget": replaced}]
    db.client.drop_database(db.name)
    assert commands(log()) == [{"drop": "d"}, {"dropDatabase": 1}]


def test_a_collection_replaced_by_another(db: Database[Any], log: Any) -> None:
    db.c.insert_one({"_id": 1})
    db.c.create_index("a")
    old = log()[0]["ui"]
    db.aggregate([{"$documents": [{"_id": 2}]}, {"$out": "c"}])
    create, index, rename, insert = log()
    assert create["o"]["create"].startswith("tmp.agg_out.")
    assert index["o"]["createIndexes"] == create["o"]["create"]
    assert rename["o"]["to"] == f"{db.name}.c"
    assert rename["o"]["dropTarget"] == old
    assert (insert["op"], insert["o"], insert["ui"]) == ("i", {"_id": 2}, create["ui"])
    db.command({"convertToCapped": "c", "size": 4096})
    create, rename, insert = log()
    assert (create["o"]["capped"], rename["o"]["dropTarget"], insert["o"]) == (True, index["ui"], {"_id": 2})


def test_images_before_changes_are_private(db: Database[Any], log: Any) -> None:
    db.create_collection("c", changeStreamPreAndPostImages={"enabled": True})
    with db.c.watch(full_document="required", full_document_before_change="required") as stream:
        db.c.insert_one({"_id": 1, "list": [1], "sub": {"a": 1}})
        db.c.update_one({"_id": 1}, {"$push": {"list": 2}, "$set": {"sub.b": 2}})
        db.c.delete_one({"_id": 1})
        inserted, updated, deleted = (next(stream) for _ in range(3))
    assert "fullDocumentBeforeChange" not in inserted
    assert updated["fullDocumentBeforeChange"] == {"_id": 1, "list": [1], "sub": {"a": 1}}
    assert updated["fullDocument"] == deleted["fullDocumentBeforeChange"] == {"_id": 1, "list": [1, 2], "sub": {"a": 1, "b": 2}}
    assert updated["updateDescription"]["updatedFields"] == {"list.1": 2, "sub.b": 2}
    assert "lsid" not in updated
    assert not any(name.startswith("$") for one in log() for name in one)
