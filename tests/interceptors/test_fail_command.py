"""failCommand: which commands it affects, and how."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from bson.binary import Binary
from bson.int64 import Int64
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import AutoReconnect, OperationFailure

from secantus_server.clock import SettableClock
from secantus_server.server import SecantusDBServer
from tests.failing import code, failure
from tests.net.raw_client import EXHAUST_ALLOWED, RawClient, connected
from tests.waiting import wait_until
from tests.wire.messages import command as message

BLOCK = {"blockConnection": True, "blockTimeMS": 3_600_000}


def fail(admin: Database, *commands: str, mode: Any = "alwaysOn", **data: Any) -> None:
    admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": {"failCommands": list(commands), **data}})


@pytest.fixture(autouse=True)
def _off(admin: Database) -> Iterator[None]:
    yield
    admin.command({"configureFailPoint": "failCommand", "mode": "off"})


def numbered(number: int = 1) -> dict[str, Any]:
    return {"lsid": {"id": Binary(uuid.uuid4().bytes, 4)}, "txnNumber": Int64(number)}


COMMANDS: list[dict[str, Any]] = [
    {"hello": 1},
    {"isMaster": 1},
    {"ismaster": 1},
    {"ping": 1},
    {"insert": "c", "documents": [{}]},
    {"update": "c", "updates": [{"q": {}, "u": {"$set": {"a": 1}}}]},
    {"delete": "c", "deletes": [{"q": {}, "limit": 0}]},
    {"findAndModify": "c", "remove": True},
    {"findandmodify": "c", "remove": True},
    {"find": "c"},
    {"aggregate": "c", "pipeline": [], "cursor": {}},
    {"count": "c"},
    {"distinct": "c", "key": "a"},
    {"getMore": Int64(1), "collection": "c"},
    {"killCursors": "c", "cursors": [Int64(1)]},
    {"listCollections": 1},
    {"listIndexes": "c"},
    {"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a"}]},
    {"dropIndexes": "c", "index": "a"},
    {"create": "c"},
    {"drop": "c"},
    {"saslStart": 1, "mechanism": "SCRAM-SHA-256", "payload": Binary(b"")},
    {"saslContinue": 1, "conversationId": 1, "payload": Binary(b"")},
    {"createUser": "u", "pwd": "p", "roles": []},
    {"endSessions": []},
    {"authenticate": 1, "mechanism": "MONGODB-X509"},
    # Commands that are not supported yet
    {"mapReduce": "c", "map": "m", "reduce": "r", "out": {"inline": 1}},
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: next(iter(command)))
def test_every_command_can_fail(server: SecantusDBServer, admin: Database, db: Database, command: dict[str, Any]) -> None:
    with connected(server) as raw:
        # Limit the fail point to this connection, because the driver's monitor sends hello, too.
        number = raw.run({"hello": 1, "$db": "admin"})["connectionId"]
        fail(admin, next(iter(command)), mode={"times": 1}, errorCode=89, errorExtraInfo={"more": 1}, threadName=f"conn{number}")
        reply = raw.run({**command, "$db": db.name})
    assert (reply["ok"], reply["code"], reply["codeName"], reply["more"]) == (0, 89, "NetworkTimeout", 1)
    assert "failCommand" in reply["errmsg"]
    assert db.list_collection_names() == []


def test_the_ends_of_a_transaction_can_fail(server: SecantusDBServer, admin: Database, db: Database) -> None:
    with connected(server) as raw:
        for end in ("commitTransaction", "abortTransaction"):
            inside = {**numbered(), "autocommit": False}
            raw.run({"insert": "c", "documents": [{"_id": end}], **inside, "startTransaction": True, "$db": db.name})
            fail(admin, end, mode={"times": 1}, errorCode=11602)
            reply = raw.run({end: 1, **inside, "$db": "admin"})
            assert (reply["code"], reply["errorLabels"]) == (11602, ["RetryableWriteError"])
            # The failed command was not executed.
            assert raw.run({end: 1, **inside, "$db": "admin"})["ok"] == 1
    assert [document["_id"] for document in db.c.find()] == ["commitTransaction"]


def test_it_can_always_be_ended(admin: Database) -> None:
    fail(admin, "configureFailPoint", "waitForFailPoint", failAllCommands=True, errorCode=1)
    assert code(admin, {"ping": 1}) == 1
    admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    admin.command("ping")


@pytest.mark.parametrize("names", [["findAndModify"], ["findandmodify"]])
def test_names_and_aliases_are_the_same(admin: Database, db: Database, names: list[str]) -> None:
    fail(admin, *names, errorCode=1)
    for name in ("findAndModify", "findandmodify"):
        assert code(db, {name: "c", "remove": True}) == 1


def test_a_closed_connection(server: SecantusDBServer, admin: Database, db: Database) -> None:
    fail(admin, "insert", mode={"times": 1}, closeConnection=True, errorCode=1)
    with connected(server) as raw:
        raw.send(message({"insert": "c", "documents": [{}], "$db": db.name}))
        assert raw.is_closed()
    assert db.c.count_documents({}) == 0
    fail(admin, "insert", mode={"times": 1}, closeConnection=True)
    with pytest.raises(AutoReconnect):
        db.c.insert_one({})


def test_a_streamed_hello_fails_and_closes(server: SecantusDBServer, admin: Database) -> None:
    def stream(raw: RawClient) -> None:
        version = raw.run({"hello": 1, "$db": "admin"})["topologyVersion"]
        raw.send(message({"hello": 1, "topologyVersion": version, "maxAwaitTimeMS": 20, "$db": "admin"}, EXHAUST_ALLOWED))
        raw.receive()

    with connected(server) as raw:
        stream(raw)
        fail(admin, "hello", mode={"times": 1}, errorCode=91)
        replies = iter(lambda: raw.receive()[2], None)
        assert next(reply for reply in replies if not reply["ok"])["code"] == 91
    with connected(server) as raw:
        stream(raw)
        fail(admin, "hello", mode={"times": 1}, closeConnection=True)
        with pytest.raises(EOFError):
            for _ in range(100):
                raw.receive()


@pytest.mark.parametrize(
    ("labels", "expected"), [(None, ["RetryableWriteError"]), ([], None), (["A", "B"], ["A", "B"])], ids=["the server's", "none", "own"]
)
def test_labels(server: SecantusDBServer, admin: Database, db: Database, labels: list[str] | None, expected: list[str] | None) -> None:
    own = {} if labels is None else {"errorLabels": labels}
    insert = {"insert": "c", "documents": [{}], "$db": db.name}
    with connected(server) as raw:
        fail(admin, "insert", mode={"times": 1}, errorCode=91, **own)
        assert raw.run({**insert, **numbered()}).get("errorLabels") == expected
        assert db.c.count_documents({}) == 0
        fail(admin, "insert", mode={"times": 1}, writeConcernError={"code": 91, "errmsg": "m"}, **own)
        reply = raw.run({**insert, **numbered()})
    assert reply.get("errorLabels") == expected
    assert (reply["ok"], reply["n"], reply["writeConcernError"]) == (1, 1, {"code": 91, "errmsg": "m"})
    assert db.c.count_documents({}) == 1


def test_a_write_concern_error_is_not_part_of_what_a_retry_gets(server: SecantusDBServer, admin: Database, db: Database) -> None:
    insert = {"insert": "c", "documents": [{"_id": 1}], **numbered(), "$db": db.name}
    fail(admin, "insert", mode={"times": 1}, writeConcernError={"code": 64, "errmsg": "m"})
    with connected(server) as raw:
        assert raw.run(insert)["writeConcernError"]["code"] == 64
        again = raw.run(insert)
    assert (again["n"], "writeConcernError" in again) == (1, False)


def test_a_write_concern_error_stands_beside_write_errors(admin: Database, db: Database) -> None:
    db.c.insert_one({"_id": 1})
    fail(admin, "insert", writeConcernError={"code": 100, "errmsg": "m"})
    reply = db.command({"insert": "c", "documents": [{"_id": 1}]}, check=False)
    assert (reply["writeErrors"][0]["code"], reply["writeConcernError"]["code"]) == (11000, 100)
    fail(admin, "drop", writeConcernError={"code": 100, "errmsg": "m"})
    assert failure(db, {"drop": 1})["writeConcernError"]["code"] == 100


def test_a_blocked_command_ends_by_its_time_limit(admin: Database, db: Database) -> None:
    fail(admin, "find", **BLOCK)
    assert code(db, {"find": "c", "maxTimeMS": 5}) == 50


def test_a_blocked_command_ends_by_kill_op(admin: Database, db: Database) -> None:
    fail(admin, "find", **BLOCK)
    caught: list[OperationFailure] = []

    def read() -> None:
        with pytest.raises(OperationFailure) as failed:
            db.command({"find": "c"})
        caught.append(failed.value)

    reader = Thread(target=read)
    reader.start()
    found: list[dict[str, Any]] = []
    wait_until(lambda: found.extend(admin.aggregate([{"$currentOp": {}}, {"$match": {"command.find": "c"}}])) or found, "it runs")
    admin.command({"killOp": 1, "op": found[0]["opid"]})
    reader.join()
    assert caught[0].code == 11601


def test_a_blocked_command_then_runs_or_fails(server: SecantusDBServer, admin: Database, db: Database) -> None:
    short = {"blockConnection": True, "blockTimeMS": 20}
    clock = server.services.clock
    fail(admin, "ping", mode={"times": 1}, **short)
    before = clock.monotonic()
    admin.command("ping")
    assert clock.monotonic() - before >= 0.02
    fail(admin, "ping", mode={"times": 1}, **short, errorCode=7)
    assert code(admin, {"ping": 1}) == 7
    # Without `blockConnection`, `blockTimeMS` has no effect.
    fail(admin, "ping", mode={"times": 1}, blockTimeMS=3_600_000, errorCode=7)
    assert code(admin, {"ping": 1}) == 7


def test_a_blocked_command_does_not_keep_the_server_from_stopping() -> None:
    server = SecantusDBServer(port=0, storage_path=":memory:", log_level="error").start()
    try:
        with connected(server) as raw:
            raw.run({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": {"failCommands": ["find"], **BLOCK}, "$db": "admin"})
            raw.send(message({"find": "c", "$db": "db"}))
            wait_until(lambda: any("find" in one.body for one in server.services.operations.all()), "it runs")
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ({"appName": "mine"}, [True, False]),
        ({"appName": "other"}, [False, True]),
        ({"appName": "none"}, [False, False]),
        ({"failInternalCommands": True}, [True, True]),
        ({"threadName": "conn0"}, [False, False]),
    ],
)
def test_only_some_clients(server: SecantusDBServer, admin: Database, limit: dict[str, Any], expected: list[bool]) -> None:
    with MongoClient(server.uri, appname="mine") as mine, MongoClient(server.uri, appname="other") as other:
        fail(admin, "ping", errorCode=1, **limit)
        assert [not one.admin.command("ping", check=False)["ok"] for one in (mine, other)] == expected


CLIENT = {"application": {"name": "early"}, "driver": {"name": "d", "version": "1"}, "os": {"type": "Linux"}}


def test_the_first_hello_names_the_application(server: SecantusDBServer, admin: Database) -> None:
    fail(admin, "hello", errorCode=91, appName="early")
    with connected(server) as raw:
        assert raw.run({"hello": 1, "client": CLIENT, "$db": "admin"})["code"] == 91
    with connected(server) as raw:
        assert raw.run({"hello": 1, "$db": "admin"})["ok"] == 1


def test_members_of_the_cluster_are_spared(server: SecantusDBServer, admin: Database) -> None:
    hello = {"hello": 1, "client": CLIENT, "internalClient": {"minWireVersion": 0, "maxWireVersion": 27}, "$db": "admin"}
    with connected(server) as raw:
        raw.run(hello)
        fail(admin, "ping", errorCode=1)
        assert raw.run({"ping": 1, "$db": "admin"})["ok"] == 1
        fail(admin, "ping", errorCode=1, failInternalCommands=True)
        assert raw.run({"ping": 1, "$db": "admin"})["code"] == 1


def test_one_connection(server: SecantusDBServer, admin: Database) -> None:
    with connected(server) as raw, connected(server) as other:
        number = raw.run({"hello": 1, "$db": "admin"})["connectionId"]
        fail(admin, "ping", errorCode=1, threadName=f"conn{number}")
        assert raw.run({"ping": 1, "$db": "admin"})["ok"] == 0
        assert other.run({"ping": 1, "$db": "admin"})["ok"] == 1


def test_one_collection(server: SecantusDBServer, admin: Database, db: Database) -> None:
    db.c.insert_many([{}, {}, {}])
    cursor = db.command({"find": "c", "batchSize": 1})["cursor"]["id"]
    fail(admin, "find", "getMore", "insert", "bulkWrite", "aggregate", errorCode=1, namespace=f"{db.name}.c")
    assert db.command({"find": "other"})["ok"]
    assert db.command({"aggregate": 1, "pipeline": [{"$documents": []}], "cursor": {}})["ok"]
    for command in ({"find": "c"}, {"getMore": cursor, "collection": "c"}, {"insert": "c", "documents": [{}]}):
        assert code(db, command) == 1
    for name, ok in (("c", 0), ("d", 1)):
        bulk = {"bulkWrite": 1, "ops": [{"insert": 0, "document": {}}], "nsInfo": [{"ns": f"{db.name}.{name}"}], "$db": "admin"}
        with connected(server) as raw:
            assert raw.run(bulk)["ok"] == ok


def test_backoff_of_overload_errors(admin: Database, db: Database) -> None:
    overloaded = {"errorCode": 462, "errorLabels": ["SystemOverloadedError", "RetryableError"]}
    fail(admin, "find", **overloaded)
    assert "baseBackoffMS" not in failure(db, {"find": "c"})
    admin.command({"setParameter": 1, "externalClientBaseBackoffMS": 50})
    try:
        error = failure(db, {"find": "c"})
        assert (error["baseBackoffMS"], error["errorLabels"]) == (50, overloaded["errorLabels"])
        fail(admin, "find", errorCode=462, errorLabels=["RetryableError"])
        assert "baseBackoffMS" not in failure(db, {"find": "c"})
        fail(admin, "insert", writeConcernError={"code": 462, "errmsg": "m"}, errorLabels=["SystemOverloadedError"])
        assert db.command({"insert": "c", "documents": [{}]}, check=False)["baseBackoffMS"] == 50
    finally:
        admin.command({"setParameter": 1, "externalClientBaseBackoffMS": 0})


def test_time_limits(admin: Database, db: Database) -> None:
    db.c.insert_one({})
    admin.command({"configureFailPoint": "maxTimeAlwaysTimeOut", "mode": "alwaysOn"})
    assert code(db, {"find": "c", "maxTimeMS": 600_000}) == 50
    assert db.command({"find": "c"})["ok"]
    admin.command({"configureFailPoint": "maxTimeAlwaysTimeOut", "mode": "off"})
    admin.command({"configureFailPoint": "maxTimeNeverTimeOut", "mode": {"times": 1}})
    fail(admin, "find", mode={"times": 1}, blockConnection=True, blockTimeMS=20)
    assert db.command({"find": "c", "maxTimeMS": 1})["ok"]


def test_an_unset_clock_does_not_matter() -> None:
    """Waits use the real time, so they end even if the server's clock is stopped."""
    clock = SettableClock(1_700_000_000_000)
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", clock=clock) as server, MongoClient(server.uri) as client:
        fail(client.admin, "ping", mode={"times": 1}, blockConnection=True, blockTimeMS=1)
        client.admin.command("ping")


