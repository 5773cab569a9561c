"""The command bulkWrite."""

from __future__ import annotations

from typing import Any

import pytest
from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from pymongo.database import Database

from tests.failing import code, failure


def run(admin: Database, db: Database, ops: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    names = more.pop("names", ["c"])
    return admin.command({"bulkWrite": 1, "ops": ops, "nsInfo": [{"ns": f"{db.name}.{name}"} for name in names], **more})


def totals(reply: dict[str, Any]) -> tuple[int, ...]:
    return tuple(reply[name] for name in ("nErrors", "nInserted", "nMatched", "nModified", "nUpserted", "nDeleted"))


def test_all_kinds_in_one_command(admin: Database, db: Database) -> None:
    ops = [
        {"insert": 0, "document": {"_id": 1, "x": 1}},
        {"insert": 0, "document": {"_id": 2, "x": 1}},
        {"update": 0, "filter": {"x": 1}, "updateMods": {"$inc": {"x": 1}}, "multi": True},
        {"update": 0, "filter": {"_id": 9}, "updateMods": {"$set": {"x": 9}}, "upsert": True},
        {"delete": 0, "filter": {"x": 2}},
        {"insert": 1, "document": {"_id": 1}},
    ]
    reply = run(admin, db, ops, names=["c", "d"])
    assert totals(reply) == (0, 3, 2, 2, 1, 1)
    assert reply["cursor"]["ns"] == "admin.$cmd.bulkWrite"
    assert reply["cursor"]["firstBatch"] == [
        {"ok": 1.0, "idx": 0, "n": 1},
        {"ok": 1.0, "idx": 1, "n": 1},
        {"ok": 1.0, "idx": 2, "n": 2, "nModified": 2},
        {"ok": 1.0, "idx": 3, "n": 1, "nModified": 0, "upserted": {"_id": 9}},
        {"ok": 1.0, "idx": 4, "n": 1},
        {"ok": 1.0, "idx": 5, "n": 1},
    ]
    assert [document["_id"] for document in db.c.find(sort={"_id": 1})] == [2, 9]
    assert db.d.count_documents({}) == 1


@pytest.mark.parametrize(("ordered", "inserted", "results"), [(True, 1, 2), (False, 2, 3)])
def test_a_duplicate_key(admin: Database, db: Database, ordered: bool, inserted: int, results: int) -> None:
    ops = [{"insert": 0, "document": {"_id": number}} for number in (1, 1, 2)]
    reply = run(admin, db, ops, ordered=ordered)
    assert totals(reply)[:2] == (1, inserted)
    assert len(reply["cursor"]["firstBatch"]) == results
    error = reply["cursor"]["firstBatch"][1]
    assert (error["ok"], error["idx"], error["code"], error["n"]) == (0.0, 1, 11000, 0)
    assert (error["keyPattern"], error["keyValue"]) == ({"_id": 1}, {"_id": 1})


def test_errors_only(admin: Database, db: Database) -> None:
    ops = [{"insert": 0, "document": {"_id": number}} for number in (1, 1, 2)]
    reply = run(admin, db, ops, ordered=False, errorsOnly=True)
    assert [result["idx"] for result in reply["cursor"]["firstBatch"]] == [1]


def test_results_in_batches(admin: Database, db: Database) -> None:
    ops = [{"insert": 0, "document": {"_id": number}} for number in range(5)]
    reply = run(admin, db, ops, cursor={"batchSize": 2})
    more = admin.command({"getMore": reply["cursor"]["id"], "collection": "$cmd.bulkWrite"})
    assert [result["idx"] for result in reply["cursor"]["firstBatch"]] == [0, 1]
    assert [result["idx"] for result in more["cursor"]["nextBatch"]] == [2, 3, 4]


def test_a_view_fails_alone(admin: Database, db: Database) -> None:
    db.create_collection("v", viewOn="c")
    reply = run(admin, db, [{"delete": 1, "filter": {}}, {"insert": 0, "document": {}}], names=["c", "v"], ordered=False)
    assert totals(reply)[:2] == (1, 1)
    assert reply["cursor"]["firstBatch"][0]["code"] == 166


def test_let_and_constants(admin: Database, db: Database) -> None:
    db.c.insert_one({"_id": 1, "x": 10})
    update = {"update": 0, "filter": {"$expr": {"$eq": ["$x", "$$v"]}}, "updateMods": [{"$set": {"x": "$$w"}}], "constants": {"w": 5}}
    assert totals(run(admin, db, [update], let={"v": 10})) == (0, 0, 1, 1, 0, 0)
    assert db.c.find_one() == {"_id": 1, "x": 5}


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ({"insert": 0}, 40414),
        ({"insert": None, "document": {}}, 40414),
        ({"insert": "0", "document": {}}, 14),
        ({"insert": 5, "document": {}}, 2),
        ({"insert": -1, "document": {}}, 2),
        ({"insert": 0, "document": [1]}, 14),
        ({"update": 0, "updateMods": {}}, 40414),
        ({"update": 0, "filter": {}, "updateMods": 1}, 9),
        ({"update": 0, "filter": {}, "updateMods": {}, "multi": 1}, 14),
        ({"update": 0, "filter": {}, "updateMods": {}, "hint": None}, 9),
        ({"delete": 0}, 40414),
        ({"delete": 0, "filter": {}, "hint": 1}, 9),
        ({"replace": 0, "document": {}}, 40415),
    ],
)
def test_operations_that_cannot_be(admin: Database, db: Database, op: dict[str, Any], expected: int) -> None:
    good = {"insert": 0, "document": {"_id": 1}}
    assert code(admin, {"bulkWrite": 1, "ops": [good, op], "nsInfo": [{"ns": f"{db.name}.c"}]}) == expected
    assert db.c.count_documents({}) == 0


