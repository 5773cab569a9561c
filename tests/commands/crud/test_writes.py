"""insert, update, delete and findAndModify."""

from __future__ import annotations

from typing import Any

import pytest
from bson import encode
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer
from tests.failing import code, failure


def errors(reply: dict[str, Any]) -> list[tuple[int, int]]:
    return [(error["index"], error["code"]) for error in reply.get("writeErrors", [])]


@pytest.mark.parametrize(("ordered", "n", "failed"), [(True, 1, [(1, 11000)]), (False, 2, [(1, 11000), (3, 53)])])
def test_insert_and_its_errors(db: Database, ordered: bool, n: int, failed: list[tuple[int, int]]) -> None:
    documents = [{"_id": 1}, {"_id": 1}, {"_id": 2}, {"_id": [1]}]
    reply = db.command({"insert": "c", "documents": documents, "ordered": ordered})
    assert (reply["n"], errors(reply)) == (n, failed)


@pytest.mark.parametrize("let", [{}, {"let": {"x": 1}}])
def test_empty_timestamps_stay_where_that_is_wanted(db: Database, let: dict[str, Any]) -> None:
    empty, keep = Timestamp(0, 0), {"bypassEmptyTsReplacement": True}
    db.command({"insert": "c", "documents": [{"_id": 1, "t": empty}], **keep})
    db.command({"update": "c", "updates": [{"q": {"_id": 2}, "u": {"t": empty}, "upsert": True}], **keep, **let})
    db.command({"findAndModify": "c", "query": {"_id": 3}, "update": {"t": empty}, "upsert": True, **keep, **let})
    operations = [{"insert": 0, "document": {"_id": 4, "t": empty}}, {"update": 0, "filter": {"_id": 1}, "updateMods": {"t": empty}}]
    db.client.admin.command({"bulkWrite": 1, "ops": operations, "nsInfo": [{"ns": db.c.full_name}], **keep, **let})
    assert [document["t"] for document in db.c.find()] == [empty] * 4


def test_empty_timestamps_become_times_of_their_own(db: Database) -> None:
    db.c.insert_many([{"t": Timestamp(0, 0)}, {"t": Timestamp(0, 0)}])
    assert len(db.c.distinct("t")) == 2
    assert Timestamp(0, 0) not in db.c.distinct("t")


@pytest.mark.parametrize(
    ("statement", "n", "modified"),
    [
        ({"q": {"_id": 1}, "u": {"$set": {"x": 1}}}, 1, 0),
        ({"q": {"_id": 1}, "u": {"$set": {"x": 2}}}, 1, 1),
        ({"q": {"_id": 1}, "u": {"x": 1}}, 1, 1),
        ({"q": {"_id": 1}, "u": {"_id": 1, "x": 1}}, 1, 0),
        ({"q": {"_id": 1}, "u": {"_id": 1, "x": 1.0}}, 1, 1),
        ({"q": {"_id": 1}, "u": {"x": 1.0}}, 1, 1),
        ({"q": {"_id": 1}, "u": {"_id": 1.0, "x": 1}}, 1, 1),
        ({"q": {"_id": 1}, "u": [{"$replaceWith": {"_id": 1, "x": 1}}]}, 1, 0),
        ({"q": {"_id": 1}, "u": [{"$replaceWith": {"$mergeObjects": ["$$ROOT", {"x": 1.0}]}}]}, 1, 1),
        ({"q": {"_id": 1}, "u": {"$set": {"x": 1.0}}}, 1, 1),
        ({"q": {}, "u": {"$inc": {"x": 1}}, "multi": True}, 3, 3),
        ({"q": {}, "u": [{"$set": {"x": "$_id"}}], "multi": True}, 3, 2),
        ({"q": {"x": {"$gt": 1}}, "u": {"$inc": {"x": 1}}, "sort": {"_id": -1}}, 1, 1),
        ({"q": {"_id": 9}, "u": {"$set": {"x": 1}}}, 0, 0),
        ({"q": {"_id": 9}, "u": {"$set": {"x": 1}}, "upsert": True}, 1, 0),
    ],
)
def test_update_counts(db: Database, statement: dict[str, Any], n: int, modified: int) -> None:
    db.c.insert_many([{"_id": 1, "x": 1}, {"_id": 2, "x": 3}, {"_id": 3, "x": 2}])
    reply = db.command({"update": "c", "updates": [statement]})
    assert (reply["n"], reply["nModified"]) == (n, modified)