def set_point(admin: Database, name: str, mode: Any = "alwaysOn", **data: Any) -> None:
    admin.command({"configureFailPoint": name, "mode": mode, "data": data})


def test_several_with_labels(admin: Database, db: Database) -> None:
    set_point(admin, "failCommand/a", failCommands=["count"], errorCode=8000)
    set_point(admin, "failCommand/b", failCommands=["count", "ping"], errorCode=8001)
    set_point(admin, "failCommand", failCommands=["distinct"], errorCode=8002)
    try:
        assert [code(db, {"count": "c"}), code(db, {"ping": 1}), code(db, {"distinct": "c", "key": "a"})] == [8000, 8001, 8002]
        set_point(admin, "failCommand/a", mode="off")
        assert code(db, {"count": "c"}) == 8001
    finally:
        for name in ("failCommand/a", "failCommand/b"):
            set_point(admin, name, mode="off")
    assert db.command({"ping": 1})["ok"]


def test_a_delay_comes_before_an_error(admin: Database, db: Database) -> None:
    set_point(admin, "failCommand", failCommands=["ping"], errorCode=8000)
    set_point(admin, "failCommand/slow", failCommands=["ping"], blockConnection=True, blockTimeMS=1)
    assert code(db, {"ping": 1}) == 8000
    assert admin.command({"configureFailPoint": "failCommand/slow", "mode": "off"})["count"] == 1


