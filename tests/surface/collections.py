"""Collections: kinds, options, names and system collections. https://www.mongodb.com/docs/manual/reference/command/create/"""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from bson import Binary
from gridfs import GridFS
from pymongo.database import Database

from tests.failing import code_of_call as code
from tests.surface.rows import row
from tests.surface.sending import send

Db = Database[dict[str, Any]]
collection = partial(row, "Collections")


def listed(db: Db, name: str) -> dict[str, Any]:
    """Return the entry of a collection in listCollections."""
    return db.command("listCollections", filter={"name": name})["cursor"]["firstBatch"][0]


@collection("kind: plain")
def plain(db: Db) -> None:
    db.create_collection("c")
    entry = listed(db, "c")
    assert entry["type"] == "collection"
    assert entry["options"] == {}
    assert entry["info"]["readOnly"] is False
    assert entry["idIndex"] == {"v": 2, "key": {"_id": 1}, "name": "_id_"}


@collection("kind: capped", "option: size", "option: max")
def capped(db: Db) -> None:
    assert code(db.create_collection, "d", capped=True) == 72
    db.create_collection("c", capped=True, size=4096, max=3)
    db.c.insert_many([{"_id": n} for n in (5, 4, 3, 2, 1)])
    assert [found["_id"] for found in db.c.find()] == [3, 2, 1]
    assert listed(db, "c")["options"] == {"capped": True, "size": 4096, "max": 3}


@collection("kind: view", "option: viewOn", "option: pipeline")
def view(db: Db) -> None:
    db.c.insert_many([{"_id": 1, "a": 1}, {"_id": 2, "a": 2}])
    db.create_collection("v", viewOn="c", pipeline=[{"$match": {"a": 2}}])
    assert list(db.v.find()) == [{"_id": 2, "a": 2}]
    assert code(db.v.insert_one, {}) == 166
    assert listed(db, "v")["options"] == {"viewOn": "c", "pipeline": [{"$match": {"a": 2}}]}
    assert db["system.views"].count_documents({"_id": f"{db.name}.v"}) == 1
    assert code(db.create_collection, "w", viewOn="c", pipeline=[{"$out": "x"}]) is not None
    for depth in range(1, 21):
        db.create_collection(f"v{depth}", viewOn=f"v{depth - 1}" if depth > 1 else "c", pipeline=[])
    assert code(db.create_collection, "v21", viewOn="v20", pipeline=[]) == 165


@collection(
    "kind: timeseries", "option: timeseries.*", "system: <db>.system.buckets.*", "option: expireAfterSeconds (timeseries/clustered)"
)
def series(db: Db) -> None:
    options = {"timeField": "t", "metaField": "m", "granularity": "minutes"}
    db.create_collection("c", timeseries=options, expireAfterSeconds=3600)
    db.c.insert_one({"_id": 1, "t": datetime(2030, 1, 1, tzinfo=timezone.utc), "m": "a", "v": 1})
    assert db.c.find_one({"m": "a"}, {"_id": 1, "v": 1}) == {"_id": 1, "v": 1}
    shown = listed(db, "c")
    assert shown["type"] == "timeseries"
    assert shown["options"]["timeseries"]["bucketMaxSpanSeconds"] == 86400
    assert shown["options"]["expireAfterSeconds"] == 3600
    assert db["system.buckets.c"].count_documents({}) == 1
    db.command("collMod", "c", expireAfterSeconds="off")
    assert "expireAfterSeconds" not in listed(db, "c")["options"]


@collection("kind: clustered", "option: clusteredIndex")
def clustered(db: Db) -> None:
    db.create_collection("c", clusteredIndex={"key": {"_id": 1}, "unique": True})
    db.c.insert_many([{"_id": 2}, {"_id": 1}])
    assert [found["_id"] for found in db.c.find()] == [1, 2]
    assert "idIndex" not in listed(db, "c")
    assert code(db.c.insert_one, {"_id": 1}) == 11000


@collection("kind: on-demand materialized ($merge)", "implicit creation on insert/upsert/createIndexes/$out/$merge")
def materialized(db: Db) -> None:
    db.a.insert_one({"_id": 1, "n": 1})
    db.b.update_one({"_id": 1}, {"$set": {"x": 1}}, upsert=True)
    db.c.create_index("x")
    db.a.aggregate([{"$out": "d"}])
    db.a.aggregate([{"$merge": {"into": "e", "whenMatched": "replace"}}])
    db.a.update_one({"_id": 1}, {"$inc": {"n": 1}})
    db.a.aggregate([{"$merge": {"into": "e", "whenMatched": "replace"}}])
    assert list(db.e.find()) == [{"_id": 1, "n": 2}]
    assert sorted(db.list_collection_names()) == ["a", "b", "c", "d", "e"]


@collection("option: validator", "option: validationLevel", "option: validationAction")
def validator(db: Db) -> None:
    db.create_collection("c", validator={"a": {"$type": "int"}})
    assert code(db.c.insert_one, {"a": "x"}) == 121
    db.command("collMod", "c", validationAction="warn")
    db.c.insert_one({"_id": 1, "a": "x"})
    db.command("collMod", "c", validationAction="error", validationLevel="moderate")
    db.c.update_one({"_id": 1}, {"$set": {"b": 1}})
    db.command("collMod", "c", validationLevel="strict")
    assert code(db.c.update_one, {"_id": 1}, {"$set": {"b": 2}}) == 121
    db.command("collMod", "c", validationLevel="off")
    db.c.update_one({"_id": 1}, {"$set": {"b": 2}})
    db.command("collMod", "c", validationAction="errorAndLog")
    assert code(db.client.admin.create_collection, "surface_validated", validator={"a": 1}) is not None