def test_a_failed_statement_counts_nothing(db: Database) -> None:
    db.c.create_index("x", unique=True)
    db.c.insert_many([{"_id": 1, "x": 1}, {"_id": 2, "x": 2}])
    updates = [{"q": {"_id": 1}, "u": {"$set": {"x": 5}}}, {"q": {"_id": 2}, "u": {"$set": {"x": 5}}}]
    reply = db.command({"update": "c", "updates": updates})
    assert (reply["n"], reply["nModified"], errors(reply)) == (1, 1, [(1, 11000)])


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"q": {}, "u": {"x": 1}, "multi": True}, 9),
        ({"q": {}, "u": {"$set": {"_id": 5}}}, 66),
        ({"q": {}, "u": {"$bad": {}}}, 9),
        ({"q": {}, "u": {"$set": {"x": 1}}, "c": {"v": 1}}, 51198),
        ({"q": {"$bad": 1}, "u": {"$set": {"x": 1}}}, 2),
        ({"q": {}, "u": {"$set": {"x": 1}}, "hint": "none"}, 2),
    ],
)
def test_update_errors(db: Database, statement: dict[str, Any], expected: int) -> None:
    db.c.insert_one({"_id": 1})
    assert errors(db.command({"update": "c", "updates": [statement]})) == [(0, expected)]


def test_unacknowledged_writes_say_nothing(db: Database) -> None:
    reply = db.command({"update": "c", "updates": [{"q": {}, "u": {"x": 1}, "multi": True}], "writeConcern": {"w": 0}})
    assert "n" not in reply
    assert "writeErrors" not in reply
    assert "n" in db.command({"insert": "c", "documents": [{}], "writeConcern": {"w": 0, "j": True}})


@pytest.mark.parametrize(
    ("concern", "expected"),
    [
        ({"w": 51}, 9),
        ({"w": -1}, 9),
        ({"w": float("nan")}, 9),
        ({"w": {"dc": "x"}}, 9),
        ({"w": True}, 9),
        ({"j": "x"}, 14),
        ({"wtimeout": 2**31}, 9),
        ({"other": 1}, 40415),
        (1, 14),
    ],
)
def test_write_concerns_that_cannot_be(db: Database, concern: Any, expected: int) -> None:
    assert code(db, {"insert": "c", "documents": [{}], "writeConcern": concern}) == expected
    assert db.c.count_documents({}) == 0


def test_a_concern_that_one_node_cannot_meet(db: Database) -> None:
    reply = db.command({"insert": "c", "documents": [{}], "writeConcern": {"w": 3}}, check=False)
    assert (reply["n"], reply["writeConcernError"]["code"]) == (1, 100)


@pytest.mark.parametrize(("limit", "n", "left"), [(0, 2, 1), (1, 1, 2), (Int64(1), 1, 2)])
def test_delete(db: Database, limit: Any, n: int, left: int) -> None:
    db.c.insert_many([{"x": 1}, {"x": 1}, {"x": 2}])
    assert db.command({"delete": "c", "deletes": [{"q": {"x": 1}, "limit": limit}]})["n"] == n
    assert db.c.count_documents({}) == left


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ({"insert": "c", "documents": []}, 16),
        ({"insert": "c"}, 40414),
        ({"insert": "c", "documents": [{}], "ordered": 1}, 14),
        ({"insert": "", "documents": [{}]}, 73),
        ({"insert": "v", "documents": [{}]}, 166),
        ({"update": "c", "updates": [{"q": {}}]}, 40414),
        ({"update": "c", "updates": [{"q": {}, "u": {}, "other": 1}]}, 40415),
        ({"delete": "c", "deletes": [{"q": {}}]}, 40414),
        ({"findAndModify": "c"}, 9),
        ({"findAndModify": "c", "remove": True, "update": {}}, 9),
        ({"findAndModify": "c", "remove": True, "new": True}, 9),
        ({"findAndModify": "c", "update": {}, "hint": 1}, 9),
        ({"findAndModify": "c", "query": {"_id": {"$gt": 1}}, "remove": True, "sort": {"x": "invalid"}}, 15974),
        ({"findAndModify": "c", "query": {"_id": 1}, "remove": True, "sort": {"x": "invalid"}, "hint": "_id_"}, 15974),
        ({"findAndModify": "v", "remove": True}, 166),
    ],
)
def test_commands_that_cannot_be(db: Database, command: dict[str, Any], expected: int) -> None:
    db.create_collection("v", viewOn="c")
    assert code(db, command) == expected


