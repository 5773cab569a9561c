"""`txnNumber`: a retryable write runs once, even if it is sent again over another connection.

The tests use raw connections, because pymongo replaces a given `lsid` by its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from bson.binary import Binary
from bson.int64 import Int64
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server.server import SecantusDBServer
from tests.net.raw_client import RawClient, connected

INCREMENT = {"$inc": {"n": 1}}

WRITES: list[dict[str, Any]] = [
    {"insert": "c", "documents": [{"n": 1}]},
    {"update": "c", "updates": [{"q": {"_id": 1}, "u": INCREMENT}]},
    {"update": "c", "updates": [{"q": {"_id": number}, "u": INCREMENT, "upsert": True} for number in (2, 3, "x", 3)]},
    {"delete": "c", "deletes": [{"q": {}, "limit": 1}]},
    {"findAndModify": "c", "query": {"_id": 1}, "update": INCREMENT},
    {"findandmodify": "c", "query": {"_id": 1}, "update": INCREMENT},
    {"bulkWrite": 1, "ops": [{"update": 0, "filter": {"_id": 1}, "updateMods": INCREMENT}]},
    {"bulkWrite": 1, "ops": [{"update": 0, "filter": {"_id": one}, "updateMods": INCREMENT, "upsert": True} for one in (8, 1, 9)]},
]


def session() -> dict[str, Any]:
    return {"id": Binary(uuid.uuid4().bytes, 4)}


def numbered(number: int, lsid: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"lsid": lsid if lsid is not None else session(), "txnNumber": Int64(number)}


class Wire:
    """Sends commands unchanged to a test's database."""

    def __init__(self, connection: RawClient, db: Database) -> None:
        self._connection = connection
        self._db = db.name

    def run(self, command: dict[str, Any]) -> dict[str, Any]:
        """Return the reply of a command."""
        if "bulkWrite" in command:
            command = {**command, "nsInfo": [{"ns": f"{self._db}.c"}]}
        of_admin = {"bulkWrite", "endSessions", "killSessions", "killAllSessions", "refreshSessions"}
        return self._connection.run({**command, "$db": "admin" if of_admin & command.keys() else self._db})

    def code(self, command: dict[str, Any]) -> int:
        """Return the error code of a command, 0 if it succeeds."""
        return int(self.run(command).get("code", 0))


@pytest.fixture
def wire(server: SecantusDBServer, db: Database) -> Iterator[Wire]:
    with connected(server) as connection:
        yield Wire(connection, db)


def insert(number: int, **more: Any) -> dict[str, Any]:
    return {"insert": "c", "documents": [{"number": number}], **more}


@pytest.mark.parametrize("write", WRITES, ids=lambda write: next(iter(write)))
def test_a_write_that_is_sent_again_is_answered_as_before_and_writes_nothing(wire: Wire, db: Database, write: dict[str, Any]) -> None:
    db.c.insert_many([{"_id": 1, "n": 0}, {"_id": 2, "n": 0}])
    marks = numbered(1)
    first = wire.run({**write, **marks})
    assert first["ok"] == 1
    after = list(db.c.find())
    db.other.insert_one({})
    again = wire.run({**write, **marks})
    statements = len(write.get("updates", write.get("ops", [{}])))
    retried = {"retriedStmtId": 0} if "findandmodify" in next(iter(write)).lower() else {"retriedStmtIds": list(range(statements))}
    assert {name: again.pop(name) for name in retried} == retried
    moving = ("$clusterTime", "operationTime")
    assert {name: again[name] for name in again if name not in moving} == {name: first[name] for name in first if name not in moving}
    assert again["operationTime"] > first["operationTime"]
    assert list(db.c.find()) == after
    assert wire.run({**write, **marks, "txnNumber": Int64(2)})["ok"] == 1
    assert list(db.c.find()) != after


