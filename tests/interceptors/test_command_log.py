"""The log of the commands that clients send: the contents of its records, and the commands that it omits."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId, Timestamp
from pymongo import DeleteOne, InsertOne, MongoClient, UpdateOne, WriteConcern
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure

from secantus_server.dispatch.interceptors import Call, Interceptor, Outcome
from secantus_server.query.plan_notes import wanted_of
from secantus_server.server import SecantusDBServer
from secantus_server.work._command_records import CommandRecord
from tests.failing import code
from tests.waiting import wait_until

OWN = "own commands"


@pytest.fixture
def log(server: SecantusDBServer) -> Iterator[SecantusDBServer]:
    server.log_commands(OWN)
    yield server
    server.stop_logging_commands()


def only(server: SecantusDBServer) -> CommandRecord:
    (record,) = server.logged_commands()
    return record


def counts(record: CommandRecord) -> tuple[Any, ...]:
    return record.plan_summary, record.keys_examined, record.docs_examined, record.n_returned


def fill(db: Database, number: int = 20) -> None:
    db.c.insert_many([{"_id": n, "a": n % 4, "b": -n} for n in range(number)])
    db.c.create_index("a")
    db.c.create_index("u", unique=True, sparse=True)


def test_nothing_is_kept_until_it_is_asked_for(server: SecantusDBServer, db: Database) -> None:
    installed = server.services.interceptors.logs
    db.c.insert_one({})
    assert server.logged_commands() == []
    server.log_commands()
    db.c.insert_one({})
    assert len(server.logged_commands()) == server.command_log_position() == 1
    server.stop_logging_commands()
    assert server.services.interceptors.logs == installed
    assert server.logged_commands() == []


def looked_up(field: str) -> dict[str, Any]:
    return {"$lookup": {"from": "c", "localField": "a", "foreignField": field, "as": "found"}}


PLANS = [
    (lambda db: db.c.find_one({"_id": 5}), ("EXPRESS_IXSCAN { _id: 1 }", 1, 1, 1)),
    (lambda db: db.c.find_one({"_id": 500}), ("EXPRESS_IXSCAN { _id: 1 }", 0, 0, 0)),
    (lambda db: list(db.c.find({"a": 1})), ("IXSCAN { a: 1 }", 5, 5, 5)),
    (lambda db: list(db.c.find({"b": -3})), ("COLLSCAN", 0, 20, 1)),
    (lambda db: list(db.c.find({"a": {"$gt": 1}}, {"_id": 0, "a": 1})), ("IXSCAN { a: 1 }", 10, 0, 10)),
    (lambda db: list(db.missing.find({"b": 1})), ("EOF", 0, 0, 0)),
    (lambda db: list(db.c.find({"$or": [{"_id": {"$lt": 2}}, {"a": 3}]})), ("IXSCAN { _id: 1 }, IXSCAN { a: 1 }", 7, 7, 7)),
    (lambda db: db.c.count_documents({"b": -3}), ("COLLSCAN", 0, 20, 1)),
    (lambda db: db.c.estimated_document_count(), ("", 0, 0, 0)),
    (lambda db: db.command("count", "c", query={"b": -3}), ("COLLSCAN", 0, 20, 0)),
    (lambda db: db.c.distinct("a"), ("DISTINCT_SCAN { a: 1 }", 4, 0, 4)),
    (lambda db: db.c.distinct("b", {"a": 1}), ("IXSCAN { a: 1 }", 5, 5, 5)),
    (lambda db: db.c.update_one({"_id": 1}, {"$set": {"x": 1}}), ("EXPRESS_IXSCAN { _id: 1 }", 1, 1, 0)),
    (lambda db: db.c.update_many({"b": {"$lt": -9}}, {"$set": {"x": 1}}), ("COLLSCAN", 0, 20, 0)),
    (lambda db: db.c.delete_many({"a": 1}), ("IXSCAN { a: 1 }", 5, 5, 0)),
    (lambda db: db.c.find_one_and_delete({"b": -19}), ("COLLSCAN", 0, 20, 1)),
    (lambda db: db.c.bulk_write([UpdateOne({"_id": 1}, {"$set": {"x": 1}}), UpdateOne({"b": 9}, {"$set": {"x": 1}})]),
     ("EXPRESS_IXSCAN { _id: 1 }, COLLSCAN", 1, 21, 0)),
    (lambda db: list(db.c.aggregate([{"$match": {"a": 1}}, {"$group": {"_id": "$b"}}])), ("IXSCAN { a: 1 }", 5, 5, 5)),
    (lambda db: list(db.c.aggregate([{"$match": {"_id": 1}}, {"$lookup": {"from": "c", "pipeline": [{"$match": {"b": 1}}], "as": "x"}}])),
     ("IXSCAN { _id: 1 }, COLLSCAN", 1, 21, 1)),
    (lambda db: list(db.c.aggregate([{"$match": {"_id": {"$lt": 3}}}, looked_up("_id")])), ("IXSCAN { _id: 1 }", 3, 3, 3)),
    (lambda db: list(db.c.aggregate([{"$match": {"_id": {"$lt": 3}}}, looked_up("a")])), ("IXSCAN { _id: 1 }, IXSCAN { a: 1 }", 18, 18, 3)),
    (lambda db: list(db.c.aggregate([{"$match": {"_id": {"$lt": 3}}}, looked_up("b")])), ("IXSCAN { _id: 1 }, COLLSCAN", 3, 23, 3)),
    (lambda db: db.v.find_one({"a": 1}), ("IXSCAN { a: 1 }", 1, 1, 1)),
    (lambda db: db.clustered.find_one({"_id": 1}), ("EXPRESS_IXSCAN { _id: 1 }", 1, 1, 1)),
    (lambda db: list(db.clustered.find({"_id": {"$gt": 1}})), ("CLUSTERED_IXSCAN", 2, 2, 2)),
    (lambda db: list(db.clustered.find({"x": 1})), ("COLLSCAN", 0, 4, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("run", "expected"), PLANS, ids=[str(number) for number in range(len(PLANS))])
def test_plans_and_what_they_examine(log: SecantusDBServer, db: Database, run: Any, expected: tuple[Any, ...]) -> None:
    fill(db)
    db.create_collection("v", viewOn="c", pipeline=[])
    db.create_collection("clustered", clusteredIndex={"key": {"_id": 1}, "unique": True})
    db.clustered.insert_many([{"_id": number} for number in range(4)])
    log.clear_command_log()
    run(db)
    assert counts(only(log)) == expected


def test_each_batch_counts_its_own_documents(log: SecantusDBServer, db: Database) -> None:
    fill(db)
    log.clear_command_log()
    list(db.c.find({"b": {"$lte": 0}}, batch_size=8))
    found = log.logged_commands()
    assert [record.name for record in found] == ["find", "getMore", "getMore"]
    assert [record.docs_examined for record in found] == [8, 8, 4]
    assert [record.n_returned for record in found] == [8, 8, 4]
    assert [record.plan_summary for record in found] == ["COLLSCAN"] * 3
    assert found[0].results == 20
    assert found[1].shape == f"getMore of {found[0].shape}"
    assert found[1].advice == found[0].advice == ("db.c.createIndex({ b: 1 })",)


def test_a_getmore_of_a_list_belongs_to_its_opener(log: SecantusDBServer, db: Database) -> None:
    db.c.create_index("a")
    log.clear_command_log()
    number = db.command("listIndexes", "c", cursor={"batchSize": 1})["cursor"]["id"]
    db.command({"getMore": number, "collection": "c"})
    opener, further = log.logged_commands()
    assert (further.shape, further.plan_summary, further.advice) == (f"getMore of {opener.shape}", "", ())
    assert (opener.n_returned, opener.results) == (1, 2)


def test_a_getmore_that_fails_leaves_the_cursor_to_its_opener(log: SecantusDBServer, db: Database) -> None:
    db.c.insert_many([{"a": n} for n in range(3)])
    number = db.command("find", "c", batchSize=1)["cursor"]["id"]
    assert code(db, {"getMore": number, "collection": "other"}) == 13
    db.command({"getMore": number, "collection": "c"})
    opener, _, further = log.logged_commands()[-3:]
    assert (further.shape, further.plan_summary) == (f"getMore of {opener.shape}", "COLLSCAN")
    assert opener.results == 3


def test_two_cursors_at_once_do_not_mix(log: SecantusDBServer, db: Database) -> None:
    fill(db)
    log.clear_command_log()
    one, two = db.c.find(batch_size=5), db.c.find({"a": 2}, batch_size=2)
    for _ in range(5):
        next(one), next(two)
    one.close(), two.close()
    by_name = [(record.name, record.plan_summary, record.docs_examined) for record in log.logged_commands()]
    assert by_name == [
        ("find", "COLLSCAN", 5), ("find", "IXSCAN { a: 1 }", 2), ("getMore", "IXSCAN { a: 1 }", 2), ("getMore", "IXSCAN { a: 1 }", 1),
        ("killCursors", "", 0),
    ]  # fmt: skip


def test_many_plans_of_one_command(log: SecantusDBServer, db: Database) -> None:
    fill(db)
    log.clear_command_log()
    db.c.bulk_write([UpdateOne({"b": -number}, {"$inc": {"x": 1}}) for number in range(20)] * 10)
    record = only(log)
    assert record.plan_summary == "COLLSCAN"
    assert record.docs_examined == 10 * sum(range(1, 21))


def test_updates_that_share_a_transaction(log: SecantusDBServer, db: Database) -> None:
    fill(db)
    db.c.update_one({"_id": 1}, {"$set": {"u": 1}})
    log.clear_command_log()
    lookups = [UpdateOne({"_id": number}, {"$inc": {"x": 1}}) for number in range(10)]
    db.c.bulk_write([*lookups, UpdateOne({"u": 1}, {"$inc": {"x": 1}}), UpdateOne({"_id": 500}, {"$inc": {"x": 1}})])
    assert counts(only(log)) == ("EXPRESS_IXSCAN { _id: 1 }, EXPRESS_IXSCAN { u: 1 }", 11, 11, 0)


def test_a_failed_update_in_a_shared_transaction(log: SecantusDBServer, db: Database) -> None:
    fill(db)
    db.c.update_one({"_id": 1}, {"$set": {"u": 1, "text": "x"}})
    log.clear_command_log()
    first, last = UpdateOne({"_id": 0}, {"$inc": {"x": 1}}), UpdateOne({"_id": 2}, {"$inc": {"x": 1}})
    with pytest.raises(BulkWriteError):
        db.c.bulk_write([first, UpdateOne({"_id": 1}, {"$inc": {"text": 1}}), last])
    # The failed update has examined its document, and the last update did not run.
    assert counts(only(log)) == ("EXPRESS_IXSCAN { _id: 1 }", 2, 2, 0)


def test_updates_before_and_after_a_scan(log: SecantusDBServer, db: Database) -> None:
    fill(db)
    log.clear_command_log()
    lookups = [UpdateOne({"_id": number}, {"$inc": {"x": 1}}) for number in range(10)]
    db.c.bulk_write([*lookups, UpdateOne({"b": -19}, {"$inc": {"x": 1}}), *lookups])
    record = only(log)
    assert counts(record) == ("EXPRESS_IXSCAN { _id: 1 }, COLLSCAN", 20, 40, 0)
    assert (record.scanned, record.scanned_collections) == (20, ("c",))


def test_no_plan_is_lost_among_many(log: SecantusDBServer, db: Database) -> None:
    fill(db, 200)
    log.clear_command_log()
    db.c.bulk_write([DeleteOne({"_id": number}) for number in range(200)])
    assert counts(only(log)) == ("EXPRESS_IXSCAN { _id: 1 }", 200, 200, 0)


def test_sorts_in_memory_are_counted(log: SecantusDBServer, db: Database) -> None:
    fill(db)
    log.clear_command_log()
    list(db.c.find({"a": 1}).sort("b"))
    list(db.c.find().sort("a"))
    assert [record.sorted for record in log.logged_commands()] == [5, 0]


def test_scans_that_an_index_could_serve(log: SecantusDBServer, db: Database) -> None:
    fill(db)
    db.c.create_index([("place", "2dsphere")])
    log.clear_command_log()
    list(db.c.find())
    list(db.c.find({"b": -3}))
    list(db.c.find({"place": {"$geoWithin": {"$centerSphere": [[0, 0], 1]}}}))
    assert [(record.scanned, record.rejected) for record in log.logged_commands()] == [(0, 0), (20, 19), (0, 0)]


def test_failures(log: SecantusDBServer, db: Database) -> None:
    with pytest.raises(OperationFailure):
        db.c.find_one({"$wrong": 1})
    with pytest.raises(OperationFailure):
        list(db.c.aggregate([{"$match": {"$expr": {"$divide": [1, 0]}}}]))
    assert [record.error for record in log.logged_commands()] == ["BadValue", "BadValue"]


def test_what_drivers_and_the_owner_send_is_left_out(log: SecantusDBServer, db: Database) -> None:
    with MongoClient(log.uri, appname=OWN) as owner:
        owner[db.name].c.insert_one({})
    with MongoClient(log.uri, heartbeatFrequencyMS=500) as other:
        session = other.start_session()
        other[db.name].c.find_one({}, comment=OWN, session=session)
        other[db.name].c.find_one({}, session=session)
        session.end_session()
    assert [record.text for record in log.logged_commands()] == ["db.c.find().limit(1)"]


def test_a_write_without_an_answer(log: SecantusDBServer, db: Database) -> None:
    db.c.with_options(write_concern=WriteConcern(w=0)).insert_one({"_id": 1})
    wait_until(lambda: len(log.logged_commands()) == 1, "the insert is logged")
    assert only(log).name == "insert"


def test_positions_stay_valid(log: SecantusDBServer, db: Database) -> None:
    db.c.insert_one({})
    position = log.command_log_position()
    db.c.find_one()
    assert [record.name for record in log.logged_commands(position)] == ["find"]
    log.clear_command_log()
    assert log.logged_commands(position) == []
    db.c.find_one()
    assert [record.number for record in log.logged_commands(position)] == [2]


def test_a_full_log_counts_the_rest(log: SecantusDBServer, db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    # By its name in `sys.modules`, because tests of the plugin in this process may have left another one in its package.
    monkeypatch.setattr(import_module("secantus_server.interceptors.command_log"), "MOST_ENTRIES", 2)
    log.stop_logging_commands()
    log.log_commands()
    for _ in range(5):
        db.c.find_one()
    assert len(log.logged_commands()) == 2
    assert log.commands_left_out() == 3


def test_records_can_be_sent_to_another_process(log: SecantusDBServer, db: Database) -> None:
    fill(db)
    list(db.c.find({"b": 1, "a": 1}))
    for record in log.logged_commands():
        copy = pickle.loads(pickle.dumps(record))
        for name in ("namespace", "shape", "text", "plan_summary", "advice", "n_returned", "duration_ms", "request_id", "source"):
            assert getattr(copy, name) == getattr(record, name)


ID = ObjectId("0123456789abcdef01234567")
LOOKUP = '{ $lookup: { from: "d", localField: "x", as: "z", foreignField: "y" } }])'
TEXTS = [
    (lambda db: db.c.find_one({"_id": ID}), f"db.c.find({{ _id: ObjectId('{ID}') }}).limit(1)", "db.c.find({ _id: ? }).limit(?)"),
    (lambda db: list(db["odd-name"].find({"a.b": "x\"y"}, {"_id": 0}).sort([("a", -1)]).skip(2)),
     'db.getCollection("odd-name").find({ "a.b": "x\\"y" }, { _id: 0 }).sort({ a: -1 }).skip(2)',
     'db.getCollection("odd-name").find({ "a.b": ? }, { _id: 0 }).sort({ a: -1 }).skip(?)'),
    (lambda db: list(db.c.find({"a": {"$in": [1, 2, 3]}, "b": {"$gt": 2.5}, "c": None, "d": True})),
     "db.c.find({ a: { $in: [1, 2, 3] }, b: { $gt: 2.5 }, c: null, d: true })",
     "db.c.find({ a: { $in: [?] }, b: { $gt: ? }, c: ?, d: ? })"),
    (lambda db: list(db.c.find({"l": Int64(5), "m": Decimal128("1.5"), "t": Timestamp(3, 4)})),
     "db.c.find({ l: Long('5'), m: Decimal128('1.5'), t: Timestamp({ t: 3, i: 4 }) })", "db.c.find({ l: ?, m: ?, t: ? })"),
    (lambda db: db.c.insert_one({"_id": 1}), "db.c.insertOne({ _id: 1 })", "db.c.insert(?)"),
    (lambda db: db.c.insert_many([{"_id": n} for n in range(1, 8)]),
     "db.c.insertMany([{ _id: 1 }, { _id: 2 }, { _id: 3 }, { _id: 4 }, { _id: 5 }, /* 2 more */])", "db.c.insert(?)"),
    (lambda db: db.c.update_one({"_id": 1}, {"$set": {"a": 2}}, upsert=True),
     "db.c.updateOne({ _id: 1 }, { $set: { a: 2 } }, { upsert: true })",
     "db.c.updateOne({ _id: ? }, { $set: { a: ? } }, { upsert: true })"),
    (lambda db: db.c.update_many({}, [{"$set": {"a": "$b"}}]), 'db.c.updateMany({}, [{ $set: { a: "$b" } }])',
     'db.c.updateMany({}, [{ $set: { a: "$b" } }])'),
    (lambda db: db.c.replace_one({"_id": 1}, {"a": 1}), "db.c.replaceOne({ _id: 1 }, { a: 1 })", "db.c.replaceOne({ _id: ? }, { a: ? })"),
    (lambda db: db.c.delete_one({"a": 1}), "db.c.deleteOne({ a: 1 })", "db.c.deleteOne({ a: ? })"),
    (lambda db: db.c.bulk_write([DeleteOne({"_id": 1}), DeleteOne({"_id": 2})]), "db.c.deleteOne({ _id: 1 }); db.c.deleteOne({ _id: 2 })",
     "db.c.deleteOne({ _id: ? })"),
    (lambda db: db.c.distinct("a", {"b": 1}), 'db.c.distinct("a", { b: 1 })', 'db.c.distinct("a", { b: ? })'),
    (lambda db: list(db.c.aggregate([{"$match": {"a": 1}}, {"$sort": {"b": -1}}, {"$lookup": {"from": "d", "localField": "x", "as": "z",
                                                                                             "foreignField": "y"}}])),
     'db.c.aggregate([{ $match: { a: 1 } }, { $sort: { b: -1 } }, ' + LOOKUP,
     'db.c.aggregate([{ $match: { a: ? } }, { $sort: { b: -1 } }, ' + LOOKUP),
    (lambda db: db.c.create_index([("a", 1), ("b", -1)], name="n"), 'db.c.createIndex({ a: 1, b: -1 }, { name: "n" })',
     'db.c.createIndex({ a: 1, b: -1 }, { name: "n" })'),
    (lambda db: db.c.drop(), "db.c.drop()", "db.c.drop()"),
    (lambda db: db.command("ping"), "db.runCommand({ ping: 1 })", "db.runCommand({ ping: 1 })"),
    (lambda db: db.c.find_one_and_update({"a": 1}, {"$inc": {"n": 1}}, sort=[("b", 1)]),
     "db.c.findAndModify({ query: { a: 1 }, new: false, update: { $inc: { n: 1 } }, sort: { b: 1 }, upsert: false })",
     "db.c.findAndModify({ query: { a: ? }, new: false, update: { $inc: { n: ? } }, sort: { b: 1 }, upsert: false })"),
    (lambda db: db.c.count_documents({"a": 1}), "db.c.aggregate([{ $match: { a: 1 } }, { $group: { _id: 1, n: { $sum: 1 } } }])",
     "db.c.aggregate([{ $match: { a: ? } }, { $group: { _id: ?, n: { $sum: ? } } }])"),
]  # fmt: skip


@pytest.mark.parametrize(("run", "text", "shape"), TEXTS, ids=[str(number) for number in range(len(TEXTS))])
def test_texts_and_shapes(log: SecantusDBServer, db: Database, run: Any, text: str, shape: str) -> None:
    run(db)
    record = only(log)
    assert (record.text, record.shape, record.database) == (text, shape, db.name)


def test_a_bulk_write_of_several_kinds_is_several_commands(log: SecantusDBServer, db: Database) -> None:
    db.c.bulk_write([InsertOne({"_id": 1}), DeleteOne({"_id": 1})])
    assert [record.namespace for record in log.logged_commands()] == [f"{db.name}.c"] * 2
    db.client.bulk_write(
        [InsertOne({"_id": 1}, namespace=f"{db.name}.c"), UpdateOne({"b": 1}, {"$set": {"c": 1}}, namespace=f"{db.name}.c")]
    )
    record = log.logged_commands()[-1]
    assert (record.name, record.plan_summary, record.namespace) == ("bulkWrite", "COLLSCAN", "admin.$cmd.bulkWrite")
    ops = "{ insert: 0, document: { _id: 1 } }, { update: 0, filter: { b: 1 }, updateMods: { $set: { c: 1 } }, multi: false }"
    names = f'nsInfo: [{{ ns: "{db.name}.c" }}]'
    assert record.text.startswith(f"db.runCommand({{ bulkWrite: 1, ops: [{ops}], {names}, ")
    assert record.shape.startswith("db.runCommand({ bulkWrite: 1, ops: [{ insert: ?, document: ")


def test_a_long_bulk_write_shows_its_first_operations(log: SecantusDBServer, db: Database) -> None:
    db.client.bulk_write([InsertOne({"_id": n}, namespace=f"{db.name}.c") for n in range(30)])
    assert "{ insert: 0, document: { _id: 4 } }, /* 25 more */], nsInfo: [" in only(log).text


def test_a_bulk_write_shows_how_many_namespaces_it_has(log: SecantusDBServer, db: Database) -> None:
    db.client.bulk_write([InsertOne({"_id": 1}, namespace=f"{db.name}.c{number}") for number in range(30)])
    assert f'{{ ns: "{db.name}.c19" }}, /* 10 more */]' in only(log).text


def test_a_bulk_write_without_namespaces_shows_none(log: SecantusDBServer, db: Database) -> None:
    with pytest.raises(OperationFailure):
        db.client.admin.command({"bulkWrite": 1, "ops": [{"insert": 0, "document": {}}]})
    assert "nsInfo" not in only(log).text


ADVICE = [
    (lambda db: list(db.c.find({"a": 1, "b": {"$gt": 1}}).sort("c", -1)), ["{ a: 1, c: -1, b: 1 }"]),
    (lambda db: list(db.c.find({"a": {"$in": [1, 2]}, "b": {"$ne": 1}})), ["{ a: 1, b: 1 }"]),
    (lambda db: list(db.c.find({"b": {"$size": 1}})), []),
    (lambda db: list(db.c.find({"$or": [{"a": 1}, {"b": 2}]})), ["{ a: 1 }", "{ b: 1 }"]),
    (lambda db: list(db.c.find({"$and": [{"a": 1}, {"$and": [{"b.c": 2}]}]})), ['{ a: 1, "b.c": 1 }']),
    (lambda db: list(db.c.find({"a": {"$elemMatch": {"b": 1, "c": {"$lt": 3}}}})), ['{ "a.b": 1, "a.c": 1 }']),
    (lambda db: list(db.c.find({"a": {"$regex": "^x"}})), ["{ a: 1 }"]),
    (lambda db: list(db.c.find().sort([("a", 1), ("b", -1)])), ["{ a: 1, b: -1 }"]),
    (lambda db: list(db.c.aggregate([{"$match": {"a": 1}}, {"$match": {"b": 2}}, {"$sort": {"c": 1}}, {"$match": {"z": 1}}])),
     ["{ a: 1, b: 1, c: 1 }"]),
    (lambda db: list(db.c.aggregate([{"$group": {"_id": "$a"}}, {"$match": {"a": 1}}])), []),
    (lambda db: db.c.update_one({"a": 1}, {"$set": {"b": 1}}), ["{ a: 1 }"]),
    (lambda db: db.c.delete_many({"b": 1}), ["{ b: 1 }"]),
    (lambda db: db.c.find_one_and_delete({"a": 1}, sort=[("b", 1)]), ["{ a: 1, b: 1 }"]),
    (lambda db: db.c.distinct("a"), ["{ a: 1 }"]),
    (lambda db: db.command("count", "c", query={"a": 1}), ["{ a: 1 }"]),
    (lambda db: list(db.c.find({"_id": {"$gt": 3}})), []),
    (lambda db: db.command("ping"), []),
]  # fmt: skip


@pytest.mark.parametrize(("run", "keys"), ADVICE, ids=[str(number) for number in range(len(ADVICE))])
def test_the_index_that_would_serve(log: SecantusDBServer, db: Database, run: Any, keys: list[str]) -> None:
    run(db)
    assert only(log).advice == tuple(f"db.c.createIndex({key})" for key in keys)


def test_the_use_of_indexes(log: SecantusDBServer, db: Database) -> None:
    fill(db)
    db.other.create_index("x")
    position = log.command_log_position()
    db.c.find_one({"a": 1})
    db.missing.find_one()
    db.command("ping")
    usage = log.index_usage(position)
    assert [(one.name, one.key, one.uses, one.serves_otherwise) for one in usage] == [
        ("a_1", {"a": 1}, 1, False), ("u_1", {"u": 1}, 0, True)
    ]  # fmt: skip


@pytest.mark.parametrize("size", [10, 1000], ids=["kept as a message", "kept decoded"])
def test_a_command_is_shown_whatever_the_length_of_its_message(log: SecantusDBServer, db: Database, size: int) -> None:
    documents = [{"_id": n, "a": "x" * size} for n in range(30)]
    db.c.insert_many(documents)
    record = only(log)
    first = f'{{ _id: 0, a: "{"x" * size}" }}'
    assert first[:40] in record.text
    assert (record.namespace, record.shape) == (f"{db.name}.c", "db.c.insert(?)")
    assert record.is_long == (size > 10)
    assert pickle.loads(pickle.dumps(record)).text == record.text


class Noted(Interceptor):
    """Collects what `PlanNotes.logged` returns for each command with plans."""

    def __init__(self) -> None:
        self.found: list[Any] = []

    def after(self, call: Call, outcome: Outcome) -> None:
        if call.operation.notes is not None:
            self.found.append(call.operation.notes.logged())


@pytest.mark.parametrize(
    "pipeline",
    [
        [{"$match": {"b": {"$gt": -3}}}],
        [{"$match": {"b": {"$gt": 1000}}}],
        [{"$match": {"b": {"$lt": 0}}}, {"$sort": {"b": 1}}],
        [{"$match": {"b": {"$lt": 0}}}, {"$limit": 2}],
        [{"$match": {}}],
        [{"$sort": {"b": 1}}],
        [{"$match": {"a": 1}}],
        [{"$match": {"_id": 3}}],
        [{"$match": {"$expr": {"$eq": ["$a", 1]}}}],
        [{"$match": {"a": 1}}, looked_up("b")],
        [],
    ],
)
@pytest.mark.parametrize("collection", ["c", "empty", "missing"])
@pytest.mark.parametrize("options", [{}, {"hint": {"$natural": 1}}, {"hint": "a_1"}])
def test_the_plans_of_an_entry_are_those_of_the_notes(
    log: SecantusDBServer, db: Database, pipeline: list[Any], collection: str, options: dict[str, Any]
) -> None:
    fill(db)
    db.create_collection("empty")
    db.empty.create_index("a")
    noted = Noted()
    log.services.interceptors.install(noted)
    log.clear_command_log()
    try:
        list(db[collection].aggregate(pipeline, **options))
    except OperationFailure:
        assert (collection, options) == ("missing", {"hint": "a_1"})
    finally:
        log.services.interceptors.remove(noted)
    record = only(log)
    entry = record._of
    for examined, stages, slow in noted.found or [((0, 0, 0, 0, 0), (), ())]:
        assert (entry.examined, entry.stages) == (examined, stages)
        assert entry.wanted == tuple([wanted_of(*one) for one in slow])


def test_a_scan_is_shown_once_however_many_plans_have_it(log: SecantusDBServer, db: Database) -> None:
    fill(db)
    db.d.create_index("a")
    db.d.create_index([("a", 1), ("b", 1)])
    db.e.create_index([("b", 1), ("a", 1)])
    log.clear_command_log()
    joined = [("d", "a"), ("c", "a"), ("e", "b")]
    lookups = [{"$lookup": {"from": name, "localField": "a", "foreignField": field, "as": "x"}} for name, field in joined]
    list(db.c.aggregate([{"$match": {"a": 1}}, *lookups]))
    assert only(log).plan_summary == "IXSCAN { a: 1 }, IXSCAN { b: 1, a: 1 }"


def all_of(record: CommandRecord) -> dict[str, Any]:
    """Return all values of a record, except those that differ each time that the command runs."""
    values = pickle.loads(pickle.dumps(record)).values()
    if record.name == "getMore":
        del values["text"]  # It contains the cursor's id.
    return {name: value for name, value in values.items() if name not in ("number", "request_id", "duration_ms")}


def commands_of(db: Database) -> None:
    """Run commands in the express lane and on the general path, without an effect on the next run."""
    document = {"_id": "new", "text": ["x" * 10]}
    db.c.insert_one(document)
    document["text"] = "changed by the user"
    db.c.update_one({"_id": "new"}, {"$set": {"b": 5}})
    db.c.find_one_and_update({"_id": "new"}, {"$set": {"b": 6}})
    list(db.c.find({"a": 1}))
    list(db.c.find({"b": -3}).sort("b"))
    list(db.c.aggregate([{"$match": {"b": {"$lt": -3}}}]))
    db.c.count_documents({})
    db.c.find_one({"_id": "new"})
    db.c.delete_one({"_id": "new"})
    list(db.c.find({}, batch_size=7))


def test_records_that_are_read_late_are_equal(log: SecantusDBServer, db: Database) -> None:
    """What changes after a command does not change its record."""
    fill(db)
    log.clear_command_log()
    commands_of(db)
    early = [all_of(record) for record in log.logged_commands()]
    requests = [record.request_id for record in log.logged_commands()]
    log.clear_command_log()
    commands_of(db)
    count = log.command_log_position()
    db.c.drop_index("a_1")
    db.c.create_index([("b", 1), ("a", -1)])
    db.c.rename("renamed")
    db.c.insert_one({"_id": "new"})
    db.client.drop_database(db.name)
    late = [record for record in log.logged_commands() if record.number < count]
    assert [all_of(record) for record in late] == early
    assert len(set(requests + [record.request_id for record in late])) == 2 * len(early)