@pytest.mark.parametrize(
    ("options", "value", "last"),
    [
        ({"update": {"$inc": {"x": 1}}}, {"_id": 1, "x": 1}, {"n": 1, "updatedExisting": True}),
        ({"update": {"$inc": {"x": 1}}, "new": True}, {"_id": 1, "x": 2}, {"n": 1, "updatedExisting": True}),
        ({"update": {"$inc": {"x": 1}}, "sort": {"_id": -1}, "fields": {"_id": 0}}, {"x": 5}, {"n": 1, "updatedExisting": True}),
        ({"remove": True, "query": {"_id": 2}}, {"_id": 2, "x": 5}, {"n": 1}),
        ({"remove": True, "query": {"_id": 2}, "sort": {"x": "invalid"}}, {"_id": 2, "x": 5}, {"n": 1}),
        ({"update": {"x": 2}, "query": {"_id": {"$eq": 2}}, "sort": {"x": 7}}, {"_id": 2, "x": 5}, {"n": 1, "updatedExisting": True}),
        ({"remove": True, "query": {"_id": 9}}, None, {"n": 0}),
        ({"query": {"_id": 9}, "update": {"x": 1}}, None, {"n": 0, "updatedExisting": False}),
        ({"query": {"_id": 9}, "update": {"x": 1}, "upsert": True}, None, {"n": 1, "updatedExisting": False, "upserted": 9}),
        (
            {"query": {"_id": 9}, "update": {"x": 1}, "upsert": True, "new": True},
            {"_id": 9, "x": 1},
            {"n": 1, "updatedExisting": False, "upserted": 9},
        ),
    ],
)
def test_find_and_modify(db: Database, options: dict[str, Any], value: Any, last: dict[str, Any]) -> None:
    db.c.insert_many([{"_id": 1, "x": 1}, {"_id": 2, "x": 5}])
    reply = db.command({"findAndModify": "c", **options})
    assert (reply["value"], reply["lastErrorObject"]) == (value, last)


def test_an_out_that_fails_leaves_the_collection_usable(db: Database) -> None:
    db.target.create_index("a", unique=True)
    db.target.insert_one({"_id": 0, "a": 0})
    db.source.insert_many([{"_id": 1, "a": 1}, {"_id": 2, "a": 1}])
    with pytest.raises(OperationFailure) as caught:
        db.source.aggregate([{"$out": "target"}])
    assert caught.value.code == 11000
    assert list(db.target.find().hint("a_1")) == [{"_id": 0, "a": 0}] == list(db.target.find({"_id": 0}))


def test_a_duplicate_leaves_nothing_of_its_document(db: Database) -> None:
    """Index entries are written index by index; those written before a duplicate key error are rolled back."""
    db.c.create_index("a")
    db.c.create_index("tags")
    db.c.create_index("b", unique=True)
    db.c.create_index("d", unique=True)
    documents = [
        {"_id": 1, "a": 1, "b": 1, "d": 1, "tags": ["x"]},
        {"_id": 2, "a": 2, "b": 1, "d": 2, "tags": ["y", "z"]},
        {"_id": 3, "a": 3, "b": 3, "d": 1, "tags": ["y"]},
        {"_id": 1, "a": 4, "b": 4, "d": 4, "tags": []},
        {"_id": 5, "a": 5, "b": [5, 1], "d": 5},
        {"_id": 2, "a": 2, "b": 2, "d": 2, "tags": ["y", "z"]},
    ]
    reply = db.command({"insert": "c", "documents": documents, "ordered": False})
    assert (reply["n"], errors(reply)) == (2, [(1, 11000), (2, 11000), (3, 11000), (4, 11000)])
    assert [error["keyPattern"] for error in reply["writeErrors"]] == [{"b": 1}, {"d": 1}, {"_id": 1}, {"b": 1}]
    assert [found["_id"] for found in db.c.find({"tags": "y"})] == [2]
    assert db.c.count_documents({"a": {"$gt": 2}}, hint="a_1") == 0
    assert db.validate_collection("c", full=True)["valid"]