def test_only_the_statements_that_were_not_executed_run_again(wire: Wire, db: Database) -> None:
    db.c.insert_one({"_id": 1})
    write = {"insert": "c", "documents": [{"_id": 2}, {"_id": 1}, {"_id": 3}], "ordered": False, **numbered(1)}
    first = wire.run(write)
    again = wire.run(write)
    assert (again["n"], again["writeErrors"]) == (first["n"], first["writeErrors"]) == (2, first["writeErrors"])
    db.c.delete_many({})
    assert wire.run(write)["n"] == 3
    assert list(db.c.find()) == [{"_id": 1}]


def test_a_retry_does_not_need_the_oplog(wire: Wire, db: Database, server: SecantusDBServer) -> None:
    write = {"insert": "c", "documents": [{"_id": 1}], **numbered(1)}
    assert wire.run(write)["n"] == 1
    oplog = server.services.oplog
    retention, oplog.retention = oplog.retention, oplog.retention._replace(max_bytes=1)
    for number in range(2):
        db.other.insert_one({"_id": number})
        oplog.trim()
    oplog.retention = retention
    # MongoDB fails with 217 IncompleteTransactionHistory.
    assert wire.run(write)["retriedStmtIds"] == [0]
    assert wire.run({**write, "documents": [{"_id": 2}], "stmtId": 5})["n"] == 1
    assert db.c.distinct("_id") == [1, 2]


def test_statements_are_known_by_their_ids(wire: Wire, db: Database) -> None:
    marks = numbered(1)
    documents = [{"_id": number} for number in range(4)]
    wire.run({"insert": "c", "documents": documents[1:3], "stmtIds": [7, 9], **marks})
    db.c.delete_many({})
    again = wire.run({"insert": "c", "documents": documents, "stmtIds": [6, 7, 8, 9], **marks})
    assert (again["n"], again["retriedStmtIds"]) == (4, [7, 9])
    assert list(db.c.find()) == [{"_id": 0}, {"_id": 2}]
    assert wire.run({"update": "c", "updates": [{"q": {"_id": 0}, "u": INCREMENT}], "stmtId": 20, **marks})["nModified"] == 1
    assert wire.run({"update": "c", "updates": [{"q": {"_id": 0}, "u": INCREMENT}] * 2, "stmtId": 20, **marks})["nModified"] == 2
    assert db.c.find_one({"_id": 0}) == {"_id": 0, "n": 2}


def test_another_connection_does_not_run_it_again(server: SecantusDBServer, wire: Wire, db: Database) -> None:
    marks = numbered(1)
    wire.run(insert(1, **marks))
    with connected(server) as other:
        assert Wire(other, db).run(insert(1, **marks))["n"] == 1
    assert db.c.count_documents({}) == 1


def test_of_writes_of_one_number_at_the_same_time_one_runs(server: SecantusDBServer, db: Database) -> None:
    marks = numbered(1)

    def send(_: int) -> int:
        with connected(server) as connection:
            return int(Wire(connection, db).run(insert(1, **marks))["n"])

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(send, range(8))) == [1] * 8
    assert db.c.count_documents({}) == 1


def test_a_statement_of_another_kind_has_no_record(wire: Wire, db: Database) -> None:
    marks = numbered(1)
    wire.run(insert(1, **marks))
    assert wire.run({"update": "c", "updates": [{"q": {}, "u": INCREMENT}], **marks})["writeErrors"][0]["code"] == 40638
    assert wire.code({"findAndModify": "c", "query": {}, "remove": True, **marks}) == 40606
    assert db.c.count_documents({"n": {"$exists": True}}) == 0


def test_the_number_of_a_transaction_is_no_retryable_write(wire: Wire) -> None:
    marks = numbered(1)
    assert wire.code({**insert(1, **marks), "startTransaction": True, "autocommit": False}) == 0
    assert wire.code(insert(1, **marks)) == 72
    assert wire.code({**insert(1, **numbered(2, marks["lsid"]))}) == 0