@collection("option: collation")
def collation(db: Db) -> None:
    db.create_collection("c", collation={"locale": "en", "strength": 1})
    db.c.insert_one({"_id": 1, "a": "É"})
    assert db.c.count_documents({"a": "e"}) == 1
    assert db.c.count_documents({"a": "e"}, collation={"locale": "simple"}) == 0
    assert code(db.command, "collMod", "c", collation={"locale": "fr"}) is not None


@collection("option: changeStreamPreAndPostImages")
def images(db: Db) -> None:
    db.create_collection("c", changeStreamPreAndPostImages={"enabled": True})
    assert listed(db, "c")["options"] == {"changeStreamPreAndPostImages": {"enabled": True}}
    assert code(db.create_collection, "v", viewOn="c", changeStreamPreAndPostImages={"enabled": True}) is not None
    admin = db.client.admin
    assert code(admin.create_collection, "surface_images", changeStreamPreAndPostImages={"enabled": True}) is not None


@collection("option: writeConcern/comment")
def concern_and_comment(db: Db) -> None:
    db.command("create", "c", writeConcern={"w": "majority"}, comment={"why": "test"})
    assert code(db.command, "create", "d", writeConcern={"w": [1]}) == 9


@collection("system: <db>.system.views")
def views(db: Db) -> None:
    db.create_collection("v", viewOn="c", pipeline=[])
    assert list(db["system.views"].find()) == [{"_id": f"{db.name}.v", "viewOn": "c", "pipeline": []}]


@collection("system: <db>.system.profile")
def profile(db: Db) -> None:
    db.command("profile", 2)
    db.c.find_one({"a": 1})
    db.command("profile", 0)
    assert db["system.profile"].count_documents({"op": "query", "ns": f"{db.name}.c"}) == 1
    assert listed(db, "system.profile")["options"]["capped"] is True
    assert listed(db, "system.profile")["options"]["size"] == 1 << 20


@collection("system: admin.system.users/system.roles/system.version")
def users(db: Db) -> None:
    db.command("createRole", "surface", privileges=[], roles=[])
    db.command("createUser", "surface", pwd="secret", roles=["surface"])
    admin = db.client.admin
    assert admin["system.users"].find_one({"_id": f"{db.name}.surface"})["db"] == db.name
    assert admin["system.roles"].count_documents({"_id": f"{db.name}.surface"}) == 1
    assert admin["system.version"].count_documents({"_id": "featureCompatibilityVersion"}) == 1
    db.command("dropUser", "surface")
    db.command("dropRole", "surface")


@collection("system: config.system.sessions")
def sessions(db: Db) -> None:
    with db.client.start_session() as session:
        db.c.find_one({}, session=session)
        db.client.admin.command("refreshSessions", [session.session_id])
        known = [entry["_id"]["id"] for entry in db.client.config["system.sessions"].aggregate([{"$listSessions": {"allUsers": True}}])]
        local = known if known else [entry["_id"]["id"] for entry in db.aggregate([{"$listLocalSessions": {"allUsers": True}}])]
        assert session.session_id["id"] in local


@collection("system: local.oplog.rs")
def oplog(db: Db) -> None:
    db.c.insert_one({"_id": 1})
    entry = db.client.local["oplog.rs"].find_one({"ns": f"{db.name}.c", "op": "i"})
    assert entry is not None
    assert {"ts", "t", "v", "op", "ns", "ui", "o", "o2", "wall"} <= entry.keys()
    assert (entry["v"], entry["o"]) == (2, {"_id": 1})


@collection("system: local.system.replset")
def replset(db: Db) -> None:
    config = db.client.local["system.replset"].find_one()
    assert config is not None
    assert len(config["members"]) == 1


@collection("db: admin/config/local present")
def databases(db: Db) -> None:
    assert {"admin", "config", "local"} <= set(db.client.list_database_names())


@collection('naming: db < 64 bytes, no /\\. "$ (and *<>:|? on Windows)')
def database_names(db: Db) -> None:
    for name in ("a" * 64, "a/b", "a\\b", "a b", 'a"b', "a$b"):
        message = {"insert": "c", "documents": [{}], "$db": name}
        assert send(db, message)["code"] == 73, name


@collection("naming: db case-insensitive uniqueness")
def differing_case(db: Db) -> None:
    db.c.insert_one({})
    other = db.client[db.name.upper()]
    assert code(other.c.insert_one, {}) == 13297


@collection("naming: collection no $, no NUL, not empty, not leading dot, no system.", "naming: namespace <= 255 bytes")
def collection_names(db: Db) -> None:
    for name in ("a$b", "", ".a", "system.a"):
        assert code(db.command, "create", name) == 73, name
    longest = 255 - len(db.name) - 1
    db.command("create", "x" * longest)
    assert code(db.command, "create", "x" * (longest + 1)) == 73


@collection("collection UUID")
def uuid(db: Db) -> None:
    db.create_collection("c")
    stored = listed(db, "c")["info"]["uuid"]
    assert isinstance(stored, UUID | Binary)
    assert code(db.command, "collMod", "c", collectionUUID=Binary(uuid4().bytes, 4)) == 361
    assert code(db.command, "collMod", "c", collectionUUID=Binary(stored.bytes if isinstance(stored, UUID) else stored, 4)) is None


@collection("GridFS convention fs.files/fs.chunks")
def gridfs(db: Db) -> None:
    files = GridFS(db)
    number = files.put(b"content" * 100_000, filename="f")
    assert files.get(number).read() == b"content" * 100_000
    assert "files_id_1_n_1" in db["fs.chunks"].index_information()
