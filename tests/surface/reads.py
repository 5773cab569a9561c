"""The arguments of reading commands, and of all commands. https://www.mongodb.com/docs/manual/reference/command/find/"""

from __future__ import annotations

from functools import partial
from typing import Any

from bson import Int64
from pymongo.collation import Collation
from pymongo.cursor import CursorType
from pymongo.database import Database

from tests.failing import code_of_call as code
from tests.net.raw_client import EXHAUST_ALLOWED
from tests.surface.rows import row
from tests.surface.sending import connected, send

Db = Database[dict[str, Any]]
option = partial(row, "Options of reads")
generic = partial(row, "Options of all commands")


def fill(db: Db, count: int = 5) -> None:
    """Insert documents `{_id: n, a: n % 2}`."""
    db.c.insert_many([{"_id": n, "a": n % 2} for n in range(count)])


def find(db: Db, **arguments: Any) -> list[Any]:
    """Return the `_id` values in the first batch of a find."""
    return [found.get("_id") for found in db.command("find", "c", **arguments)["cursor"]["firstBatch"]]


def aggregate(db: Db, *stages: dict[str, Any], **arguments: Any) -> list[Any]:
    """Return the first batch of an aggregation."""
    return db.command("aggregate", "c", pipeline=list(stages), cursor={}, **arguments)["cursor"]["firstBatch"]  # type: ignore[no-any-return]


@generic("$db", "$readPreference", "comment", "lsid")
def common(db: Db) -> None:
    assert send(db, {"ping": 1})["code"] == 40571
    assert code(db.command, {"ping": 1, "$readPreference": {"mode": "secondaryPreferred"}, "comment": [1, {"a": 2}]}) is None
    assert send(db, {"ping": 1, "lsid": {"id": 5}, "$db": db.name})["ok"] == 0


@generic("txnNumber", "autocommit", "startTransaction")
def transaction_fields(db: Db) -> None:
    lsid = db.command("startSession")["id"]
    insert = {"insert": "c", "documents": [{}], "$db": db.name}
    assert send(db, {**insert, "txnNumber": Int64(1)})["ok"] == 0
    assert send(db, {**insert, "lsid": lsid, "txnNumber": Int64(1), "autocommit": True})["code"] == 72
    assert send(db, {**insert, "lsid": lsid, "txnNumber": Int64(1), "autocommit": False, "startTransaction": False})["ok"] == 0
    assert send(db, {**insert, "lsid": lsid, "txnNumber": Int64(2), "autocommit": False, "startTransaction": True})["ok"] == 1
    assert send(db, {**insert, "lsid": lsid, "txnNumber": Int64(2), "autocommit": False})["ok"] == 1
    db.client.admin.command("killSessions", [lsid])


@generic("$clusterTime")
def gossip(db: Db) -> None:
    first = send(db, {"ping": 1, "$db": db.name})["$clusterTime"]
    assert send(db, {"ping": 1, "$db": db.name, "$clusterTime": first})["$clusterTime"]["clusterTime"] >= first["clusterTime"]


@generic("apiVersion", "apiStrict", "apiDeprecationErrors")
def stable_api(db: Db) -> None:
    assert code(db.command, "ping", apiVersion="1", apiStrict=True, apiDeprecationErrors=True) is None
    assert code(db.command, "ping", apiVersion="2") == 322
    assert code(db.command, "buildInfo", apiVersion="1", apiStrict=True) == 323
    assert code(db.command, "ping", apiStrict=True) is not None


@generic("maxTimeMS")
def max_time(db: Db) -> None:
    fill(db)
    assert code(db.command, "find", "c", maxTimeMS=0) is None
    assert code(db.command, "find", "c", maxTimeMS=-1) == 2
    assert code(db.command, "find", "c", maxTimeMS="x") == 14
    db.client.admin.command("configureFailPoint", "maxTimeAlwaysTimeOut", mode="alwaysOn")
    try:
        assert code(db.command, "find", "c", maxTimeMS=60_000) == 50
    finally:
        db.client.admin.command("configureFailPoint", "maxTimeAlwaysTimeOut", mode="off")