def test_config_transactions_shows_the_newest_write_of_each_session(wire: Wire, db: Database) -> None:
    marks = numbered(4)
    wire.run(insert(1, **marks))
    [shown] = db.client.config.transactions.find({"_id.id": marks["lsid"]["id"]})
    assert list(shown) == ["_id", "txnNum", "lastWriteOpTime", "lastWriteDate"]
    assert shown["txnNum"] == 4


@pytest.mark.parametrize("write", WRITES, ids=lambda write: next(iter(write)))
def test_a_write_is_known_after_a_restart(tmp_path: Path, write: dict[str, Any]) -> None:
    marks = numbered(1)
    with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, MongoClient(server.uri) as client:
        client.d.c.insert_many([{"_id": 1, "n": 0}, {"_id": 2, "n": 0}])
        with connected(server) as connection:
            first = Wire(connection, client.d).run({**write, **marks})
        after = list(client.d.c.find())
    with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, MongoClient(server.uri) as client:
        with connected(server) as connection:
            again = Wire(connection, client.d).run({**write, **marks})
            moving = ("$clusterTime", "operationTime", "electionId", "opTime", "retriedStmtIds", "retriedStmtId")
            assert {name: again[name] for name in again if name not in moving} == {
                name: first[name] for name in first if name not in moving
            }
        assert list(client.d.c.find()) == after


def test_a_commit_is_known_after_a_restart(tmp_path: Path) -> None:
    marks = {**numbered(3), "autocommit": False}
    with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, connected(server) as connection:
        connection.run({**insert(1, **marks), "startTransaction": True, "$db": "d"})
        assert connection.run({"commitTransaction": 1, **marks, "$db": "admin"})["ok"] == 1
    with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, connected(server) as connection:
        assert connection.run({"commitTransaction": 1, **marks, "$db": "admin"})["ok"] == 1
        assert connection.run({"abortTransaction": 1, **marks, "$db": "admin"})["code"] == 256
        assert connection.run({**insert(1, **marks), "$db": "d"})["code"] == 256


def test_a_write_that_a_restore_undid_runs_again(server: SecantusDBServer, wire: Wire, db: Database) -> None:
    lsid = session()
    wire.run(insert(1, **numbered(1, lsid)))
    with server.checkpoint():
        wire.run(insert(2, **numbered(2, lsid)))
    assert wire.run(insert(1, **numbered(1, lsid)))["n"] == 1
    assert db.c.count_documents({}) == 1
    wire.run(insert(2, **numbered(2, lsid)))
    assert db.c.count_documents({}) == 2


def test_an_older_number_is_too_old(wire: Wire, db: Database) -> None:
    lsid = session()
    wire.run(insert(5, **numbered(5, lsid)))
    reply = wire.run(insert(3, **numbered(3, lsid)))
    assert reply["code"] == 225
    assert reply["errmsg"].startswith(f"Retryable write with txnNumber 3 is prohibited on session {uuid.UUID(bytes=bytes(lsid['id']))} - ")
    assert reply["errmsg"].endswith("because a newer one with txnNumber 5 has already started.")
    assert db.c.count_documents({}) == 1


def test_sessions_do_not_share_their_numbers(wire: Wire, db: Database) -> None:
    for _ in range(2):
        wire.run(insert(1, **numbered(1)))
    assert db.c.count_documents({}) == 2


def test_a_statement_that_failed_runs_again(wire: Wire, db: Database) -> None:
    lsid = session()
    db.c.insert_one({"_id": 1, "n": "text"})
    write = {"findAndModify": "c", "query": {"_id": 1}, "update": INCREMENT, **numbered(1, lsid)}
    assert wire.code(write) == 14
    db.c.update_one({"_id": 1}, {"$set": {"n": 1}})
    assert wire.code(write) == 0
    assert wire.code(write) == 0
    assert db.c.find_one() == {"_id": 1, "n": 2}


