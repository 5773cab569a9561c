"""Updates that share a transaction have the results of updates that run one at a time."""

from __future__ import annotations

import threading
import uuid
from random import Random
from typing import Any

import pytest
from bson import ObjectId, encode
from bson.binary import Binary
from bson.int64 import Int64
from bson.timestamp import Timestamp
from pymongo.database import Database

from secantus_server.server import SecantusDBServer
from tests.net.raw_client import connected
from tests.waiting import wait_until

Statement = dict[str, Any]

PLAIN: list[Statement] = [
    {"q": {"_id": 1}, "u": {"$inc": {"n": 1}}},
    {"q": {"_id": 2}, "u": {"$set": {"a.b": [1, 2]}, "$unset": {"n": 1}}},
    {"q": {"_id": 1}, "u": {"$inc": {"n": 1}}},
    {"q": {"key": "k3"}, "u": {"$push": {"list": {"$each": [3, 1], "$sort": 1}}}},
]
OTHERS: list[Statement] = [
    {"q": {"_id": 9}, "u": {"$inc": {"n": 1}}},
    {"q": {"_id": 1}, "u": {"$set": {"_id": 1}}},
    {"q": {"n": 3}, "u": {"$set": {"found": "by a scan"}}},
    {"q": {"_id": 4}, "u": {"$currentDate": {"t": True}}},
    {"q": {"_id": 8}, "u": {"$set": {"new": True}}, "upsert": True},
    {"q": {"_id": {"$lt": 3}}, "u": {"$inc": {"n": 10}}, "multi": True},
    {"q": {"_id": 2}, "u": {"key": "k2", "replaced": True}},
    {"q": {"_id": 2}, "u": [{"$set": {"n": {"$add": ["$_id", 1]}}}]},
    {"q": {"_id": 3, "list": 3}, "u": {"$set": {"list.$": 30}}},
]
FAILING: list[Statement] = [
    {"q": {"_id": 1}, "u": {"$set": {"n": 1}}, "c": {}},
    {"q": {"_id": 1}, "u": {"$set": {"key": "k2"}}},
    {"q": {"_id": 1}, "u": {"$set": {"_id": 5}}},
    {"q": {"_id": 1}, "u": {"$inc": {"key": 1}}},
    {"q": {"_id": 1}, "u": {"$inc": {"n": "1"}}},
    {"q": {"_id": 1}, "u": {"$set": {"a": 1, "a.b": 1}}},
]
# The names of a statement's fields in bulkWrite, if they differ.
BULK_NAMES = {"q": "filter", "u": "updateMods", "c": "constants"}


def fill(db: Database, name: str) -> None:
    db[name].create_index("key", unique=True)
    db[name].insert_many([{"_id": number, "key": f"k{number}", "n": number} for number in range(1, 6)])


def separately(
    db: Database, name: str, statements: list[Statement], ordered: bool
) -> tuple[int, int, list[dict[str, Any]], list[tuple[int, int, str]]]:
    """Run each statement by a command of its own; return n, nModified, upserted, and the errors' positions, codes and texts."""
    n = modified = 0
    upserted: list[dict[str, Any]] = []
    errors: list[tuple[int, int, str]] = []
    for index, statement in enumerate(statements):
        reply = db.command({"update": name, "updates": [statement]})
        n, modified = n + reply["n"], modified + reply["nModified"]
        upserted += [{"index": index, "_id": one["_id"]} for one in reply.get("upserted", [])]
        errors += [(index, error["code"], error["errmsg"]) for error in reply.get("writeErrors", [])]
        if errors and ordered:
            break
    return n, modified, upserted, errors


def log(db: Database, name: str) -> list[dict[str, Any]]:
    """Return what the oplog's updates and upserts of a collection contain, without `$currentDate`'s time."""
    entries = db.client.local["oplog.rs"].find({"ns": f"{db.name}.{name}"}, {"op": 1, "o": 1, "o2": 1, "_id": 0})
    return [entry for entry in entries if "t" not in entry["o"].get("diff", {}).get("i", {})]


def bulk_command(db: Database, name: str, statements: list[Statement], ordered: bool) -> dict[str, Any]:
    ops = [{"update": 0, **{BULK_NAMES.get(name, name): value for name, value in one.items()}} for one in statements]
    return {"bulkWrite": 1, "ops": ops, "nsInfo": [{"ns": f"{db.name}.{name}"}], "ordered": ordered}