@generic("readConcern")
def read_concern(db: Db) -> None:
    fill(db)
    for level in ("local", "available", "majority", "linearizable", "snapshot"):
        assert find(db, readConcern={"level": level}) == [0, 1, 2, 3, 4]
    assert code(find, db, readConcern={"level": "none"}) == 2
    time = db.command("ping")["operationTime"]
    assert find(db, readConcern={"afterClusterTime": time}) == [0, 1, 2, 3, 4]
    at = db.command("find", "c", readConcern={"level": "snapshot", "atClusterTime": time})["cursor"]
    assert at["atClusterTime"] == time


@generic("writeConcern")
def write_concern(db: Db) -> None:
    for concern in ({"w": 1, "j": True}, {"w": "majority", "wtimeout": 100}, {"w": 1, "fsync": True}):
        assert db.command("insert", "c", documents=[{}], writeConcern=concern)["n"] == 1
    assert db.command("insert", "c", documents=[{}], writeConcern={"w": "nowhere"})["writeConcernError"]["code"] == 79
    assert db.command("insert", "c", documents=[{}], writeConcern={"w": 3})["writeConcernError"]["code"] == 100


@option("find.filter", "find.sort", "find.projection", "find.skip", "find.limit", "find.let", "find.allowDiskUse")
def find_basics(db: Db) -> None:
    fill(db)
    assert find(db, filter={"a": 0}, sort={"_id": -1}, skip=1, limit=1, allowDiskUse=True) == [2]
    assert db.command("find", "c", projection={"a": 1, "_id": 0}, limit=1)["cursor"]["firstBatch"] == [{"a": 0}]
    assert find(db, filter={"$expr": {"$eq": ["$_id", "$$x"]}}, let={"x": 3}) == [3]
    assert find(db, limit=0) == [0, 1, 2, 3, 4]
    assert code(find, db, skip=-1) == code(find, db, limit=-1) == 2
    assert code(find, db, sort={"a": 2}) == 15975
    assert code(find, db, sort={"a": "up"}) == 15974


@option("find.hint", "find.collation")
def find_hint(db: Db) -> None:
    fill(db)
    db.c.create_index("a")
    assert find(db, hint="a_1") == find(db, hint={"a": 1}) == [0, 2, 4, 1, 3]
    assert find(db, hint={"$natural": -1}) == [4, 3, 2, 1, 0]
    assert code(find, db, hint="b_1") == 2
    db.c.insert_one({"_id": "É"})
    assert find(db, filter={"_id": "e"}, collation={"locale": "fr", "strength": 1}) == ["É"]


@option(
    "find.batchSize",
    "find.singleBatch",
    "getMore.batchSize",
    "getMore.comment",
    "find.noCursorTimeout",
    "limit: first batch 101 docs / 16 MiB",
)
def batches(db: Db) -> None:
    fill(db, 250)
    assert len(find(db)) == len(aggregate(db)) == 101
    reply = db.command("find", "c", batchSize=0, noCursorTimeout=True)["cursor"]
    assert (reply["firstBatch"], reply["id"] != 0) == ([], True)
    more = db.command({"getMore": reply["id"], "collection": "c", "batchSize": 3, "comment": "why"})["cursor"]
    assert [found["_id"] for found in more["nextBatch"]] == [0, 1, 2]
    assert code(db.command, {"getMore": reply["id"], "collection": "c", "batchSize": -1}) == 2
    assert db.command("find", "c", batchSize=2, singleBatch=True)["cursor"]["id"] == 0


@option("find.tailable", "find.awaitData", "getMore.maxTimeMS", "cursor.tailable-await")
def tailable(db: Db) -> None:
    db.create_collection("c", capped=True, size=4096)
    fill(db, 1)
    cursor = db.c.find(cursor_type=CursorType.TAILABLE_AWAIT).max_await_time_ms(20)
    assert next(cursor)["_id"] == 0
    assert list(cursor) == []
    assert cursor.alive
    db.c.insert_one({"_id": 1})
    assert next(cursor)["_id"] == 1
    cursor.close()
    db.plain.insert_one({})
    assert code(db.command, "find", "plain", tailable=True) == 2
    assert code(db.command, "find", "c", awaitData=True) == 9
    ordinary = db.command("find", "c", batchSize=0)["cursor"]["id"]
    assert code(db.command, {"getMore": ordinary, "collection": "c", "maxTimeMS": 5}) == 2