def test_a_command_that_did_not_begin_has_not_used_its_number(wire: Wire, db: Database) -> None:
    lsid = session()
    assert wire.code(insert(1, **numbered(1, lsid), unknown=1)) == 40415
    assert wire.code({"find": "c", **numbered(1, lsid)}) == 50768
    assert wire.run(insert(1, **numbered(1, lsid)))["n"] == 1


@pytest.mark.parametrize(
    ("command", "expected", "text"),
    [
        ({"insert": "c", "documents": [{}], "txnNumber": Int64(1)}, 72, "Transaction number requires a session ID to also be specified"),
        ({"insert": "c", "documents": [{}], **numbered(-1)}, 72, "Transaction number cannot be negative"),
        ({"find": "c", **numbered(1)}, 50768, "find is not a retryable write command."),
        ({"aggregate": "c", "pipeline": [{"$out": "d"}], "cursor": {}, **numbered(1)}, 50768, "aggregate is not a retryable"),
        ({"create": "d", **numbered(1)}, 50768, "create is not a retryable write command."),
        ({"update": "c", "updates": [{"q": {}, "u": INCREMENT, "multi": True}], **numbered(1)}, 72, "retryable writes with multi=true"),
        ({"delete": "c", "deletes": [{"q": {}, "limit": 0}], **numbered(1)}, 72, "retryable writes with limit=0"),
        ({"insert": "c", "documents": [{}], "autocommit": False}, 72, "'autocommit' field requires a transaction number"),
    ],
)
def test_what_takes_no_number(wire: Wire, db: Database, command: dict[str, Any], expected: int, text: str) -> None:
    reply = wire.run(command)
    errors = reply.get("writeErrors", [reply])
    assert (errors[0]["code"], text in errors[0]["errmsg"]) == (expected, True)
    assert db.list_collection_names() == []


def test_a_multi_statement_of_a_bulkwrite_is_refused(wire: Wire, db: Database) -> None:
    operations = [{"update": 0, "filter": {}, "updateMods": INCREMENT, "multi": True}, {"delete": 0, "filter": {}, "multi": True}]
    reply = wire.run({"bulkWrite": 1, "ops": operations, "ordered": False, **numbered(1)})
    assert [result["code"] for result in reply["cursor"]["firstBatch"]] == [72, 72]


def test_an_ended_session_starts_anew_and_a_killed_one_does_not(wire: Wire, db: Database) -> None:
    lsid = session()
    wire.run(insert(1, **numbered(1, lsid)))
    for kill in ({"killSessions": [lsid]}, {"killAllSessions": []}, {"refreshSessions": [lsid]}):
        wire.run(kill)
        assert wire.run(insert(1, **numbered(1, lsid)))["n"] == 1
        assert db.c.count_documents({}) == 1
    wire.run({"endSessions": [lsid]})
    wire.run(insert(1, **numbered(1, lsid)))
    assert db.c.count_documents({}) == 2


def test_after_a_restore_a_client_goes_on_with_its_numbers(server: SecantusDBServer, db: Database) -> None:
    with MongoClient(server.uri) as retrying:
        retrying[db.name].c.insert_one({"_id": 0})
        for number in range(3):
            with server.checkpoint():
                retrying[db.name].c.insert_one({"_id": 1})
                retrying[db.name].c.update_one({"_id": 1}, {"$set": {"number": number}})
            assert [document["_id"] for document in retrying[db.name].c.find()] == [0]


def test_a_standalone_has_no_numbers() -> None:
    with (
        SecantusDBServer(port=0, storage_path=":memory:", log_level="error", replica_set="") as alone,
        connected(alone) as connection,
    ):
        reply = connection.run(insert(1, **numbered(1), **{"$db": "db"}))
        assert reply["code"] == 20
        assert reply["errmsg"].startswith("Transaction numbers are only allowed on a replica set member or mongos")
