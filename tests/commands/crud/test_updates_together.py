"""Updates that share a transaction have the results of updates that run one at a time."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from bson.binary import Binary
from bson.int64 import Int64
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


def separately(db: Database, name: str, statements: list[Statement], ordered: bool) -> tuple[int, int, list[tuple[int, int, str]]]:
    """Run each statement by a command of its own; return n, nModified and the errors' positions, codes and texts."""
    n = modified = 0
    errors: list[tuple[int, int, str]] = []
    for index, statement in enumerate(statements):
        reply = db.command({"update": name, "updates": [statement]})
        n, modified = n + reply["n"], modified + reply["nModified"]
        errors += [(index, error["code"], error["errmsg"]) for error in reply.get("writeErrors", [])]
        if errors and ordered:
            break
    return n, modified, errors


def log(db: Database, name: str) -> list[dict[str, Any]]:
    """Return what the oplog's updates of a collection contain, without `$currentDate`'s time."""
    entries = db.client.local["oplog.rs"].find({"ns": f"{db.name}.{name}", "op": "u"}, {"o": 1, "o2": 1, "_id": 0})
    return [entry for entry in entries if "t" not in entry["o"].get("diff", {}).get("i", {})]


def bulk_command(db: Database, name: str, statements: list[Statement], ordered: bool) -> dict[str, Any]:
    ops = [{"update": 0, **{BULK_NAMES.get(name, name): value for name, value in one.items()}} for one in statements]
    return {"bulkWrite": 1, "ops": ops, "nsInfo": [{"ns": f"{db.name}.{name}"}], "ordered": ordered}


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("between", [[], *([one] for one in OTHERS), OTHERS, *([one] for one in FAILING), FAILING])
def test_results_equal_those_of_single_updates(db: Database, between: list[Statement], ordered: bool) -> None:
    statements = [*PLAIN, *between, *PLAIN]
    for name in ("together", "single", "bulk"):
        fill(db, name)
    n, modified, errors = separately(db, "single", statements, ordered)
    reply = db.command({"update": "together", "updates": statements, "ordered": ordered})
    assert (reply["n"], reply["nModified"]) == (n, modified)
    found = [(error["index"], error["code"], error["errmsg"].replace("together", "single")) for error in reply.get("writeErrors", [])]
    assert found == errors
    bulk = db.client.admin.command(bulk_command(db, "bulk", statements, ordered))
    assert (bulk["nMatched"] + bulk["nUpserted"], bulk["nModified"], bulk["nErrors"]) == (n, modified, len(errors))
    failed = [(one["idx"], one["code"]) for one in bulk["cursor"]["firstBatch"] if not one["ok"]]
    assert failed == [(index, code) for index, code, _ in errors]
    documents = [list(db[name].find({}, {"t": 0})) for name in ("together", "single", "bulk")]
    assert documents[0] == documents[1] == documents[2]
    assert log(db, "together") == log(db, "single") == log(db, "bulk")


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
    n, modified, _ = separately(db, "single", statements, True)
    lsid = {"id": Binary(uuid.uuid4().bytes, 4)}
    with connected(server) as connection:
        for sent in (statements[:first], statements, statements):
            reply = connection.run({"update": "c", "updates": sent, "lsid": lsid, "txnNumber": Int64(1), "$db": db.name})
    assert (reply["n"], reply["nModified"]) == (n, modified)
    assert list(db.c.find()) == list(db.single.find())
    ids = [entry["stmtId"] for entry in db.client.local["oplog.rs"].find({"ns": f"{db.name}.c", "op": "u"})]
    assert ids == [0, 1, 2, 3, 5, 7, 8, 10, 12, 13]


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
