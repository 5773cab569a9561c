"""Commands on time-series collections: what they show, change and refuse."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server import SecantusDBServer
from secantus_server.work.ttl import delete_expired
from tests.failing import failure

START = datetime(2024, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def series(db: Database[dict[str, Any]]) -> Database[dict[str, Any]]:
    """A database with the time-series collection `s`, which has ten measurements of two series."""
    db.create_collection("s", timeseries={"timeField": "t", "metaField": "m", "granularity": "minutes"}, expireAfterSeconds=10**9)
    db.s.insert_many([{"t": START + timedelta(minutes=n), "m": {"s": n % 2}, "v": n} for n in range(10)])
    return db


def entry(db: Database[dict[str, Any]], name: str) -> dict[str, Any]:
    (found,) = db.command("listCollections", filter={"name": name})["cursor"]["firstBatch"]
    return dict(found)


def values(db: Database[dict[str, Any]], filter: dict[str, Any] | None = None) -> list[int]:
    return sorted(one["v"] for one in db.s.find(filter or {}))


def test_listings(series: Database[dict[str, Any]]) -> None:
    options = {"timeField": "t", "metaField": "m", "granularity": "minutes", "bucketMaxSpanSeconds": 86_400}
    shown = entry(series, "s")
    assert (shown["type"], shown["info"]) == ("timeseries", {"readOnly": False})
    assert shown["options"] == {"timeseries": options, "expireAfterSeconds": 10**9}
    buckets = entry(series, "system.buckets.s")
    assert buckets["type"] == "collection"
    assert buckets["options"]["clusteredIndex"] is True
    assert buckets["options"]["timeseries"] == options
    assert "validator" in buckets["options"]
    assert entry(series, "system.views")["type"] == "collection"
    (view,) = series["system.views"].find()
    unpack = {"timeField": "t", "metaField": "m", "bucketMaxSpanSeconds": 86_400, "exclude": []}
    assert view == {"_id": f"{series.name}.s", "viewOn": "system.buckets.s", "pipeline": [{"$_internalUnpackBucket": unpack}]}


def test_create_again(series: Database[dict[str, Any]]) -> None:
    timeseries = {"timeField": "t", "metaField": "m", "granularity": "minutes"}
    series.command("create", "s", timeseries=timeseries, expireAfterSeconds=10**9)
    assert failure(series, {"create": "s", "timeseries": {"timeField": "t"}})["code"] == 48
    assert failure(series, {"create": "s"})["code"] == 48
    assert (
        failure(series, {"create": "c", "timeseries": {"timeField": "t"}, "clusteredIndex": {"key": {"_id": 1}, "unique": True}})["code"]
        == 72
    )


def test_drop(series: Database[dict[str, Any]]) -> None:
    assert failure(series, {"drop": "system.buckets.s"})["code"] == 20
    assert failure(series, {"drop": "system.views"})["code"] == 20
    series.command("drop", "s")
    assert series.list_collection_names() == []
    assert failure(series, {"listIndexes": "system.buckets.s"})["code"] == 26


def test_filters_of_metadata_and_time_read_few_buckets(db: Database[dict[str, Any]]) -> None:
    db.create_collection("s", timeseries={"timeField": "t", "metaField": "m"})
    db.s.insert_many([{"t": START + timedelta(hours=n), "m": n % 5, "v": n} for n in range(100)])
    query = {"m": 3, "t": {"$gte": START + timedelta(hours=90)}, "v": {"$gt": 0}}
    plan = db.command("explain", {"find": "s", "filter": query}, verbosity="executionStats")
    cursor, unpack, match = plan["stages"]
    assert cursor["$cursor"]["executionStats"]["totalDocsExamined"] == 2
    assert cursor["$cursor"]["queryPlanner"]["winningPlan"]["inputStage"]["indexName"] == "m_1_t_1"
    assert next(iter(unpack)) == "$_internalUnpackBucket"
    assert [list(clause) for clause in match["$match"]["$and"]] == [["t"], ["v"]]
    assert values(db, query) == [93, 98]
    assert values(db, {"t": START + timedelta(hours=5)}) == [5]
    assert db.s.count_documents({"m": {"$in": [1, 2]}}) == 40


def test_deletes(series: Database[dict[str, Any]]) -> None:
    assert series.s.delete_one({"v": 3}).deleted_count == 1
    assert series.s.delete_many({"v": {"$gte": 8}}).deleted_count == 2
    assert series.s.delete_many({"m.s": 1, "t": {"$lt": START + timedelta(minutes=2)}}).deleted_count == 1
    assert values(series) == [0, 2, 4, 5, 6, 7]
    assert series.s.find_one_and_delete({"v": 4}, {"_id": 0}) == {"t": START + timedelta(minutes=4), "m": {"s": 0}, "v": 4}
    assert series.s.delete_many({}).deleted_count == 5
    assert series["system.buckets.s"].count_documents({}) == 0
    assert series.s.delete_many({}).deleted_count == series.s.delete_one({}).deleted_count == 0


def test_updates_of_the_metadata(series: Database[dict[str, Any]]) -> None:
    assert series.s.update_many({"m.s": 1}, {"$set": {"m.place": "x"}}).modified_count == 1
    assert values(series, {"m.place": "x"}) == [1, 3, 5, 7, 9]
    series.s.update_many({}, {"$inc": {"m.s": 5}})
    assert series.s.distinct("m.s") == [5, 6]
    # SERVER-59720
    assert series.s.update_many({"$expr": {"$lt": ["$m.s", 6]}}, {"$rename": {"m.s": "m.r"}}).modified_count == 1
    assert series.s.distinct("m") == [{"r": 5}, {"s": 6, "place": "x"}]
    series.s.update_many({"m.r": 5}, {"$set": {"m": None}})
    assert series.s.distinct("m") == [None, {"s": 6, "place": "x"}]


def test_explain_of_a_delete(series: Database[dict[str, Any]]) -> None:
    delete = {"delete": "s", "deletes": [{"q": {"m.s": 1}, "limit": 0}]}
    plan = series.command("explain", delete, verbosity="queryPlanner")["queryPlanner"]
    assert plan["namespace"] == f"{series.name}.system.buckets.s"
    assert (plan["winningPlan"]["stage"], plan["parsedQuery"]) == ("DELETE", {"meta.s": {"$eq": 1}})
    for statement in ({"q": {"v": 1}, "limit": 0}, {"q": {"m.s": 1}, "limit": 1}):
        assert failure(series, {"explain": {"delete": "s", "deletes": [statement]}})["code"] == 238


@pytest.mark.parametrize(
    "statement",
    [
        {"q": {}, "u": {"$set": {"m": 1}}},
        {"q": {}, "u": {"$set": {"m": 1}}, "multi": True, "upsert": True},
        {"q": {}, "u": [{"$set": {"m": 1}}], "multi": True},
        {"q": {}, "u": {"$set": {"v": 1}}, "multi": True},
        {"q": {}, "u": {"$set": {"m": 1, "v": 1}}, "multi": True},
        {"q": {}, "u": {"$rename": {"m": "o"}}, "multi": True},
        {"q": {"v": 1}, "u": {"$set": {"m": 1}}, "multi": True},
        {"q": {"$expr": {"$eq": ["$v", 1]}}, "u": {"$set": {"m": 1}}, "multi": True},
        {"q": {"$or": [{"m": 1}, {"t": START}]}, "u": {"$set": {"m": 1}}, "multi": True},
    ],
)
def test_other_updates_are_refused(series: Database[dict[str, Any]], statement: dict[str, Any]) -> None:
    assert series.command("update", "s", updates=[statement])["writeErrors"][0]["code"] == 72


def test_find_and_modify_can_only_remove(series: Database[dict[str, Any]]) -> None:
    assert failure(series, {"findAndModify": "s", "query": {}, "update": {"$set": {"m": 1}}})["code"] == 72
    assert failure(series, {"findAndModify": "s", "query": {}, "remove": True, "sort": {"v": 1}})["code"] == 72
    assert series.command("findAndModify", "s", query={"v": -1}, remove=True)["value"] is None


def test_transactions_only_read(series: Database[dict[str, Any]]) -> None:
    with series.client.start_session() as session:
        for write in (
            lambda: series.s.insert_one({"t": START}, session=session),
            lambda: series.s.delete_many({}, session=session),
            lambda: series.s.find_one_and_delete({}, session=session),
            lambda: series.s.update_many({}, {"$set": {"m": 1}}, session=session),
            lambda: series.create_collection("n", timeseries={"timeField": "t"}, session=session),
        ):
            session.start_transaction()
            assert series.s.count_documents({}, session=session) == 10
            with pytest.raises(OperationFailure) as caught:
                write()
            assert caught.value.code == 263
            session.abort_transaction()


def test_indexes_are_shown_in_the_users_terms(series: Database[dict[str, Any]]) -> None:
    assert series.s.create_index([("m.s", 1), ("t", -1), ("v", 1)]) == "m.s_1_t_-1_v_1"
    assert [(one["name"], dict(one["key"])) for one in series.s.list_indexes()] == [
        ("m_1_t_1", {"m": 1, "t": 1}),
        ("m.s_1_t_-1_v_1", {"m.s": 1, "t": -1, "v": 1}),
    ]
    key = {"meta.s": 1, "control.max.t": -1, "control.min.t": -1, "control.min.v": 1, "control.max.v": 1}
    assert [dict(one["key"]) for one in series["system.buckets.s"].list_indexes()][1] == key
    assert next(one["key"] for one in series.s.aggregate([{"$indexStats": {}}])) == {"m": 1, "t": 1}
    assert values(series, {"m.s": 1}) == sorted(one["v"] for one in series.s.find({"m.s": 1}).hint({"m.s": 1, "t": -1, "v": 1}))
    series.s.drop_index([("m.s", 1), ("t", -1), ("v", 1)])
    series.command("dropIndexes", "s", index="*")
    assert list(series.s.list_indexes()) == []


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"key": {"v": 1}, "name": "a", "unique": True}, 72),
        ({"key": {"v": 1}, "name": "a", "sparse": True}, 72),
        ({"key": {"$**": 1}, "name": "a"}, 7246201),
        ({"key": {"m.$**": 1}, "name": "a"}, 7246201),
        ({"key": {"v": "text"}, "name": "a"}, 72),
        ({"key": {"v": "hashed"}, "name": "a"}, 67),
        ({"key": {"v": "2d"}, "name": "a"}, 67),
        ({"key": {"m.s": 1, "v": 1}, "name": "a", "sparse": True}, 72),
        ({"key": {"v": "2dsphere"}, "name": "a"}, 183934),
        ({"key": {"v.at": "2dsphere"}, "name": "a"}, 238),
        ({"key": {"v": 1}, "name": "a", "expireAfterSeconds": 1}, 72),
        ({"key": {"t": 1}, "name": "a", "expireAfterSeconds": 1}, 72),
        ({"key": {"v": 1}, "name": "a", "partialFilterExpression": {"m.s": 1}, "collation": {"locale": "de"}}, 85),
    ],
)
def test_indexes_that_cannot_be(series: Database[dict[str, Any]], spec: dict[str, Any], code: int) -> None:
    assert failure(series, {"createIndexes": "s", "indexes": [spec]})["code"] == code


def test_partial_indexes_show_their_own_filter(series: Database[dict[str, Any]]) -> None:
    partial = {"v": {"$gt": 3}, "m.s": 1}
    series.s.create_index("t", name="p", partialFilterExpression=partial)
    assert [one["partialFilterExpression"] for one in series.s.list_indexes() if one["name"] == "p"] == [partial]
    assert values(series, {"v": {"$gt": 3}, "m.s": 1}) == [5, 7, 9]


def test_the_span_can_only_grow(series: Database[dict[str, Any]]) -> None:
    series.command("collMod", "s", timeseries={"granularity": "hours"}, expireAfterSeconds="off")
    options = {"timeField": "t", "metaField": "m", "granularity": "hours", "bucketMaxSpanSeconds": 2_592_000}
    assert entry(series, "s")["options"] == {"timeseries": options}
    assert entry(series, "system.buckets.s")["options"]["timeseries"] == options
    assert failure(series, {"collMod": "s", "timeseries": {"granularity": "seconds"}})["code"] == 72
    assert failure(series, {"collMod": "s", "validator": {}})["code"] == 72
    series.command("collMod", "s", timeseries={"bucketMaxSpanSeconds": 3_000_000, "bucketRoundingSeconds": 3_000_000})
    assert "granularity" not in entry(series, "s")["options"]["timeseries"]
    assert failure(series, {"collMod": "s", "timeseries": {"bucketMaxSpanSeconds": 100, "bucketRoundingSeconds": 100}})["code"] == 72
    series.s.insert_one({"t": START + timedelta(days=20), "m": {"s": 1}, "v": 10})
    assert values(series) == list(range(11))


def test_an_index_can_be_hidden(series: Database[dict[str, Any]]) -> None:
    for index in ({"keyPattern": {"m": 1, "t": 1}}, {"name": "m_1_t_1"}):
        series.command("collMod", "s", index={**index, "hidden": True})
        assert [one.get("hidden") for one in series.s.list_indexes()] == [True]
        series.command("collMod", "s", index={**index, "hidden": False})


@pytest.mark.parametrize("rename", [False, True])
def test_rename_is_refused(series: Database[dict[str, Any]], rename: bool) -> None:
    series.create_collection("o")
    source, target = ("s", "n") if rename else ("o", "s")
    command = {"renameCollection": f"{series.name}.{source}", "to": f"{series.name}.{target}", "dropTarget": True}
    assert failure(series.client.admin, command)["code"] == (166 if rename else 48)


def test_statistics(series: Database[dict[str, Any]]) -> None:
    stats = series.command("collStats", "s")
    assert stats["timeseries"]["bucketsNs"] == f"{series.name}.system.buckets.s"
    assert stats["timeseries"]["bucketCount"] == 2
    assert "count" not in stats
    (shown,) = series.s.aggregate([{"$collStats": {"storageStats": {}, "count": {}}}])
    assert shown["storageStats"]["timeseries"]["bucketCount"] == shown["count"] == 2
    assert failure(series, {"dataSize": f"{series.name}.s"})["code"] == 166


def test_out(series: Database[dict[str, Any]]) -> None:
    timeseries = {"timeField": "t", "metaField": "m", "granularity": "minutes"}
    series.s.aggregate([{"$match": {"v": {"$lt": 4}}}, {"$out": {"db": series.name, "coll": "n", "timeseries": timeseries}}])
    assert entry(series, "n")["type"] == "timeseries"
    assert series.n.count_documents({}) == 4
    series.s.aggregate([{"$match": {"v": 7}}, {"$out": "n"}])
    assert [one["v"] for one in series.n.find()] == [7]
    assert len(list(series.n.list_indexes())) == 1
    series.create_collection("o")
    series.o.insert_one({"a": 1})
    with pytest.raises(OperationFailure) as caught:
        series.o.aggregate([{"$out": {"db": series.name, "coll": "n", "timeseries": timeseries}}])
    assert caught.value.code == 2
    assert [one["v"] for one in series.n.find()] == [7]
    with pytest.raises(OperationFailure) as caught:
        series.s.aggregate([{"$merge": "n"}])
    assert caught.value.code == 166


def test_other_readers(series: Database[dict[str, Any]]) -> None:
    series.create_collection("v", viewOn="s", pipeline=[{"$match": {"m.s": 1}}])
    assert series.v.count_documents({}) == 5
    series.o.insert_one({"a": 3})
    (joined,) = series.o.aggregate([{"$lookup": {"from": "s", "localField": "a", "foreignField": "v", "as": "found"}}])
    assert [one["v"] for one in joined["found"]] == [3]
    assert list(series.o.aggregate([{"$unionWith": "s"}, {"$count": "n"}])) == [{"n": 11}]
    assert [one["v"] for one in series.s.find().sort("v", -1).skip(1).limit(2)] == [8, 7]
    assert len(list(series.s.find(batch_size=2))) == 10
    assert failure(series, {"find": "s", "tailable": True})["code"] == 168
    assert failure(series, {"aggregate": "s", "pipeline": [{"$changeStream": {}}], "cursor": {}})["code"] == 166


def test_expiry(series: Database[dict[str, Any]], server: SecantusDBServer) -> None:
    span = 86_400
    now, db = datetime.now(timezone.utc), series
    db.create_collection("e", timeseries={"timeField": "t", "metaField": "m", "granularity": "minutes"}, expireAfterSeconds=10)
    db.e.insert_many([{"t": now - timedelta(seconds=seconds), "m": seconds} for seconds in (span + 4000, span - 4000, 0)])
    delete_expired(server.services)
    assert sorted(db.e.distinct("m")) == [0, span - 4000]


def test_bulk_writes(series: Database[dict[str, Any]], client: MongoClient[dict[str, Any]]) -> None:
    ops = [
        {"insert": 0, "document": {"t": START, "m": 9, "v": 20}},
        {"insert": 0, "document": {"v": 21}},
        {"delete": 0, "filter": {"v": 1}, "multi": False},
        {"update": 0, "filter": {"m": 9}, "updateMods": {"$set": {"m": 8}}, "multi": True},
    ]
    reply = client.admin.command({"bulkWrite": 1, "ops": ops, "nsInfo": [{"ns": f"{series.name}.s"}], "ordered": False})
    assert (reply["nErrors"], reply["nInserted"], reply["nDeleted"], reply["nModified"]) == (1, 1, 1, 1)
    assert values(series, {"m": 8}) == [20]


def test_raw_data_are_the_buckets(series: Database[dict[str, Any]]) -> None:
    raw: dict[str, Any] = {"rawData": True}
    found = series.command("find", "s", batchSize=1, **raw)["cursor"]
    assert found["ns"] == f"{series.name}.system.buckets.s"
    (first,) = found["firstBatch"]
    (second,) = series.command("getMore", found["id"], collection="system.buckets.s")["cursor"]["nextBatch"]
    assert [bucket["control"]["version"] for bucket in (first, second)] == [1, 1]
    assert series.command("count", "s", **raw)["n"] == series.command("count", "s", query={"meta.s": {"$lt": 5}}, rawData=1)["n"] == 2
    assert series.command("distinct", "s", key="meta.s", **raw)["values"] == [0, 1]
    assert series.command("aggregate", "s", pipeline=[{"$match": {"meta.s": 1}}], cursor={}, **raw)["cursor"]["firstBatch"] == [second]
    assert series.command("explain", {"find": "s", **raw})["queryPlanner"]["namespace"] == found["ns"]
    assert series.command("delete", "s", deletes=[{"q": {"_id": first["_id"]}, "limit": 1}], **raw)["n"] == 1
    assert values(series) == [1, 3, 5, 7, 9]
    assert series.command("insert", "s", documents=[first], **raw)["n"] == 1
    update = {"q": {"meta.s": 0}, "u": {"$set": {"meta.s": 5}}}
    assert series.command("update", "s", updates=[update], **raw)["nModified"] == 1
    assert values(series, {"m.s": 5}) == [0, 2, 4, 6, 8]
    changed = series.command("findAndModify", "s", query={"meta.s": 5}, update={"$set": {"meta.s": 6}}, new=True, **raw)["value"]
    assert changed == {**first, "meta": {"s": 6}}


def test_raw_indexes_and_bulk_writes(series: Database[dict[str, Any]]) -> None:
    series.command("createIndexes", "s", indexes=[{"key": {"control.min.v": 1}, "name": "v"}], rawData=True)
    keys = [index["key"] for index in series.command("listIndexes", "s", rawData=True)["cursor"]["firstBatch"]]
    assert keys == [{"meta": 1, "control.min.t": 1, "control.max.t": 1}, {"control.min.v": 1}]
    series.command("dropIndexes", "s", index="v", rawData=True)
    assert [index["key"] for index in series.s.list_indexes()] == [{"m": 1, "t": 1}]
    operations = [{"delete": 0, "filter": {"meta.s": 1}, "multi": False}]
    namespaces = [{"ns": f"{series.name}.s"}]
    assert series.client.admin.command("bulkWrite", 1, ops=operations, nsInfo=namespaces, rawData=True)["nDeleted"] == 1
    assert values(series) == [0, 2, 4, 6, 8]


def test_raw_data_of_other_collections(db: Database[dict[str, Any]]) -> None:
    db.c.insert_one({"_id": 1})
    assert db.command("find", "c", rawData=True)["cursor"]["firstBatch"] == [{"_id": 1}]
    assert failure(db, {"find": "c", "rawData": "yes"})["code"] == 14