@option(
    "aggregate.pipeline",
    "aggregate.cursor",
    "aggregate.explain",
    "aggregate.let",
    "aggregate.comment",
    "aggregate.hint",
    "aggregate.collation",
)
def aggregations(db: Db) -> None:
    fill(db)
    db.c.create_index("a")
    assert aggregate(db, {"$match": {"$expr": {"$gt": ["$_id", "$$x"]}}}, {"$count": "n"}, let={"x": 2}, comment="why") == [{"n": 2}]
    assert code(db.command, "aggregate", "c", pipeline=[]) == 9
    assert code(db.command, "aggregate", "c", pipeline=[{"$skip": 1}] * 1001, cursor={}) == 7749501
    assert len(db.command("aggregate", "c", pipeline=[], cursor={"batchSize": 2})["cursor"]["firstBatch"]) == 2
    assert "queryPlanner" in str(db.command("aggregate", "c", pipeline=[{"$match": {"a": 1}}], explain=True))
    assert [found["_id"] for found in aggregate(db, hint="a_1")] == [0, 2, 4, 1, 3]
    assert aggregate(db, {"$match": {"x": "e"}}, collation={"locale": "fr"}) == []


@option("aggregate.allowDiskUse", "aggregate.readConcern", "aggregate.writeConcern", "aggregate.bypassDocumentValidation")
def aggregation_concerns(db: Db) -> None:
    fill(db)
    db.create_collection("d", validator={"z": 1})
    assert code(aggregate, db, {"$out": "d"}) == 121
    stages = ({"$merge": {"into": "d"}},)
    assert aggregate(db, *stages, bypassDocumentValidation=True, writeConcern={"w": "majority"}, allowDiskUse=True) == []
    assert db.d.estimated_document_count() == 5
    assert len(aggregate(db, readConcern={"level": "majority"})) == 5


@option("aggregate.collection-less (aggregate:1)")
def no_collection(db: Db) -> None:
    assert list(db.aggregate([{"$documents": [{"a": 1}]}])) == [{"a": 1}]
    assert list(db.client.admin.aggregate([{"$currentOp": {}}, {"$limit": 1}]))
    assert isinstance(list(db.aggregate([{"$listLocalSessions": {}}])), list)
    assert isinstance(list(db.client.admin.aggregate([{"$querySettings": {}}])), list)
    assert code(lambda: list(db.aggregate([{"$match": {}}]))) == 73


@option("count.query", "count.limit", "count.skip", "count.hint", "count.collation")
def counts(db: Db) -> None:
    fill(db)
    db.c.create_index("a", name="a")
    assert db.command("count", "c", query={"a": 0})["n"] == 3
    assert db.command("count", "c", query={"a": 0}, limit=-2, hint="a")["n"] == 2
    assert db.command("count", "c", skip=4)["n"] == 1
    db.c.insert_one({"_id": "É"})
    assert db.command("count", "c", query={"_id": "e"}, collation={"locale": "fr", "strength": 1})["n"] == 1


@option("distinct.key", "distinct.query", "distinct.collation", "distinct.hint", "limit: distinct result 16 MB")
def distincts(db: Db) -> None:
    fill(db)
    db.c.create_index("a", name="a")
    assert db.command("distinct", "c", key="a", query={"_id": {"$lt": 3}}, hint="a")["values"] == [0, 1]
    db.d.insert_many([{"w": "e"}, {"w": "É"}])
    assert db.command("distinct", "d", key="w", collation={"locale": "fr", "strength": 1})["values"] == ["e"]
    db.large.insert_many([{"w": str(n) + "x" * 2_000_000} for n in range(9)])
    assert code(db.command, "distinct", "large", key="w") == 17217


