"""The arguments of writing commands, update operators' parts, and upserts. https://www.mongodb.com/docs/manual/reference/command/update/"""

from __future__ import annotations

from functools import partial
from typing import Any

from bson import Int64, ObjectId, Timestamp
from pymongo.database import Database

from tests.failing import code_of_call as code
from tests.surface.rows import row

Db = Database[dict[str, Any]]
option = partial(row, "Options of writes")
updates = partial(row, "Updates")


def update(db: Db, change: Any, query: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    """Run an update statement on the collection `c`. Return the reply, or the first write error."""
    reply = db.command("update", "c", updates=[{"q": query or {}, "u": change, **arguments}])
    return reply["writeErrors"][0] if "writeErrors" in reply else reply  # type: ignore[no-any-return]


def updated(db: Db, document: dict[str, Any], change: Any, **arguments: Any) -> dict[str, Any]:
    """Return a document after an update statement."""
    db.c.drop()
    db.c.insert_one({"_id": 1, **document})
    reply = update(db, change, **arguments)
    assert "errmsg" not in reply, reply
    found = db.c.find_one({}, {"_id": 0})
    assert found is not None
    return found


def refused(db: Db, document: dict[str, Any], change: Any, **arguments: Any) -> int:
    """Return the code of the write error of an update statement."""
    db.c.drop()
    db.c.insert_one({"_id": 1, **document})
    return update(db, change, **arguments)["code"]  # type: ignore[no-any-return]


@option(
    "findAndModify.query", "findAndModify.sort", "findAndModify.remove", "findAndModify.update", "findAndModify.new", "findAndModify.fields"
)
def find_and_modify(db: Db) -> None:
    db.c.insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": 2}])

    def run(**arguments: Any) -> Any:
        return db.command("findAndModify", "c", **arguments)["value"]

    assert run(query={"n": {"$gt": 0}}, sort={"n": -1}, update={"$inc": {"n": 5}}) == {"_id": 2, "n": 2}
    assert run(query={"_id": 2}, update=[{"$set": {"n": {"$add": ["$n", 1]}}}], new=1, fields={"n": 1, "_id": 0}) == {"n": 8}
    assert run(query={"_id": 2}, update={"m": 1}, new=True) == {"_id": 2, "m": 1}
    assert run(query={"_id": 2}, remove=True) == {"_id": 2, "m": 1}
    assert code(run, remove=True, update={}) == code(run, remove=True, new=True) == code(run, remove=True, upsert=True) == 9
    assert code(run, query={}, update={"a": 1}, projection={"a": 1}) == 40415


@option("findAndModify.upsert", "findAndModify.bypassDocumentValidation", "findAndModify.collation", "findAndModify.arrayFilters")
def find_and_modify_more(db: Db) -> None:
    db.create_collection("c", validator={"n": {"$exists": True}})
    bad = {"query": {"_id": 1}, "update": {"x": 1}, "upsert": True}
    assert code(db.command, "findAndModify", "c", **bad) == 121
    reply = db.command("findAndModify", "c", **bad, bypassDocumentValidation=True)
    assert reply["lastErrorObject"] == {"n": 1, "updatedExisting": False, "upserted": 1}
    db.c.insert_one({"_id": "É", "n": [1, 5]})
    upper = {"query": {"_id": "e"}, "collation": {"locale": "fr", "strength": 1}}
    changed = db.command("findAndModify", "c", **upper, update={"$set": {"n.$[big]": 0}}, arrayFilters=[{"big": {"$gt": 3}}], new=True)
    assert changed["value"] == {"_id": "É", "n": [1, 0]}
    assert code(db.command, "findAndModify", "c", update=[], arrayFilters=[{"x": 1}]) == 9


@option("findAndModify.hint", "findAndModify.let", "update.hint", "update.let", "delete.hint", "delete.let")
def hints_and_variables(db: Db) -> None:
    db.c.insert_many([{"_id": n} for n in range(4)])
    condition = {"$expr": {"$eq": ["$_id", "$$x"]}}
    assert db.command("findAndModify", "c", query=condition, let={"x": 2}, hint="_id_", update=[{"$set": {"m": "$$x"}}], new=True)[
        "value"
    ] == {
        "_id": 2,
        "m": 2,
    }
    assert db.command("update", "c", updates=[{"q": condition, "u": [{"$set": {"m": "$$x"}}], "hint": {"_id": 1}}], let={"x": 1})["n"] == 1
    assert db.command("delete", "c", deletes=[{"q": condition, "limit": 1, "hint": "_id_"}], let={"x": 1})["n"] == 1
    assert code(db.command, "findAndModify", "c", query={}, hint="none", remove=True) == 2
    assert db.command("delete", "c", deletes=[{"q": {}, "limit": 0, "hint": "none"}])["writeErrors"][0]["code"] == 2


@option("insert.documents", "insert.ordered", "insert.bypassDocumentValidation", "limit: 100000 ops per write command")
def inserts(db: Db) -> None:
    db.create_collection("c", validator={"n": 1})
    assert code(db.command, "insert", "c", documents=[]) == 16
    assert code(db.command, "insert", "c", documents=[{}] * 100_001) == 16
    many = [{"_id": 1, "n": 1}, {"_id": 1, "n": 1}, {"_id": 2, "n": 1}]
    first = db.command("insert", "c", documents=many)
    assert (first["n"], [error["index"] for error in first["writeErrors"]]) == (1, [1])
    second = db.command("insert", "c", documents=many, ordered=False)
    assert (second["n"], [error["index"] for error in second["writeErrors"]]) == (1, [0, 1])
    assert db.command("insert", "c", documents=[{}], bypassDocumentValidation=True)["n"] == 1


@option("update.q", "update.u", "update.upsert", "update.multi", "update.ordered", "update.sort")
def update_arguments(db: Db) -> None:
    db.c.insert_many([{"_id": n, "a": 1} for n in range(3)])
    assert update(db, {"$set": {"b": 1}}, {"a": 1}, multi=True)["nModified"] == 3
    assert update(db, {"$set": {"first": 1}}, {"a": 1}, sort={"_id": -1})["n"] == 1
    assert db.c.find_one({"first": 1}) == {"_id": 2, "a": 1, "b": 1, "first": 1}
    assert update(db, {"z": 1}, {"_id": 9}, upsert=True)["upserted"] == [{"index": 0, "_id": 9}]
    assert update(db, {"z": 2}, {"a": 1}, multi=True)["code"] == 9
    assert update(db, {"$set": {"z": 1}}, {"a": 1}, multi=True, sort={"a": 1})["code"] == 9
    statements = [{"q": {"_id": 0}, "u": {"$bad": 1}}, {"q": {"_id": 1}, "u": {"$set": {"c": 1}}}]
    assert db.command("update", "c", updates=statements, ordered=False)["n"] == 1
    assert db.command("update", "c", updates=statements)["n"] == 0


@option("update.collation", "update.arrayFilters")
def update_more(db: Db) -> None:
    db.c.insert_one({"_id": 1, "w": "É", "l": [1, 5, 9]})
    french = {"locale": "fr", "strength": 1}
    assert update(db, {"$set": {"l.$[x]": 0}}, {"w": "e"}, collation=french, arrayFilters=[{"x": {"$gte": 5}}])["nModified"] == 1
    assert db.c.find_one({}, {"l": 1}) == {"_id": 1, "l": [1, 0, 0]}
    assert update(db, {"$set": {"l.$[x]": 0}})["code"] == 2
    assert update(db, {"$set": {"l.0": 0}}, arrayFilters=[{"x": 1}])["code"] == 9


@option("delete.q", "delete.limit", "delete.collation")
def deletes(db: Db) -> None:
    db.c.insert_many([{"_id": "É"}, {"_id": "e"}, {"_id": "f"}, {"_id": "g"}])

    def run(**statement: Any) -> Any:
        reply = db.command("delete", "c", deletes=[statement])
        return reply["writeErrors"][0]["code"] if "writeErrors" in reply else reply["n"]

    assert run(q={"_id": "E"}, limit=0, collation={"locale": "fr", "strength": 1}) == 2
    assert run(q={}, limit=1) == 1
    assert run(q={}, limit=2) == 9
    assert code(run, q={}) == 40414


@option("bulkWrite.ops", "bulkWrite.nsInfo", "bulkWrite.ordered", "bulkWrite.errorsOnly", "bulkWrite.let", "bulkWrite.cursor.batchSize")
def bulk_write(db: Db) -> None:
    spaces = [{"ns": f"{db.name}.c"}, {"ns": f"{db.name}.d"}]

    def run(*operations: dict[str, Any], **arguments: Any) -> Any:
        return db.client.admin.command("bulkWrite", 1, ops=list(operations), nsInfo=spaces, **arguments)

    first = run({"insert": 0, "document": {"_id": 1}}, {"insert": 1, "document": {"_id": 2}}, {"insert": 0, "document": {"_id": 3}})
    assert (first["nInserted"], first["nErrors"]) == (3, 0)
    assert len(first["cursor"]["firstBatch"]) == 3
    again = ({"insert": 0, "document": {"_id": 1}}, {"insert": 0, "document": {"_id": 4}})
    assert (run(*again)["nErrors"], db.c.count_documents({})) == (1, 2)
    second = run(*again, ordered=False, errorsOnly=True)
    assert [entry["code"] for entry in second["cursor"]["firstBatch"]] == [11000]
    small = run(
        {"delete": 0, "filter": {"$expr": {"$eq": ["$_id", "$$x"]}}}, {"delete": 1, "filter": {}}, let={"x": 4}, cursor={"batchSize": 1}
    )
    assert (small["nDeleted"], len(small["cursor"]["firstBatch"]), small["cursor"]["id"] != 0) == (2, 1, True)


@option(
    "bulkWrite.bypassDocumentValidation",
    "bulkWrite.ops.updateMods",
    "bulkWrite.ops.sort",
    "bulkWrite.ops.arrayFilters/collation/hint/multi/upsert",
)
def bulk_updates(db: Db) -> None:
    db.create_collection("c", validator={"n": {"$exists": True}})
    db.c.insert_many([{"_id": 1, "n": [1, 5]}, {"_id": 2, "n": [2, 6]}])
    admin = db.client.admin

    def run(**operation: Any) -> Any:
        operation = {"update": 0, "filter": {}, **operation}
        return admin.command("bulkWrite", 1, ops=[operation], nsInfo=[{"ns": f"{db.name}.c"}], bypassDocumentValidation=True)

    assert run(updateMods={"$set": {"n.$[x]": 0}}, arrayFilters=[{"x": {"$gt": 4}}], multi=True, hint="_id_")["nModified"] == 2
    assert run(updateMods=[{"$set": {"m": "$_id"}}], sort={"_id": -1})["nModified"] == 1
    assert db.c.find_one({"m": {"$exists": True}}, {"m": 1}) == {"_id": 2, "m": 2}
    assert run(filter={"_id": "x"}, updateMods={"z": 1}, upsert=True, collation={"locale": "en"})["nUpserted"] == 1


@option("upsert.equality-extraction", "upsert._id-generation", "upsert.upserted-reply")
def upserts(db: Db) -> None:
    query = {"a.b": 1, "c": {"$eq": 2}, "d": {"$all": [3]}, "$and": [{"e": 4}], "f": {"$gt": 5}}
    reply = update(db, {"$set": {"z": 0}}, query, upsert=True)
    found = db.c.find_one()
    assert found is not None
    assert next(iter(found)) == "_id"
    assert isinstance(found["_id"], ObjectId)
    assert reply["upserted"] == [{"index": 0, "_id": found["_id"]}]
    assert {**found, "_id": 0} == {"_id": 0, "a": {"b": 1}, "c": 2, "d": 3, "e": 4, "z": 0}
    assert update(db, {"$set": {"z": 0}}, {"$and": [{"a": 1}, {"a": 2}]}, upsert=True)["code"] == 54
    assert "upserted" not in update(db, {"$set": {"z": 1}}, {"c": 2}, upsert=True)


@updates("$each", "$position")
def each(db: Db) -> None:
    assert updated(db, {"l": [1, 2]}, {"$push": {"l": {"$each": [8, 9], "$position": 1}}}) == {"l": [1, 8, 9, 2]}
    assert updated(db, {"l": [1]}, {"$addToSet": {"l": {"$each": [1, 2, 2]}}}) == {"l": [1, 2]}
    assert updated(db, {"l": [1, 2, 3]}, {"$push": {"l": {"$each": [9], "$position": -1, "$slice": 3}}}) == {"l": [1, 2, 9]}


@updates("$[]", "$[<identifier>]", "$ (positional)", "arrayFilters")
def positions(db: Db) -> None:
    assert updated(db, {"l": [1, 2]}, {"$inc": {"l.$[]": 1}}) == {"l": [2, 3]}
    nested = {"l": [{"m": [1, 5]}, {"m": [6]}]}
    assert updated(db, nested, {"$set": {"l.$[].m.$[x]": 0}}, arrayFilters=[{"x": {"$gt": 4}}]) == {"l": [{"m": [1, 0]}, {"m": [0]}]}
    assert updated(db, {"l": [1, 5, 5]}, {"$set": {"l.$": 0}}, query={"l": 5}) == {"l": [1, 0, 5]}
    assert refused(db, {"l": [1]}, {"$set": {"l.$": 0}}) == 2


@updates("replacement document", "operator document", "empty operator {$set:{}}", "_id immutability", "immutable-by-replacement")
def forms(db: Db) -> None:
    assert updated(db, {"a": 1}, {"b": 2}) == {"b": 2}
    assert updated(db, {"a": 1}, {"$set": {}}) == {"a": 1}
    assert refused(db, {"a": 1}, {"$set": {"a": 2}, "b": 1}) == 9
    assert refused(db, {"a": 1}, {"b": 1, "$set": {"a": 2}}) == 52
    assert refused(db, {}, {"$set": {"_id": 2}}) == 66
    assert refused(db, {}, {"_id": 2, "a": 1}) == 66


@updates(
    "pipeline: $addFields/$set",
    "pipeline: $project/$unset",
    "pipeline: $replaceRoot/$replaceWith",
    "pipeline constants c / let",
    "pipeline on upsert",
)
def pipelines(db: Db) -> None:
    assert updated(db, {"a": 1}, [{"$set": {"b": "$a"}}, {"$addFields": {"c": 3}}, {"$unset": "a"}]) == {"b": 1, "c": 3}
    assert updated(db, {"a": 1, "b": 2}, [{"$project": {"b": 1}}]) == {"b": 2}
    assert updated(db, {"a": {"x": 1}}, [{"$replaceWith": "$a"}]) == {"x": 1}
    assert updated(db, {"a": {"x": 1}}, [{"$replaceRoot": {"newRoot": {"$mergeObjects": ["$$ROOT", "$a"]}}}, {"$unset": "a"}]) == {"x": 1}
    assert updated(db, {}, [{"$set": {"k": "$$k"}}], c={"k": 5}) == {"k": 5}
    assert refused(db, {}, [{"$match": {}}]) == 72
    db.c.drop()
    update(db, [{"$set": {"n": {"$ifNull": [{"$add": ["$n", 1]}, 1]}}}], {"_id": 7}, upsert=True)
    assert db.c.find_one() == {"_id": 7, "n": 1}


@updates("processing order", "conflict detection", "no-op detection", "array backfill with null")
def processing(db: Db) -> None:
    assert list(updated(db, {}, {"$set": {"z": 1, "a": 1, "10": 1, "9": 1}})) == ["9", "10", "a", "z"]
    assert refused(db, {}, {"$set": {"a": 1}, "$inc": {"a": 1}}) == 40
    assert refused(db, {}, {"$set": {"a.b": 1, "a": 1}}) == 40
    db.c.drop()
    db.c.insert_one({"_id": 1, "n": 1})
    assert update(db, {"$set": {"n": Int64(1)}})["nModified"] == 1
    assert update(db, {"$set": {"n": Int64(1)}})["nModified"] == 0
    assert updated(db, {"l": [1]}, {"$set": {"l.3": 4}}) == {"l": [1, None, None, 4]}


@updates("path not viable", "empty path component", "$-prefixed/dotted field names", "document too large", "validator on update")
def refusals(db: Db) -> None:
    assert refused(db, {"a": 1}, {"$set": {"a.b": 1}}) == 28
    assert refused(db, {}, {"$set": {"a..b": 1}}) == 56
    assert refused(db, {}, {"$set": {"": 1}}) == 56
    assert refused(db, {}, {"$set": {"$b": 1}}) == 52
    assert updated(db, {}, {"$set": {"a": {"$b": 1, "c.d": 2}}}) == {"a": {"$b": 1, "c.d": 2}}
    assert refused(db, {"a": "x" * 9_000_000}, {"$set": {"b": "x" * 9_000_000}}) == 17419
    db.c.drop()
    db.create_collection("c", validator={"a": 1})
    db.c.insert_one({"_id": 1, "a": 1})
    assert update(db, {"$set": {"a": 2}})["code"] == 121


@updates("Timestamp(0,0) replacement")
def timestamps(db: Db) -> None:
    assert updated(db, {}, {"t": Timestamp(0, 0), "in": {"t": Timestamp(0, 0)}})["t"].time > 0
    assert updated(db, {}, {"$set": {"t": Timestamp(0, 0)}}) == {"t": Timestamp(0, 0)}