@pytest.mark.parametrize("number", [0, Int64(0), 0.0, Decimal128("0")])
def test_a_number_of_any_type_names_the_namespace(admin: Database, db: Database, number: Any) -> None:
    assert totals(run(admin, db, [{"insert": number, "document": {}}]))[1] == 1


def test_other_databases_refuse_it(db: Database) -> None:
    found = failure(db, {"bulkWrite": 1, "ops": [{"insert": 0, "document": {}}], "nsInfo": [{"ns": f"{db.name}.c"}]})
    assert (found["code"], found["errmsg"]) == (13, "bulkWrite may only be run against the admin database.")


@pytest.mark.parametrize(
    "update", [{"_id": 1, "x": 1}, {"$set": {"x": 1}}, [{"$set": {"x": 1}}]], ids=["replacement", "operator", "pipeline"]
)
def test_an_update_that_changes_nothing_is_matched_and_not_modified(admin: Database, db: Database, update: Any) -> None:
    db.c.insert_one({"_id": 1, "x": 1})
    reply = run(admin, db, [{"update": 0, "filter": {"_id": 1}, "updateMods": update}])
    assert totals(reply) == (0, 0, 1, 0, 0, 0)


def test_no_namespaces(admin: Database) -> None:
    assert code(admin, {"bulkWrite": 1, "ops": [{"insert": 0, "document": {}}], "nsInfo": []}) == 2


@pytest.mark.parametrize("op", [{"insert": 0, "document": {"_id": 1}}, {"update": 0, "filter": {}, "updateMods": {"$set": {"a": 1}}}])
def test_a_collection_with_another_uuid_fails_alone(admin: Database, db: Database, op: dict[str, Any]) -> None:
    db.c.insert_one({"_id": 0})
    [info] = db.list_collections()
    namespaces = [{"ns": f"{db.name}.c", "collectionUUID": other} for other in (Binary(bytes(16), 4), info["info"]["uuid"])]
    second = {**op, next(iter(op)): 1}
    reply = admin.command({"bulkWrite": 1, "ops": [op, second], "nsInfo": namespaces, "ordered": False})
    first, last = reply["cursor"]["firstBatch"]
    assert (first["ok"], first["code"], last["ok"], reply["nErrors"]) == (0.0, 361, 1.0, 1)
