"""Indexes: kinds, options, limits and conflicts. https://www.mongodb.com/docs/manual/indexes/"""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from typing import Any

from bson import Int64
from pymongo.database import Database

from tests.failing import code_of_call as code
from tests.surface.rows import row

Db = Database[dict[str, Any]]
index = partial(row, "Indexes")


def create(db: Db, key: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Create an index on the collection `c`."""
    name = options.pop("name", "_".join(f"{path}_{way}" for path, way in key.items()))
    return db.command("createIndexes", "c", indexes=[{"key": key, "name": name, **options}])


def listed(db: Db, name: str) -> dict[str, Any]:
    """Return the entry of an index in listIndexes."""
    return next(entry for entry in db.command("listIndexes", "c")["cursor"]["firstBatch"] if entry["name"] == name)


def plan(db: Db, query: dict[str, Any], **options: Any) -> str:
    """Return the stages of the winning plan of a find, outermost first, separated by spaces."""
    stage = db.command("explain", {"find": "c", "filter": query, **options}, verbosity="queryPlanner")["queryPlanner"]["winningPlan"]
    names = []
    while stage:
        names.append(stage["stage"])
        stage = stage.get("inputStage")
    return " ".join(names)


@index("single field ascending/descending")
def single(db: Db) -> None:
    for number, way in enumerate((1, -1, 5, -0.5)):
        create(db, {f"f{number}": way})
    assert code(create, db, {"a": 0}) == 67
    assert code(create, db, {"a": float("nan")}) == 67
    assert code(create, db, {"a": -0.0}) == 67


@index("compound")
def compound(db: Db) -> None:
    create(db, {"a": 1, "b": -1})
    db.c.insert_many([{"_id": n, "a": n % 2, "b": n} for n in range(6)])
    assert [found["_id"] for found in db.c.find({"a": 1}).sort("b", -1)] == [5, 3, 1]
    assert "SORT" not in plan(db, {"a": 1}, sort={"b": -1}).split()


@index("multikey")
def multikey(db: Db) -> None:
    create(db, {"a": 1, "b": 1})
    db.c.insert_one({"_id": 1, "a": [1, 2], "b": 3})
    assert code(db.c.insert_one, {"a": [1], "b": [1]}) == 171
    assert db.c.find_one({"a": 2}) == {"_id": 1, "a": [1, 2], "b": 3}


@index("_id index")
def id_index(db: Db) -> None:
    db.c.insert_one({"_id": 1})
    assert listed(db, "_id_") == {"v": 2, "key": {"_id": 1}, "name": "_id_"}
    assert code(db.command, "dropIndexes", "c", index="_id_") == 72
    assert code(db.command, "collMod", "c", index={"name": "_id_", "hidden": True}) is not None
    assert code(create, db, {"_id": 1}, name="_id_", sparse=True) == 197


@index("text")
def text(db: Db) -> None:
    create(db, {"t": "text"}, name="t", weights={"t": 3}, default_language="english", language_override="tongue")
    entry = listed(db, "t")
    assert (entry["weights"], entry["default_language"], entry["language_override"], entry["textIndexVersion"]) == (
        {"t": 3},
        "english",
        "tongue",
        3,
    )
    assert code(create, db, {"u": "text"}, name="u") == 85
    db.c.insert_one({"_id": 1, "t": "running dogs"})
    assert db.c.count_documents({"$text": {"$search": "dog"}}) == 1
    db.c.drop()
    create(db, {"$**": "text"}, name="every")
    db.c.insert_one({"a": {"b": "cats"}})
    assert db.c.count_documents({"$text": {"$search": "cat"}}) == 1


@index("2d")
def two_d(db: Db) -> None:
    create(db, {"p": "2d"}, name="p", bits=20, min=-100, max=100)
    assert code(create, db, {"q": "2d"}, name="q", bits=33) == 72
    db.c.insert_many([{"_id": 1, "p": [1, 1]}, {"_id": 2, "p": [5, 5]}])
    assert [found["_id"] for found in db.c.find({"p": {"$near": [4, 4]}})] == [2, 1]
    assert code(db.c.insert_one, {"p": [200, 0]}) == 13027


@index("2dsphere")
def sphere(db: Db) -> None:
    create(db, {"p": "2dsphere"}, name="p")
    assert listed(db, "p")["2dsphereIndexVersion"] == 3
    db.c.insert_many([{"_id": 1, "p": [1, 1]}, {"_id": 2, "p": {"type": "Point", "coordinates": [5, 5]}}])
    near = {"$near": {"$geometry": {"type": "Point", "coordinates": [4, 4]}}}
    assert [found["_id"] for found in db.c.find({"p": near})] == [2, 1]


@index("hashed")
def hashed(db: Db) -> None:
    create(db, {"h": "hashed"}, name="h")
    create(db, {"a": 1, "b": "hashed"}, name="ab")
    assert code(create, db, {"a": "hashed", "b": "hashed"}, name="two") == 31303
    assert code(db.c.insert_one, {"h": [1]}) == 16766
    db.c.insert_one({"_id": 1, "h": 2.5})
    assert db.c.count_documents({"h": 2.5}) == 1
    assert db.c.count_documents({"h": 2.4}) == 0


@index("wildcard $**", "option: wildcardProjection")
def wildcard(db: Db) -> None:
    create(db, {"$**": 1}, name="w", wildcardProjection={"a": 1})
    assert listed(db, "w")["wildcardProjection"] == {"a": 1}
    db.c.insert_one({"_id": 1, "a": {"x": 1}, "b": 1})
    assert "IXSCAN" in plan(db, {"a.x": 1})
    assert "COLLSCAN" in plan(db, {"b": 1})
    assert code(create, db, {"z": 1}, wildcardProjection={"a": 1}) in (2, 67)


@index("wildcard path a.$**")
def wildcard_path(db: Db) -> None:
    create(db, {"a.$**": 1}, name="w")
    db.c.insert_one({"_id": 1, "a": {"x": {"y": 1}}})
    assert "IXSCAN" in plan(db, {"a.x.y": 1})
    assert db.c.count_documents({"a.x.y": 1}) == 1


@index("compound wildcard")
def compound_wildcard(db: Db) -> None:
    create(db, {"t": 1, "a.$**": 1}, name="w")
    db.c.insert_one({"_id": 1, "t": 1, "a": {"x": 1}})
    assert "IXSCAN" in plan(db, {"t": 1, "a.x": 1})
    assert db.c.count_documents({"t": 1, "a.x": 1}) == 1


@index("clustered index (clusteredIndex)")
def clustered(db: Db) -> None:
    db.create_collection("c", clusteredIndex={"key": {"_id": 1}, "unique": True, "name": "own"})
    assert listed(db, "own")["clustered"] is True
    assert code(db.create_collection, "d", clusteredIndex={"key": {"a": 1}, "unique": True}) is not None
    assert code(db.create_collection, "d", clusteredIndex={"key": {"_id": 1}, "unique": False}) is not None


@index("option: name")
def name(db: Db) -> None:
    assert db.c.create_index([("a", 1), ("b", -1)]) == "a_1_b_-1"
    assert code(create, db, {"c": 1}, name="*") == 2


@index("option: unique")
def unique(db: Db) -> None:
    create(db, {"a": 1}, unique=True)
    db.c.insert_one({"_id": 1})
    assert code(db.c.insert_one, {"a": None}) == 11000
    db.c.insert_one({"a": [5, 5]})
    assert code(create, db, {"h": "hashed"}, unique=True) == 16764


@index("option: sparse")
def sparse(db: Db) -> None:
    create(db, {"a": 1, "b": 1}, name="s", sparse=True)
    db.c.insert_many([{"_id": 1}, {"_id": 2, "b": 1}])
    assert [found["_id"] for found in db.c.find({}, hint="s")] == [2]


@index("option: partialFilterExpression")
def partial_filter(db: Db) -> None:
    create(db, {"a": 1}, partialFilterExpression={"b": {"$gt": 5}, "$or": [{"c": {"$in": [1]}}, {"d": {"$exists": True}}]})
    assert code(create, db, {"e": 1}, partialFilterExpression={"b": {"$ne": 5}}) == 67
    assert code(create, db, {"e": 1}, partialFilterExpression={"b": 5}, sparse=True) == 67
    create(db, {"g": 1}, partialFilterExpression={"b": {"$eq": 1}})
    db.c.insert_many([{"_id": 1, "g": 1, "b": 1}, {"_id": 2, "g": 1}])
    assert "IXSCAN" in plan(db, {"g": 1, "b": 1})
    assert "COLLSCAN" in plan(db, {"g": 1})


@index("option: expireAfterSeconds")
def expire(db: Db) -> None:
    create(db, {"t": 1}, expireAfterSeconds=2147483647)
    assert code(create, db, {"u": 1}, expireAfterSeconds=-1) == 67
    assert code(create, db, {"u": 1, "v": 1}, expireAfterSeconds=1) == 67
    assert code(create, db, {"_id": 1}, name="x", expireAfterSeconds=1) is not None


@index("option: hidden")
def hidden(db: Db) -> None:
    create(db, {"a": 1}, hidden=True)
    db.c.insert_one({"a": 1})
    assert "COLLSCAN" in plan(db, {"a": 1})
    db.command("collMod", "c", index={"name": "a_1", "hidden": False})
    assert "IXSCAN" in plan(db, {"a": 1})


@index("option: collation")
def collation(db: Db) -> None:
    db.create_collection("c", collation={"locale": "en", "strength": 2})
    create(db, {"a": 1})
    assert listed(db, "a_1")["collation"]["strength"] == 2
    assert code(create, db, {"p": "2d"}, name="p") is not None
    create(db, {"p": "2d"}, name="p", collation={"locale": "simple"})


@index("option: background", "option: v")
def background_and_version(db: Db) -> None:
    create(db, {"a": 1}, background=True)
    create(db, {"b": 1}, v=1)
    create(db, {"c": 1}, v=2)
    assert code(create, db, {"d": 1}, v=0) == 67


@index("option: weights", "option: default_language", "option: language_override")
def text_options(db: Db) -> None:
    assert code(create, db, {"t": "text"}, name="t", weights={"t": 1_000_000_000}) == 67
    assert code(create, db, {"t": "text"}, name="t", default_language="klingon") == 67
    create(db, {"t": "text"}, name="t", weights={"t": 99_999}, default_language="none", language_override="lang")
    db.c.insert_one({"t": "the dogs"})
    assert db.c.count_documents({"$text": {"$search": "the"}}) == 1
    assert db.c.count_documents({"$text": {"$search": "dog"}}) == 0


@index("unknown option")
def unknown(db: Db) -> None:
    assert code(create, db, {"a": 1}, colour=1) == 197


@index("limit: 64 indexes")
def most_indexes(db: Db) -> None:
    db.command("createIndexes", "c", indexes=[{"key": {f"f{n}": 1}, "name": f"f{n}"} for n in range(63)])
    assert code(create, db, {"more": 1}) == 67


@index("limit: 32 fields")
def most_fields(db: Db) -> None:
    create(db, {f"f{n}": 1 for n in range(32)}, name="most")
    assert code(create, db, {f"f{n}": 1 for n in range(33)}, name="more") == 13103


@index(
    "same name different key",
    "same key different options",
    "same key+options different name",
    "identical twice in one request",
    "all exist",
)
def conflicts(db: Db) -> None:
    create(db, {"a": 1}, name="n")
    assert code(create, db, {"b": 1}, name="n") == 86
    assert code(create, db, {"a": 1}, name="m") == 85
    create(db, {"a": 1}, name="m", unique=True)
    assert code(create, db, {"a": 1}, name="n", expireAfterSeconds=5) == 85
    twice = [{"key": {"v": 1}, "name": "v_1"}] * 2
    assert code(db.command, "createIndexes", "c", indexes=twice) == 68
    assert create(db, {"a": 1}, name="n")["note"] == "all indexes already exist"


@index("unique build over duplicates")
def duplicates(db: Db) -> None:
    db.c.insert_many([{"a": 1}, {"a": 1}])
    assert code(create, db, {"a": 1}, unique=True) == 11000


@index("hint by name/pattern", "$indexStats", "sort by index / covered query / index intersection")
def hints(db: Db) -> None:
    create(db, {"a": 1})
    db.c.insert_many([{"_id": n, "a": Int64(n)} for n in range(3)])
    assert len(list(db.c.find({}, hint="a_1"))) == len(list(db.c.find({}, hint=[("a", 1)]))) == 3
    assert code(lambda: list(db.c.find({}, hint="none"))) == 2
    used = {entry["name"]: entry["accesses"]["ops"] for entry in db.c.aggregate([{"$indexStats": {}}])}
    assert used["a_1"] == 2
    assert plan(db, {"a": {"$gte": 0}}, projection={"a": 1, "_id": 0}) == "PROJECTION_COVERED IXSCAN"
    assert "SORT" not in plan(db, {}, sort={"a": 1}).split()


@index("TTL monitor")
def ttl(db: Db) -> None:
    create(db, {"t": 1}, expireAfterSeconds=0)
    db.c.insert_one({"t": datetime(2001, 1, 1, tzinfo=timezone.utc)})
    assert db.client.admin.command("getParameter", ttlMonitorSleepSecs=1)["ttlMonitorSleepSecs"] == 60
    assert db.client.admin.command("getParameter", ttlMonitorEnabled=1)["ttlMonitorEnabled"] is True