def test_a_snapshot_does_not_see_what_was_taken_back(server: SecantusDBServer, db: Database) -> None:
    db.c.create_index("a", unique=True)
    db.c.insert_one({"_id": 1, "a": 1})
    with server.checkpoint():
        reply = db.command({"insert": "c", "documents": [{"_id": 2, "a": 1}, {"_id": 2, "a": 2}], "ordered": False})
        assert reply["n"] == 1
    assert list(db.c.find()) == [{"_id": 1, "a": 1}]
    assert db.validate_collection("c", full=True)["valid"]


@pytest.mark.parametrize(
    "update",
    [{"$inc": {"_id": Decimal128("0")}}, {"$set": {"_id": 1.0}}, {"_id": 1.0, "b": 2}, [{"$set": {"_id": 1.0}}]],
    ids=["inc", "set", "replacement", "pipeline"],
)
@pytest.mark.parametrize("options", [{}, {"clusteredIndex": {"key": {"_id": 1}, "unique": True}}], ids=["ordinary", "clustered"])
def test_an_id_in_other_bytes_is_other_bytes_in_its_index_too(db: Database, update: Any, options: dict[str, Any]) -> None:
    db.create_collection("c", **options)
    db.c.insert_one({"_id": 1})
    reply = db.command({"update": "c", "updates": [{"q": {"_id": 1}, "u": update}]})
    assert "writeErrors" not in reply
    stored, covered = db.c.find_one(hint={"$natural": 1}), db.c.find_one({"_id": 1}, {"_id": 1}, hint={"_id": 1})
    assert type(covered["_id"]) is type(stored["_id"]) is not int
    assert db.validate_collection("c", full=True)["valid"]
    db.c.delete_one({"_id": 1})
    assert db.validate_collection("c", full=True)["nrecords"] == 0


@pytest.mark.parametrize("command", [{"update": {"$set": {"n": 1}}}, {"remove": True}])
def test_a_projection_that_fails_leaves_the_document_as_it_was(db: Database, command: dict[str, Any]) -> None:
    db.c.insert_one({"_id": 1, "a": [1]})
    reply = failure(db, {"findAndModify": "c", "query": {"_id": 1}, "fields": {"a.$": 1}, **command})
    assert reply["code"] == 51246
    assert list(db.c.find()) == [{"_id": 1, "a": [1]}]


@pytest.mark.parametrize(
    "update", [{"_id": 1, "x": 1}, {"$set": {"x": 1}}, [{"$set": {"x": 1}}]], ids=["replacement", "operator", "pipeline"]
)
def test_a_find_and_modify_that_changes_nothing_writes_nothing(db: Database, update: Any) -> None:
    db.c.insert_one({"_id": 1, "x": 1})
    before = db.command("ping")["operationTime"]
    reply = db.command({"findAndModify": "c", "query": {"_id": 1}, "update": update})
    assert reply["lastErrorObject"] == {"n": 1, "updatedExisting": True}
    assert reply["value"] == {"_id": 1, "x": 1}
    assert db.command("ping")["operationTime"] == before


@pytest.mark.parametrize("names", [["_id", "_id"], ["_id", "x", "_id"], ["x", "_id", "_id"]])
@pytest.mark.parametrize("count", [1, 200])
def test_a_document_has_one_id(db: Database, names: list[str], count: int) -> None:
    fields = b"".join(encode({name: number})[4:-1] for number, name in enumerate(names))
    document = RawBSONDocument((len(fields) + 5).to_bytes(4, "little") + fields + b"\0")
    db.c.insert_one({"_id": 7})
    reply = db.command("insert", "c", documents=[document] * count)
    assert (reply["n"], errors(reply)) == (0, [(0, 2)])
    assert db.c.count_documents({}) == 1