def check_equal_to_single_updates(db: Database, statements: list[Statement], ordered: bool) -> None:
    """Run the statements by one update, by one bulkWrite and each on its own, and compare replies, documents and oplog entries."""
    n, modified, upserted, errors = separately(db, "single", statements, ordered)
    reply = db.command({"update": "together", "updates": statements, "ordered": ordered})
    assert (reply["n"], reply["nModified"], reply.get("upserted", [])) == (n, modified, upserted)
    found = [(error["index"], error["code"], error["errmsg"].replace("together", "single")) for error in reply.get("writeErrors", [])]
    assert found == errors
    bulk = db.client.admin.command(bulk_command(db, "bulk", statements, ordered))
    results = bulk["cursor"]["firstBatch"]
    assert (bulk["nMatched"] + bulk["nUpserted"], bulk["nModified"], bulk["nErrors"]) == (n, modified, len(errors))
    assert [{"index": one["idx"], "_id": one["upserted"]["_id"]} for one in results if "upserted" in one] == upserted
    assert [(one["idx"], one["code"]) for one in results if not one["ok"]] == [(index, code) for index, code, _ in errors]
    documents = [[encode(document) for document in db[name].find({}, {"t": 0})] for name in ("together", "single", "bulk")]
    assert documents[0] == documents[1] == documents[2]
    assert log(db, "together") == log(db, "single") == log(db, "bulk")


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("between", [[], *([one] for one in OTHERS), OTHERS, *([one] for one in FAILING), FAILING])
def test_results_equal_those_of_single_updates(db: Database, between: list[Statement], ordered: bool) -> None:
    for name in ("together", "single", "bulk"):
        fill(db, name)
    check_equal_to_single_updates(db, [*PLAIN, *between, *PLAIN], ordered)


def random_upsert(random: Random) -> Statement:
    """Return an upsert or update whose filter often matches nothing, and which sometimes fails. An upsert always knows its `_id`."""
    number = random.randrange(12)
    by_id: Statement = {"_id": random.choice([number, float(number), f"i{number}", Int64(number)])}
    by_key: Statement = {"key": random.choice([f"k{number}", number, True])}
    identified = {"$setOnInsert": {"_id": f"new{random.randrange(30)}"}}
    changes = random.choice(
        [
            {"$set": {"n": number, "a.b": [number]}},
            {"$inc": {"n": random.choice([1, 1.5, "x"])}},
            {"$set": {"key": f"k{random.randrange(12)}"}, "$setOnInsert": {"made": True}},
            {"$unset": {"n": 1}, "$push": {"list": number}},
            {"$set": {"n": 1}, "$inc": {"n": 1}},
            {"$set": {"_id": number}},
        ]
    )
    replacement = random.choice(
        [{"key": f"k{number}", "n": number}, {}, {"n": None}, {"_id": number, "n": 2}, {"a": {"$b": 1}}, {"a": 1, "$b": 1}]
    )
    statement = random.choice(
        [
            {"q": by_id, "u": changes},
            {"q": by_id, "u": replacement},
            {"q": by_key, "u": {**changes, **identified}},
            {"q": by_key, "u": {"_id": f"r{number}", **{name: value for name, value in replacement.items() if name != "_id"}}},
        ]
    )
    return statement | ({} if random.random() < 0.2 else {"upsert": True})


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_results_equal_those_of_single_upserts(db: Database, seed: int, ordered: bool) -> None:
    random = Random(seed)
    for name in ("together", "single", "bulk"):
        fill(db, name)
    for _ in range(6):
        check_equal_to_single_updates(db, [random_upsert(random) for _ in range(random.randrange(2, 25))], ordered)


@pytest.mark.parametrize("upsert", [True, False])
def test_upserts_into_a_missing_collection(db: Database, upsert: bool) -> None:
    statements: list[Statement] = [{"q": {"_id": number}, "u": {"$set": {"n": number}}, "upsert": upsert} for number in range(5)]
    check_equal_to_single_updates(db, statements, True)
    assert db.together.count_documents({}) == (5 if upsert else 0)


def test_an_upsert_generates_its_id_and_keeps_the_time_of_its_replacement(db: Database) -> None:
    fill(db, "c")
    statements: list[Statement] = [{"q": {"key": key}, "u": {"key": key, "at": Timestamp(0, 0)}, "upsert": True} for key in "xy"]
    reply = db.command({"update": "c", "updates": [*statements, {"q": {"key": "z"}, "u": {"$inc": {"n": 1}}, "upsert": True}] * 2})
    assert [type(one["_id"]) for one in reply["upserted"]] == [ObjectId] * 3
    assert (reply["n"], reply["nModified"]) == (6, 3)
    assert [list(document) for document in db.c.find({"at": {"$gt": Timestamp(1, 0)}})] == [["_id", "key", "at"]] * 2
    assert db.c.find_one({"key": "z"}, {"_id": 0}) == {"key": "z", "n": 2}


@pytest.mark.parametrize("field", ["key", "no_index"])
def test_more_updates_than_a_transaction_takes(db: Database, field: str) -> None:
    db.c.create_index("key", unique=True, sparse=True)
    db.c.insert_many([{"_id": number, field: number} for number in range(250)])
    reply = db.command({"update": "c", "updates": [{"q": {field: number}, "u": {"$set": {"done": number}}} for number in range(250)]})
    assert (reply["n"], reply["nModified"]) == (250, 250)
    assert all(document["done"] == document["_id"] for document in db.c.find())


