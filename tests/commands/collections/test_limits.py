"""Limits and rare arguments of the commands over collections; the codes are MongoDB's."""

from __future__ import annotations

import time
from typing import Any

import pytest
from bson import Binary, Int64
from pymongo.database import Database
from pymongo.errors import OperationFailure

from tests.failing import code

MAX_ID_BYTES = 8 * 1024 * 1024
CLUSTERED = {"key": {"_id": 1}, "unique": True}
KEY = Binary(bytes(16), 4)


@pytest.mark.parametrize("largest", ["x" * (MAX_ID_BYTES - 2), "\u4e00" * ((MAX_ID_BYTES - 2) // 3), b"x" * (MAX_ID_BYTES - 7)], ids=len)
def test_the_largest_ids_of_a_clustered_collection(db: Database[dict[str, Any]], largest: Any) -> None:
    db.create_collection("k", clusteredIndex=CLUSTERED)
    db.k.insert_one({"_id": largest})
    with pytest.raises(OperationFailure) as caught:
        db.k.insert_one({"_id": largest + 3 * largest[:1]})
    assert caught.value.code == 5894900


def test_names_of_capped_copies(db: Database[dict[str, Any]]) -> None:
    longest = "x" * (255 - len(db.name) - 26)
    for name in (longest, longest + "x"):
        db.create_collection(name)
    assert db.command("convertToCapped", longest, size=4096)["ok"] == 1.0
    assert code(db, {"convertToCapped": longest + "x", "size": 4096}) == 73
    assert code(db, {"cloneCollectionAsCapped": "x" * 255, "toCollection": "c", "size": 4096}) == 26


@pytest.mark.parametrize("options", [{"timeseries": {"timeField": "t"}}, {"clusteredIndex": CLUSTERED}], ids=str)
def test_an_expiry_does_not_reach_beyond_1970(db: Database[dict[str, Any]], options: dict[str, Any]) -> None:
    now = int(time.time())
    db.create_collection("s", expireAfterSeconds=now - 60, **options)
    assert code(db, {"collMod": "s", "expireAfterSeconds": now + 600}) == 72
    assert code(db, {"collMod": "s", "expireAfterSeconds": None}) == 14
    assert code(db, {"create": "other", "expireAfterSeconds": now + 600, **options}) == 72


def test_renames(db: Database[dict[str, Any]]) -> None:
    db.create_collection("s", timeseries={"timeField": "t"})
    db.create_collection("c")
    admin = db.client.admin
    assert code(admin, {"renameCollection": f"{db.name}.s", "to": f"{db.name}.other"}) == 166
    assert code(admin, {"renameCollection": f"{db.name}.c", "to": f"{db.name}.other", "dropTarget": None}) == 14


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (None, 40414),
        ([{"path": "a", "keyId": KEY, "queries": []}], 9783412),
        ([{"path": "a", "keyId": KEY, "bsonType": "int", "queries": {"queryType": "range", "contention": 0.5}}], 9),
        ([{"path": "a", "keyId": KEY, "bsonType": "string", "queries": {"queryType": "range"}}], 6775201),
    ],
    ids=str,
)
def test_encrypted_fields(db: Database[dict[str, Any]], fields: Any, expected: int) -> None:
    assert code(db, {"create": "e", "encryptedFields": {"fields": fields}}) == expected


def test_nulls_in_arrays_have_no_effect(db: Database[dict[str, Any]]) -> None:
    assert db.command("create", "e", encryptedFields={"fields": [None, {"path": "a", "keyId": KEY}]})["ok"] == 1.0
    assert db.command("killCursors", "c", cursors=[None, Int64(1), None])["cursorsNotFound"] == [1]


def test_a_get_more_without_waiting_takes_no_time_limit(db: Database[dict[str, Any]]) -> None:
    db.c.insert_many([{} for _ in range(3)])
    found = db.command("find", "c", batchSize=1)["cursor"]["id"]
    assert code(db, {"getMore": found, "collection": "c", "maxTimeMS": 0}) == 2


def test_a_get_more_inherits_the_comment(db: Database[dict[str, Any]]) -> None:
    db.c.create_index("a")
    db.command("profile", 2)
    found = db.command("listIndexes", "c", cursor={"batchSize": 1}, comment="why")["cursor"]["id"]
    db.command("getMore", found, collection="c")
    db.command("profile", 0)
    assert db.system.profile.count_documents({"command.getMore": {"$exists": True}, "command.comment": "why"}) == 1


def test_coordinates_without_a_type_are_no_point(db: Database[dict[str, Any]]) -> None:
    db.c.create_index([("loc", "2dsphere")])
    with pytest.raises(OperationFailure) as caught:
        db.c.insert_one({"loc": {"coordinates": [0, 0]}})
    assert caught.value.code == 16755


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"key": {"a": "text"}, "name": "n", "weights": []}, 67),
        ({"key": {"a": 1}, "name": "n", "partialFilterExpression": {"$where": "true"}}, 2),
    ],
    ids=str,
)
def test_index_options(db: Database[dict[str, Any]], spec: dict[str, Any], expected: int) -> None:
    assert code(db, {"createIndexes": "c", "indexes": [spec]}) == expected


def test_merge_inserts_fields_by_name(db: Database[dict[str, Any]]) -> None:
    db.c.insert_one({"_id": 1, "z": 1, "a": 2, "m": 3})
    db.t.insert_one({"_id": 1, "b": 0})
    for matched, expected in (("merge", "amz"), ("keepExisting", "amz"), ("replace", "zam")):
        db.c.aggregate([{"$merge": {"into": f"new_{matched}", "whenMatched": matched}}])
        found = db[f"new_{matched}"].find_one()
        assert found is not None
        assert list(found) == ["_id", *expected]
    db.c.aggregate([{"$merge": "t"}])
    assert list(db.t.find_one() or {}) == ["_id", "b", "a", "m", "z"]


def test_a_projection_of_metadata_only(db: Database[dict[str, Any]]) -> None:
    db.c.insert_one({"_id": 1, "a": 2})
    score = {"$rankFusion": {"input": {"pipelines": {"p": [{"$sort": {"a": 1}}]}}}}
    assert list(db.c.aggregate([score, {"$project": {"_id": 0, "s": {"$meta": "score"}}}])) == [{"s": 1 / 61}]
    assert code(db, {"aggregate": "c", "pipeline": [score, {"$set": {"d": {"$meta": "scoreDetails"}}}], "cursor": {}}) == 40218
    assert list(db.c.find({}, {"_id": 0, "r": {"$meta": "recordId"}})) == [{"a": 2, "r": 1}]
