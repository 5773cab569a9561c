"""Every wait of a transaction's statement ends if the transaction is aborted from outside, or at the statement's own time limit.

https://www.mongodb.com/docs/manual/core/transactions-production-consideration/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest
from bson.int64 import Int64
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer
from secantus_server.sessions._registries import State
from tests.commands.transactions.test_transactions import COMMIT, Wire
from tests.net.raw_client import connected
from tests.waiting import wait_until

WAIT_IN_FIND, HANG = "waitInFindBeforeMakingBatch", "hangBeforeCommitingTxn"
INSERT: dict[str, Any] = {"insert": "c", "documents": [{"_id": 0}]}
# Commands of the transaction that wait, with the fail point in which they wait.
WAITING: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "a statement": (WAIT_IN_FIND, {"find": "c"}, None),
    "the commit": (HANG, COMMIT, "admin"),
}


@pytest.fixture
def wire(server: SecantusDBServer, db: Database, admin: Database) -> Iterator[Wire]:
    with connected(server) as connection:
        yield Wire(connection, db.name)
    for name in (WAIT_IN_FIND, HANG):
        admin.command({"configureFailPoint": name, "mode": "off"})


def running(server: SecantusDBServer, name: str) -> list[Any]:
    return [one for one in server.services.operations.all() if name in one.body]


def kill_session(server: SecantusDBServer, admin: Database, wire: Wire) -> None:
    admin.command("killSessions", [wire._lsid])


def end_session(server: SecantusDBServer, admin: Database, wire: Wire) -> None:
    admin.command("endSessions", [wire._lsid])


def kill_all(server: SecantusDBServer, admin: Database, wire: Wire) -> None:
    admin.command("killAllSessions", [])


def kill_operation(server: SecantusDBServer, admin: Database, wire: Wire) -> None:
    session = {"lsid.id": wire._lsid["id"], "active": True}
    for found in admin.aggregate([{"$currentOp": {}}, {"$match": session}]):
        assert found["transaction"]["parameters"]["autocommit"] is False
        admin.command("killOp", op=found["opid"])


def expire(server: SecantusDBServer, admin: Database, wire: Wire) -> None:
    server.services.sessions.transactions.abort_expired(server.services.clock.monotonic() + 61)


@pytest.mark.parametrize("waiting", WAITING)
@pytest.mark.parametrize(
    ("end", "code"), [(kill_session, 11601), (end_session, 251), (kill_all, 11601), (kill_operation, 11601), (expire, 290)]
)
def test_an_abort_wakes(
    server: SecantusDBServer, db: Database, admin: Database, wire: Wire, waiting: str, end: Callable[..., None], code: int
) -> None:
    point, command, where = WAITING[waiting]
    assert wire.code(INSERT, 1, start=True) == 0
    transaction = server.services.sessions.transactions.newest(bytes(wire._lsid["id"]))
    assert transaction is not None
    admin.command({"configureFailPoint": point, "mode": "alwaysOn"})
    codes: list[int] = []
    thread = Thread(target=lambda: codes.append(wire.code(command, 1, db=where)))
    thread.start()
    wait_until(lambda: [one for one in running(server, next(iter(command))) if one.wake is not None], "the command does not wait")
    end(server, admin, wire)
    thread.join(20)
    assert codes == [code]
    wait_until(lambda: transaction.state is State.ABORTED, "the transaction is still open")
    admin.command({"configureFailPoint": point, "mode": "off"})
    assert db.c.find_one() is None
    db.c.insert_one({"_id": 0})


@pytest.mark.parametrize("waiting", WAITING)
def test_the_time_limit_of_a_waiting_statement(db: Database, admin: Database, wire: Wire, waiting: str) -> None:
    point, command, where = WAITING[waiting]
    assert wire.code(INSERT, 1, start=True) == 0
    admin.command({"configureFailPoint": point, "mode": "alwaysOn"})
    assert wire.code({**command, "maxTimeMS": 5}, 1, db=where) == 50
    admin.command({"configureFailPoint": point, "mode": "off"})
    assert wire.code(COMMIT, 1, db="admin") == 251


def test_a_kill_during_the_last_moment_of_a_statement_aborts_at_its_end(server: SecantusDBServer, db: Database, wire: Wire) -> None:
    assert wire.code(INSERT, 1, start=True) == 0
    transactions = server.services.sessions.transactions
    transaction = transactions.newest(bytes(wire._lsid["id"]))
    assert transaction is not None
    with_lock = transaction.lock
    assert with_lock.acquire(blocking=False)
    transactions.end(transaction.session)
    assert transaction.state is State.IN_PROGRESS
    transactions.release(transaction)
    assert transaction.state is State.ABORTED
    db.c.insert_one({"_id": 0})


def test_a_retryable_write_with_a_newer_number_aborts_the_transaction(db: Database, wire: Wire) -> None:
    assert wire.code(INSERT, 1, start=True) == 0
    assert wire.code({"insert": "c", "documents": [{"_id": 1}], "txnNumber": Int64(2)}) == 0
    assert wire.code({"find": "c"}, 1) == 225
    assert wire.code(COMMIT, 1, db="admin") == 225
    assert db.c.distinct("_id") == [1]


def test_writes_and_changes_that_wait_for_a_transaction_are_killed(
    server: SecantusDBServer, client: MongoClient, db: Database, admin: Database
) -> None:
    db.c.insert_one({"_id": 0})
    with client.start_session() as session:
        session.start_transaction()
        db.c.update_one({"_id": 0}, {"$set": {"a": 1}}, session=session)
        waiters: list[dict[str, Any]] = [{"delete": "c", "deletes": [{"q": {}, "limit": 0}]}, {"drop": "c"}]
        for command in waiters:
            name = next(iter(command))
            codes: list[int] = []
            thread = Thread(target=lambda command=command, codes=codes: codes.append(db.command(command, check=False)["code"]))
            thread.start()
            wait_until(lambda name=name: running(server, name), f"{name} does not run")
            for operation in running(server, name):
                admin.command("killOp", op=operation.opid)
            thread.join(20)
            assert codes == [11601]
        session.abort_transaction()
    assert db.c.find_one() == {"_id": 0}


def test_an_idle_transaction_has_no_opid_so_that_only_its_session_can_be_killed(client: MongoClient, db: Database, admin: Database) -> None:
    with client.start_session() as session:
        session.start_transaction()
        db.c.insert_one({}, session=session)
        (shown,) = idle(admin, session)
        assert "opid" not in shown
        with pytest.raises(OperationFailure) as raised:
            admin.command("killOp", op=shown["lsid"]["id"])
        assert raised.value.code == 14
        admin.command("killAllSessionsByPattern", [{"lsid": {"id": shown["lsid"]["id"]}}])
        assert idle(admin, session) == []
        with pytest.raises(OperationFailure) as raised:
            session.commit_transaction()
        assert raised.value.code == 251


def idle(admin: Database, session: ClientSession) -> list[dict[str, Any]]:
    return list(admin.aggregate([{"$currentOp": {}}, {"$match": {"lsid.id": session.session_id["id"], "type": "idleSession"}}]))