@pytest.mark.parametrize("first", [1, 2, 5, 9])
def test_a_retry_repeats_nothing(server: SecantusDBServer, db: Database, first: int) -> None:
    """A first attempt runs only the first statements, as one that was interrupted. The second attempt runs the rest."""
    statements = [*PLAIN, OTHERS[0], *PLAIN, OTHERS[1], *PLAIN]
    fill(db, "c")
    fill(db, "single")
    n, modified, _, _ = separately(db, "single", statements, True)
    lsid = {"id": Binary(uuid.uuid4().bytes, 4)}
    with connected(server) as connection:
        for sent in (statements[:first], statements, statements):
            reply = connection.run({"update": "c", "updates": sent, "lsid": lsid, "txnNumber": Int64(1), "$db": db.name})
    assert (reply["n"], reply["nModified"]) == (n, modified)
    assert list(db.c.find()) == list(db.single.find())
    ids = [entry["stmtId"] for entry in db.client.local["oplog.rs"].find({"ns": f"{db.name}.c", "op": "u"})]
    assert ids == [0, 1, 2, 3, 5, 7, 8, 10, 12, 13]


@pytest.mark.parametrize("first", [1, 3, 6, 7])
def test_a_retry_of_upserts_returns_their_ids(server: SecantusDBServer, db: Database, first: int) -> None:
    fill(db, "c")
    statements: list[Statement] = [
        {"q": {"_id": 1}, "u": {"$inc": {"n": 1}}},
        {"q": {"key": "x"}, "u": {"$inc": {"n": 1}}, "upsert": True},
        {"q": {"_id": 90}, "u": {"n": 1}, "upsert": True},
        {"q": {"_id": 1}, "u": {"$set": {"key": "k1"}}, "upsert": True},
        {"q": {"key": "x"}, "u": {"$inc": {"n": 1}}, "upsert": True},
        {"q": {"key": "y"}, "u": {"$inc": {"n": 1}}, "upsert": True},
        {"q": {"key": "y"}, "u": {"$inc": {"n": 1}}, "upsert": True},
    ]
    lsid = {"id": Binary(uuid.uuid4().bytes, 4)}
    with connected(server) as connection:
        replies = [
            connection.run({"update": "c", "updates": sent, "lsid": lsid, "txnNumber": Int64(1), "$db": db.name})
            for sent in (statements[:first], statements, statements)
        ]
    ids = [db.c.find_one({"key": "x"})["_id"], 90, db.c.find_one({"key": "y"})["_id"]]
    for reply in replies[1:]:
        assert (reply["n"], reply["nModified"]) == (7, 3)
        assert reply["upserted"] == [{"index": index, "_id": one} for index, one in zip([1, 2, 5], ids, strict=True)]
    assert replies[2]["retriedStmtIds"] == [0, 1, 2, 4, 5, 6]
    assert db.c.count_documents({}) == 8
    entries = db.client.local["oplog.rs"].find({"ns": f"{db.name}.c", "stmtId": {"$exists": True}})
    assert [(entry["op"], entry["stmtId"]) for entry in entries] == [("u", 0), ("i", 1), ("i", 2), ("u", 4), ("i", 5), ("u", 6)]


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("is_bulk", [False, True])
@pytest.mark.parametrize("ends", ["commits", "aborts"])
def test_after_a_conflict_the_statements_run_one_at_a_time(
    server: SecantusDBServer, db: Database, ordered: bool, is_bulk: bool, ends: str
) -> None:
    """A session's transaction holds the third document, so the first two are changed while the command waits."""
    fill(db, "c")
    statements: list[Statement] = [{"q": {"_id": number}, "u": {"$inc": {"n": 10}}} for number in range(1, 6)]
    statements[3]["u"]["$set"] = {"key": "k1"}
    command: dict[str, Any] = {"update": "c", "updates": statements, "ordered": ordered, "$db": db.name}
    if is_bulk:
        command = bulk_command(db, "c", statements, ordered) | {"$db": "admin"}
    command |= {"lsid": {"id": Binary(uuid.uuid4().bytes, 4)}, "txnNumber": Int64(1)}
    replies: list[dict[str, Any]] = []
    with connected(server) as connection, db.client.start_session() as session:
        session.start_transaction()
        db.c.update_one({"_id": 3}, {"$inc": {"n": 100}}, session=session)
        thread = threading.Thread(target=lambda: replies.append(connection.run(command)))
        thread.start()
        wait_until(lambda: db.c.count_documents({"n": {"$gt": 10}}) == 2, "the first statements do not run")
        session.commit_transaction() if ends == "commits" else session.abort_transaction()
        thread.join()
        replies.append(connection.run(command))
    added = [10, 10, 110 if ends == "commits" else 10, 0, 0 if ordered else 10]
    assert [document["n"] - document["_id"] for document in db.c.find()] == added
    for reply in replies:
        errors = reply["cursor"]["firstBatch"] if is_bulk else reply["writeErrors"]
        assert [one["idx" if is_bulk else "index"] for one in errors if one.get("code") == 11000] == [3]
        assert reply["nModified"] == reply["nMatched" if is_bulk else "n"] == (3 if ordered else 4)
    ids = [entry["stmtId"] for entry in db.client.local["oplog.rs"].find({"ns": db.c.full_name, "op": "u", "stmtId": {"$exists": True}})]
    assert ids == ([0, 1, 2] if ordered else [0, 1, 2, 4])