@option("listCollections.filter", "listCollections.nameOnly", "listCollections.authorizedCollections", "listCollections.cursor.batchSize")
def list_collections(db: Db) -> None:
    for name in "abc":
        db.create_collection(name)
    reply = db.command("listCollections", filter={"name": {"$in": ["a", "b"]}}, nameOnly=True, authorizedCollections=True)
    assert sorted(entry["name"] for entry in reply["cursor"]["firstBatch"]) == ["a", "b"]
    assert all(entry.keys() == {"name", "type"} for entry in reply["cursor"]["firstBatch"])
    assert len(db.command("listCollections", cursor={"batchSize": 1})["cursor"]["firstBatch"]) == 1


@option(
    "listDatabases.filter",
    "listDatabases.nameOnly",
    "listDatabases.authorizedDatabases",
    "listIndexes.cursor.batchSize",
    "explain.verbosity",
)
def listings(db: Db) -> None:
    fill(db)
    admin = db.client.admin
    reply = admin.command("listDatabases", filter={"name": db.name}, nameOnly=True, authorizedDatabases=True)
    assert reply["databases"] == [{"name": db.name}]
    db.c.create_index("a")
    assert len(db.command("listIndexes", "c", cursor={"batchSize": 1})["cursor"]["firstBatch"]) == 1
    for verbosity, part in (("queryPlanner", False), ("executionStats", True), ("allPlansExecution", True)):
        assert ("executionStats" in db.command("explain", {"find": "c"}, verbosity=verbosity)) is part
    assert code(db.command, "explain", {"find": "c"}, verbosity="none") == 2


@option("collation.locale", "collation.strength", "collation.caseLevel", "collation.numericOrdering")
def collations(db: Db) -> None:
    db.c.insert_many([{"_id": text} for text in ("a10", "a9", "A9", "á9")])

    def ordered(**arguments: Any) -> list[str]:
        return [found["_id"] for found in db.c.find({"_id": {"$ne": "á9"}}).sort("_id", 1).collation(Collation("en", **arguments))]

    assert ordered() == ["a10", "a9", "A9"]
    assert ordered(numericOrdering=True) == ["a9", "A9", "a10"]

    def equal(**arguments: Any) -> int:
        return db.c.count_documents({"_id": "a9"}, collation={"locale": "en", **arguments})

    assert [equal(strength=strength) for strength in (1, 2, 3, 4, 5)] == [3, 2, 1, 1, 1]
    assert equal(strength=1, caseLevel=True) == 2
    assert equal(locale="simple") == 1
    assert code(db.c.count_documents, {"_id": 1}, collation={"locale": "nowhere"}) == 2
    assert code(db.c.count_documents, {"_id": 1}, collation={"strength": 1}) == 40414


@option("cursor.exhaust (OP_MSG exhaustAllowed)")
def exhaust(db: Db) -> None:
    fill(db, 7)
    with connected(db) as client:
        opened = client.run({"find": "c", "batchSize": 2, "$db": db.name})["cursor"]
        get_more = {"getMore": opened["id"], "collection": "c", "batchSize": 2, "$db": db.name}
        cursor = client.run(get_more, flags=EXHAUST_ALLOWED)["cursor"]
        seen = [found["_id"] for found in cursor["nextBatch"]]
        while cursor["id"]:
            cursor = client.receive()[2]["cursor"]
            seen += [found["_id"] for found in cursor["nextBatch"]]
    assert seen == [2, 3, 4, 5, 6]


@option("cursor.idle timeout 10 min", "cursor.postBatchResumeToken", "cursor.atClusterTime")
def cursors(db: Db) -> None:
    assert db.client.admin.command("getParameter", cursorTimeoutMillis=1)["cursorTimeoutMillis"] == 600_000
    fill(db)
    with db.c.watch() as stream:
        assert stream.resume_token is not None
    read = db.command("distinct", "c", key="a", readConcern={"level": "snapshot"})
    assert "atClusterTime" in read
    assert "atClusterTime" in db.command("find", "c", readConcern={"level": "snapshot"})["cursor"]
