"""Observations of differences: writes of documents that are too large or cannot be indexed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pymongo.errors import BulkWriteError, OperationFailure, WriteError

from tests.differences.showing import Db, code_of, shows

LARGE = "x" * (15 * 1024 * 1024)


@shows("upsert_too_large", before=[17419, 17419, 17419], after=[10334, 10334, 10334])
def upserts(db: Db) -> list[int]:
    half = LARGE[: 9 * 1024 * 1024]
    update = [{"$set": {"a": half}}, {"$set": {"b": {"$concat": ["$a", ""]}}}]
    return [
        code_of(db.c.update_one, {"_id": 1}, update, upsert=True),
        code_of(db.c.find_one_and_update, {"_id": 1}, update, upsert=True),
        code_of(db.c.update_many, {"_id": 1}, update, upsert=True),
    ]


@shows("upsert_too_large", before=17419, after=17419)
def an_update_keeps_its_code(db: Db) -> int:
    db.c.insert_one({"_id": 1, "a": LARGE[: 9 * 1024 * 1024]})
    return code_of(db.c.update_one, {"_id": 1}, [{"$set": {"b": {"$concat": ["$a", ""]}}}])


def codes_of_bulk_write(db: Db, *operations: dict[str, Any]) -> list[int]:
    reply = db.client.admin.command("bulkWrite", 1, ops=list(operations), nsInfo=[{"ns": f"{db.name}.c"}], ordered=False)
    return [result["code"] for result in reply["cursor"]["firstBatch"]]


@shows("upsert_too_large", before=[17419], after=[10334])
def an_upsert_of_bulk_write(db: Db) -> list[int]:
    update = [{"$set": {"a": LARGE[: 9 * 1024 * 1024]}}, {"$set": {"b": {"$concat": ["$a", ""]}}}]
    return codes_of_bulk_write(db, {"update": 0, "filter": {"_id": 1}, "updateMods": update, "upsert": True})


@shows("geo_key_errors", before=[16755, 16755], after=[510, 510])
def geometries_of_bulk_write(db: Db) -> list[int]:
    db.c.create_index([("at", "2dsphere")])
    db.c.insert_one({"_id": 1})
    update = {"update": 0, "filter": {"_id": 1}, "updateMods": {"$set": {"at": "here"}}}
    return codes_of_bulk_write(db, {"insert": 0, "document": {"at": "here"}}, update)


DETAILS = {"failingPath": "at", "underlyingCode": 2, "failingElement": {"at": "here"}}


@shows("geo_key_errors", before=[16755, None, 16755, 16755, 16755], after=[510, DETAILS, 510, 510, 510])
def documents_that_are_not_geometries(db: Db) -> list[Any]:
    db.c.create_index([("at", "2dsphere")])
    db.c.insert_one({"_id": 1})
    codes: list[Any] = []
    try:
        db.c.insert_one({"at": "here"})
    except WriteError as error:
        details = (error.details or {}).get("errInfo")
        if details is not None:
            assert details.pop("underlyingReason")
        codes += [error.code, details]
    codes.append(code_of(db.c.update_one, {"_id": 1}, {"$set": {"at": "here"}}))
    codes.append(code_of(db.c.find_one_and_update, {"_id": 1}, {"$set": {"at": "here"}}))
    try:
        db.c.insert_many([{"_id": 2}, {"at": "here"}])
    except BulkWriteError as error:
        codes.append(error.details["writeErrors"][0]["code"])
    return codes


@shows("geo_key_errors", before=[16755, False], after=[510, True])
def index_builds(db: Db) -> list[Any]:
    db.c.insert_one({"at": "here"})
    try:
        db.c.create_index([("at", "2dsphere")])
    except OperationFailure as error:
        return [error.code, "errInfo" in (error.details or {})]
    return []


@shows("geo_key_errors", before=[None, None], after=["places.at", "at"])
def failing_paths(db: Db) -> list[Any]:
    db.c.create_index([("places.at", "2dsphere")])
    db.d.create_index([("at", "2dsphere")])
    calls = [(db.c, {"at": [1, 2], "places": [{"at": [1, 2]}, {"at": [3]}]}), (db.d, {"at": [{"type": "Point"}]})]
    found = []
    for collection, document in calls:
        try:
            collection.insert_one(document)
        except WriteError as error:
            found.append((error.details or {}).get("errInfo", {}).get("failingPath"))
    return found


def point(x: int, y: int) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [x, y]}


@shows(
    "geo_key_errors_of_series",
    before=[[183934, None], [183934, None], [16755, None], 183934],
    after=[[511, "at"], [511, "at"], [510, "m.at"], 511],
)
def measurements_that_are_not_geometries(db: Db) -> list[Any]:
    for name in ("ts", "built"):
        db.create_collection(name, timeseries={"timeField": "t", "metaField": "m"})
    for path in ("at", "m.at"):
        db.ts.create_index([(path, "2dsphere")])
    wrong: list[dict[str, Any]] = [{"at": "here"}, {"at": [200, 100, 3, "x"]}, {"m": {"at": "here"}}]
    right: list[dict[str, Any]] = [{"at": point(1, 2)}, {"at": [3, 4]}, {"at": None}, {}, {"m": {"at": point(5, 6)}}]
    measured = [{"_id": number, "t": datetime(2026, 11, 29), **fields} for number, fields in enumerate([*wrong, *right])]
    found: list[Any] = []
    try:
        db.ts.insert_many(measured, ordered=False)
    except BulkWriteError as error:
        for one in error.details["writeErrors"]:
            found.append([one["code"], one.get("errInfo", {}).get("failingPath")])
    assert db.ts.count_documents({}) == len(right)
    within = {"at": {"$geoWithin": {"$centerSphere": [[1, 2], 0.01]}}}
    assert [one["_id"] for one in db.ts.find(within)] == [3]
    checked = db.command("validate", "ts")
    assert checked["valid"]
    assert (checked["keysPerIndex"]["at_2dsphere"], checked["keysPerIndex"]["m.at_2dsphere"]) == (2, 1)
    db.built.insert_one({"t": datetime(2026, 11, 29), "at": "here"})
    return [*found, code_of(db.built.create_index, [("at", "2dsphere")])]