@pytest.mark.parametrize("name", ["maxTimeNeverTimeOut/a", "failCommand/", "/a", "failCommands/a"])
def test_only_failcommand_takes_a_label(admin: Database, name: str) -> None:
    assert code(admin, {"configureFailPoint": name, "mode": "alwaysOn"}) == 266


def test_except_commands(admin: Database, db: Database) -> None:
    set_point(admin, "failCommand", failAllCommands=True, exceptCommands=["ping", "ismaster"], errorCode=8000)
    assert db.command({"ping": 1})["ok"]
    assert db.command({"isMaster": 1})["ok"]
    assert code(db, {"count": "c"}) == 8000
    set_point(admin, "failCommand", mode="off")


def test_a_fault_says_that_the_topology_has_changed(server: SecantusDBServer, admin: Database, db: Database) -> None:
    with connected(server) as raw:
        known = raw.run({"hello": 1, "$db": "admin"})["topologyVersion"]
        server.set_fault("down", {"failCommands": ["ping"], "errorCode": 11600}, times=1)
        told = raw.run({"ping": 1, "$db": "admin"})["topologyVersion"]
        assert (told["processId"], told["counter"]) == (known["processId"], known["counter"] + 1)
        # A hello with an outdated topology version is answered immediately instead of waiting.
        waiting = {"hello": 1, "topologyVersion": known, "maxAwaitTimeMS": 60_000, "$db": "admin"}
        assert raw.run(waiting)["topologyVersion"] == told
        server.set_fault("late", {"failCommands": ["insert"], "writeConcernError": {"code": 91, "errmsg": "late"}}, times=1)
        assert raw.run({"insert": "c", "documents": [{}], "$db": db.name})["topologyVersion"]["counter"] == told["counter"] + 1
        fail(admin, "ping", mode={"times": 1}, errorCode=11600)
        assert "topologyVersion" not in raw.run({"ping": 1, "$db": "admin"})
