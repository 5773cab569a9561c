"""Observations of differences: collections and indexes."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from bson.raw_bson import RawBSONDocument
from bson.son import SON

from tests.differences.showing import Db, code_of, shows

SIMPLE = {"locale": "simple"}


@shows("simple_collation_listed", before=[None, None, "fr"], after=[SIMPLE, SIMPLE, "fr"])
def list_indexes(db: Db) -> list[Any]:
    db.c.create_index("a")
    db.c.create_index("b", collation={"locale": "fr"})
    listed = [dict(index).get("collation") for index in db.c.list_indexes()]
    return [collation["locale"] if collation and "strength" in collation else collation for collation in listed]


@shows("simple_collation_listed", before=0, after=0)
def the_listed_index_is_the_created_one(db: Db) -> int:
    db.c.create_index("a")
    [_, index] = [dict(index) for index in db.c.list_indexes()]
    return code_of(db.command, "createIndexes", "c", indexes=[index])


def modify(db: Db, **options: Any) -> int:
    return code_of(db.command, SON([("collMod", "c"), *options.items()]))


@shows("constraint_level", before=[2, 0], after=[0, 121])
def created_with_the_level(db: Db) -> list[int]:
    created = code_of(db.create_collection, "c", validator={"a": 1}, validationLevel="constraint")
    return [created, code_of(db.c.insert_one, {"a": 2})]


@shows("constraint_level", before=[2, 2], after=[72, 72])
def created_with_other_options(db: Db) -> list[int]:
    level = {"validationLevel": "constraint"}
    return [
        code_of(db.create_collection, "c", **level),
        code_of(db.create_collection, "c", validator={"a": 1}, validationAction="warn", **level),
    ]


@shows("constraint_level", before=[2, 40415, 2, 0, 2, 0, 0], after=[72, 0, 121, 72, 0, 72, 72])
def steps_of_an_upgrade(db: Db) -> list[int]:
    db.create_collection("c", validator={"a": 1})
    db.c.insert_one({"_id": 1, "a": 1})
    db.command("insert", "c", documents=[{"_id": 2, "a": 2}], bypassDocumentValidation=True)
    unprepared = modify(db, validationLevel="constraint")
    prepared = modify(db, prepareConstraintValidationLevel=True)
    with_an_invalid_document = modify(db, validationLevel="constraint")
    bypass = code_of(db.command, "insert", "c", documents=[{"_id": 3, "a": 2}], bypassDocumentValidation=True)
    db.c.delete_many({"a": 2})
    upgraded = modify(db, validationLevel="constraint")
    validator = modify(db, validator={"a": 2})
    warns = modify(db, validationAction="warn")
    return [unprepared, prepared, with_an_invalid_document, bypass, upgraded, validator, warns]


@shows("constraint_level", before=[], after=[0, 0])
def back_to_strict(db: Db) -> list[int]:
    if code_of(db.create_collection, "c", validator={"a": 1}, validationLevel="constraint"):
        return []
    return [modify(db, validationLevel="strict"), modify(db, validator={"a": 2})]


@shows("constraint_level", before=[], after=[0, 1, 121])
def moved_to_another_database(db: Db) -> list[int]:
    if code_of(db.create_collection, "c", validator={"a": 1}, validationLevel="constraint"):
        return []
    db.c.insert_one({"a": 1})
    away = db.client[f"{db.name}_away"]
    renamed = code_of(db.client.admin.command, "renameCollection", f"{db.name}.c", to=f"{away.name}.c")
    found = [renamed, away.c.count_documents({}), code_of(away.c.insert_one, {"a": 2})]
    db.client.drop_database(away)
    return found


@shows("sphere_index_version", before=[3, 67, 3], after=[4, 0, 3])
def versions_of_sphere_indexes(db: Db) -> list[int]:
    db.c.create_index([("a", "2dsphere")])
    listed = [dict(index) for index in db.c.list_indexes()]
    explicit = code_of(db.c.create_index, [("b", "2dsphere")], **{"2dsphereIndexVersion": 4})
    db.c.create_index([("c", "2dsphere")], **{"2dsphereIndexVersion": 3})
    return [listed[1]["2dsphereIndexVersion"], explicit, db.c.index_information()["c_2dsphere"]["2dsphereIndexVersion"]]


@shows("validate_full", before=[0, 1, 1], after=[0, 0, 1])
def documents_against_the_specification(db: Db) -> list[int]:
    twice = RawBSONDocument(b"\x13\0\0\0\x10a\0\1\0\0\0\x10a\0\2\0\0\0\0")
    db.get_collection("c").insert_one({"sub": twice})
    replies = [db.command("validate", "c", **options) for options in ({}, {"full": True}, {"checkBSONConformance": True})]
    assert all(reply["valid"] and len(reply["warnings"]) == reply["nNonCompliantDocuments"] for reply in replies)
    return [reply["nNonCompliantDocuments"] for reply in replies]


def series(db: Db, name: str = "ts") -> None:
    db.create_collection(name, timeseries={"timeField": "t", "metaField": "m"})
    db[name].insert_many([{"t": datetime(2026, 11, day), "m": day, "v": day} for day in (1, 2, 3)])


@shows(
    "viewless_timeseries",
    before=[["system.buckets.ts", "system.views", "ts"], False, ["system.buckets.ts", "ts"], 2, 1, "system.buckets.ts", 1],
    after=[["ts"], True, ["ts"], 1, 0, "ts", 0],
)
def listed_series(db: Db) -> list[Any]:
    series(db)
    [listed] = db.list_collections(filter={"name": "ts"})
    stats = db.command("dbStats")
    return [
        sorted(db.list_collection_names()),
        "uuid" in listed["info"],
        sorted(entry["name"] for entry in db.aggregate([{"$listClusterCatalog": {}}])),
        stats["collections"],
        stats["views"],
        db.command("validate", "ts")["ns"].removeprefix(f"{db.name}."),
        len(list(db["system.views"].find())),
    ]


@shows("viewless_timeseries", before=[["system.buckets.ts", "system.views", "v"]], after=[["system.views", "ts", "v"]])
def views_beside_a_series(db: Db) -> list[Any]:
    series(db)
    db.command("create", "v", viewOn="ts", pipeline=[])
    views = [view["_id"].removeprefix(f"{db.name}.") for view in db["system.views"].find({"viewOn": "ts"})]
    return [sorted([*db.command("dbHash")["collections"], *views])]


@shows("viewless_timeseries", before=["system.buckets.ts", 3], after=["ts", 3])
def raw_data(db: Db) -> list[Any]:
    series(db)
    found = db.command("find", "ts", batchSize=1, rawData=True)["cursor"]
    name = found["ns"].removeprefix(f"{db.name}.")
    more = db.command("getMore", found["id"], collection=name)["cursor"]["nextBatch"]
    return [name, len([bucket for bucket in (*found["firstBatch"], *more) if "control" in bucket])]


@shows("viewless_timeseries", before=[48, 48, 166, 3], after=[48, 0, 0, 1])
def renames_to_a_series(db: Db) -> list[int]:
    series(db)
    db.plain.insert_one({"_id": 1})
    rename = partial(code_of, db.client.admin.command, "renameCollection")
    without = rename(f"{db.name}.plain", to=f"{db.name}.ts")
    onto = rename(f"{db.name}.plain", to=f"{db.name}.ts", dropTarget=True)
    series(db, "other")
    again = rename(f"{db.name}.other", to=f"{db.name}.ts", dropTarget=True)
    if not again:
        assert (db.list_collection_names(), db.ts.count_documents({})) == (["ts"], 3)
        assert rename(f"{db.name}.ts", to=f"{db.name}.plain") == 0
    return [without, onto, again, len({name.rpartition(".")[2] for name in db.list_collection_names()} - {"views"})]


@shows("viewless_timeseries", before=[166, 166], after=[0, 0])
def renamed_series(db: Db) -> list[int]:
    series(db)
    rename = db.client.admin.command
    codes = [code_of(rename, "renameCollection", f"{db.name}.ts", to=f"{db.name}.other")]
    if not codes[0]:
        db.other.insert_one({"t": datetime(2026, 11, 4), "m": 4, "v": 4})
        assert db.list_collection_names() == ["other"]
        assert [one["v"] for one in db.other.find({"v": {"$gt": 1}}, sort=[("t", 1)])] == [2, 3, 4]
    away = f"{db.name}_away"
    source = "ts" if codes[0] else "other"
    codes.append(code_of(rename, "renameCollection", f"{db.name}.{source}", to=f"{away}.moved"))
    if not codes[1]:
        assert db.list_collection_names() == []
        assert [one["v"] for one in db.client[away].moved.find(sort=[("t", 1)])] == [1, 2, 3, 4]
        assert [index["key"] for index in db.client[away].moved.list_indexes()] == [{"m": 1, "t": 1}]
        db.client.drop_database(away)
    return codes


@shows("viewless_timeseries", before=[[], ["create", "drop"]], after=[[], ["create", "rename", "drop"]])
def events_of_a_series(db: Db) -> list[list[str]]:
    found = []
    for expanded in (None, True):
        with db.watch(show_expanded_events=expanded) as stream:
            series(db)
            code_of(db.client.admin.command, "renameCollection", f"{db.name}.ts", to=f"{db.name}.other")
            for name in ("ts", "other"):
                db[name].drop()
            found.append([event["operationType"] for event in iter(stream.try_next, None)])
    return found


@shows("timeseries_names", before=[0, 0, 0, 0], after=[72, 2, 2, 2])
def names_in_a_series(db: Db) -> list[int]:
    series(db)
    deletes, updates = (
        [{"q": {"m": 1}, "limit": 0, "hint": "_id_"}],
        [{"q": {"m": 1}, "u": {"$set": {"m": 2}}, "multi": True, "hint": "_id_"}],
    )
    codes = [
        code_of(db.create_collection, "dollar", timeseries={"timeField": "$t"}),
        code_of(db.command, "find", "ts", hint="_id_"),
    ]
    for name, field, statements in (("update", "updates", updates), ("delete", "deletes", deletes)):
        reply = db.command({name: "ts", field: statements}, check=False)
        codes.append(reply["writeErrors"][0]["code"] if "writeErrors" in reply else reply.get("code", 0))
    return codes
