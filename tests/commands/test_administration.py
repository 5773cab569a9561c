"""Administration commands: their answers on a single node, and their refusals."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server import SecantusDBServer
from tests.waiting import wait_until

Client = MongoClient[dict[str, Any]]


def refused(db: Database[dict[str, Any]], command: Any, value: Any = 1, **arguments: Any) -> int | None:
    with pytest.raises(OperationFailure) as caught:
        db.command(command, value, **arguments)
    return caught.value.code


def test_writes_are_blocked(client: Client) -> None:
    client.blocked.c.insert_one({"_id": 1})
    client.admin.command("setUserWriteBlockMode", 1, **{"global": True})
    try:
        for write in (
            lambda: client.blocked.c.insert_one({}),
            lambda: client.blocked.c.update_one({}, {"$set": {"x": 1}}),
            lambda: client.blocked.c.aggregate([{"$out": "other"}]),
            lambda: client.blocked.c.create_index("x"),
            lambda: client.blocked.drop_collection("c"),
        ):
            with pytest.raises(OperationFailure, match="User writes blocked") as caught:
                write()
            assert caught.value.code == 371
        assert client.blocked.c.find_one() == {"_id": 1}
        assert list(client.blocked.c.aggregate([{"$match": {}}])) == [{"_id": 1}]
        client.admin.c.insert_one({"_id": 1})
    finally:
        client.admin.command("setUserWriteBlockMode", 1, **{"global": False})
    client.blocked.c.insert_one({})
    assert refused(client.admin, "setUserWriteBlockMode") == 40414
    assert refused(client.admin, "setUserWriteBlockMode", 1, **{"global": 1}) == 14
    assert refused(client.admin, "setUserWriteBlockMode", 1, **{"global": True, "reason": "none"}) == 2
    assert refused(client.blocked, "setUserWriteBlockMode", 1, **{"global": True}) == 13


def test_the_default_concerns(client: Client) -> None:
    reply = client.admin.command("setDefaultRWConcern", 1, defaultReadConcern={"level": "majority"}, defaultWriteConcern={"w": 1})
    assert reply["defaultReadConcern"] == {"level": "majority"}
    assert reply["defaultWriteConcern"] == {"w": 1, "wtimeout": 0}
    shown = client.admin.command("getDefaultRWConcern")
    assert (shown["defaultReadConcernSource"], shown["defaultWriteConcernSource"]) == ("global", "global")
    for arguments, code in (
        ({}, 2),
        ({"defaultReadConcern": {"level": "snapshot"}}, 2),
        ({"defaultReadConcern": {"level": 1}}, 14),
        ({"defaultReadConcern": {"x": 1}}, 40415),
        ({"defaultWriteConcern": {"w": 0}}, 2),
        ({"defaultWriteConcern": {}}, 20),
        ({"defaultWriteConcern": {"x": 1}}, 40415),
        ({"defaultWriteConcern": {"w": 2}}, 238),
        ({"defaultWriteConcern": {"w": 1, "j": True}}, 238),
    ):
        assert refused(client.admin, "setDefaultRWConcern", 1, **arguments) == code


def test_the_checksum_of_a_file(client: Client) -> None:
    parts = [b"x" * 100, b"y" * 50, b"z"]
    client.files["fs.chunks"].insert_many([{"files_id": 1, "n": n, "data": data} for n, data in reversed(list(enumerate(parts)))])
    reply = client.files.command("filemd5", 1, root="fs")
    assert (reply["numChunks"], reply["md5"]) == (3, hashlib.md5(b"".join(parts)).hexdigest())
    assert client.files.command("filemd5", 2)["md5"] == hashlib.md5(b"").hexdigest()
    client.files["fs.chunks"].delete_one({"n": 1})
    assert refused(client.files, "filemd5") == 50985
    assert refused(client.files, "filemd5", 1, partialOk=True) == 238


def test_collections_that_are_not_encrypted(client: Client) -> None:
    client.plain.c.insert_one({})
    client.plain.command("create", "view", viewOn="c")
    for name, tokens in (("compactStructuredEncryptionData", "compactionTokens"), ("cleanupStructuredEncryptionData", "cleanupTokens")):
        assert refused(client.plain, name, "c", **{tokens: {}}) == 6346807
        assert refused(client.plain, name, "view", **{tokens: {}}) == 166
        assert refused(client.plain, name, "missing", **{tokens: {}}) == 26
        assert refused(client.plain, name, "$c", **{tokens: {}}) == 26
        assert refused(client.plain, name, "", **{tokens: {}}) == 73
        assert refused(client.plain, name, 1, **{tokens: {}}) == 73
        assert refused(client.plain, name, "c", **{tokens: 1}) == 14
        assert refused(client.plain, name, "c", **{tokens: {}, "other": 1}) == 40415


def test_commands_without_work(client: Client) -> None:
    client.plain.c.insert_one({})
    for command, arguments in (("autoCompact", {"runOnce": True}), ("dropConnections", {"hostAndPort": ["other:27017"]})):
        assert client.admin.command(command, True, **arguments)["ok"] == 1.0
    assert refused(client.plain, "autoCompact", True) == 13
    assert client.admin.command("autoCompact", False, runOnce=True)["ok"] == 1.0
    assert refused(client.plain, "setIndexCommitQuorum", "c", indexNames=["x"], commitQuorum=1) == 27
    assert refused(client.plain, "setIndexCommitQuorum", "none", indexNames=["x"], commitQuorum=1) == 26
    assert refused(client.plain, "reIndex", "c") == 20


def test_validate_shows_the_definition_of_each_index(client: Client) -> None:
    client.plain.v.insert_one({})
    client.plain.v.create_index("x")
    details = client.plain.command("validate", "v")["indexDetails"]
    assert details["x_1"]["spec"] == {"v": 2, "key": {"x": 1}, "name": "x_1"}


def test_fsync_makes_writes_wait(client: Client) -> None:
    client.plain.f.insert_one({})
    reply = client.admin.command("fsync", lock=True)
    assert (reply["lockCount"], reply["info"][:18]) == (1, "now locked against")
    assert client.admin.command("fsync", lock=True)["lockCount"] == 2
    assert client.admin.command("currentOp")["fsyncLock"] is True
    done: list[int] = []

    def write() -> None:
        client.plain.f.insert_one({})
        done.append(1)

    thread = threading.Thread(target=write)
    thread.start()
    wait_until(lambda: any("insert" in one.get("command", {}) for one in client.admin.command("currentOp")["inprog"]), "no write waits")
    assert client.plain.f.count_documents({}) == 1
    with pytest.raises(OperationFailure) as caught:
        client.plain.command("insert", "f", documents=[{}], maxTimeMS=60)
    assert caught.value.code == 50
    assert client.admin.command("fsyncUnlock")["lockCount"] == 1
    assert not done
    assert client.admin.command("fsyncUnlock")["lockCount"] == 0
    thread.join()
    assert client.plain.f.count_documents({}) == 2
    assert "fsyncLock" not in client.admin.command("currentOp")
    assert refused(client.admin, "fsyncUnlock") == 20


def waiting(client: Client, command: str) -> bool:
    """Return whether currentOp shows a command that waits for a lock."""
    return any(command in one.get("command", {}) and one["waitingForLock"] for one in client.admin.command("currentOp")["inprog"])


def test_a_second_lock_does_not_wait_for_writes_that_wait_themselves(client: Client) -> None:
    client.plain.f2.insert_one({})
    client.admin.command("fsync", lock=True)
    thread = threading.Thread(target=lambda: client.plain.f2.insert_one({}))
    thread.start()
    wait_until(lambda: waiting(client, "insert"), "no write waits")
    assert client.admin.command("fsync", lock=True, fsyncLockAcquisitionTimeoutMillis=5000)["lockCount"] == 2
    client.admin.command("fsyncUnlock")
    client.admin.command("fsyncUnlock")
    thread.join()
    assert client.plain.f2.count_documents({}) == 2


def test_the_lock_waits_for_running_writes_as_long_as_it_may(client: Client, server: SecantusDBServer) -> None:
    services = server.services
    running = services.operations.begin(0, "plain", {"insert": "f"})
    try:
        with pytest.raises(OperationFailure, match="Unable to acquire the fsync lock") as caught:
            client.admin.command("fsync", lock=True, fsyncLockAcquisitionTimeoutMillis=60)
        assert caught.value.code == 24
        assert "fsyncLock" not in client.admin.command("currentOp")
    finally:
        services.operations.end(running)


def test_a_drop_that_waits_for_a_transaction_is_shown(client: Client) -> None:
    client.plain.w.insert_one({})
    with client.start_session() as session:
        session.start_transaction()
        client.plain.w.insert_one({}, session=session)
        thread = threading.Thread(target=client.plain.w.drop)
        thread.start()
        wait_until(lambda: waiting(client, "drop"), "no drop waits")
        inactive = [one for one in client.admin.command("currentOp")["inprog"] if one["type"] == "idleSession"]
        assert [("opid" in one, one["active"]) for one in inactive] == [(False, False)]
        client.admin.command("killSessions", [session.session_id])
        thread.join()
        with pytest.raises(OperationFailure) as caught:
            session.commit_transaction()
        assert caught.value.code == 251
    assert "w" not in client.plain.list_collection_names()


def test_a_write_that_waits_for_a_transaction_shows_its_conflicts(client: Client) -> None:
    client.plain.w.insert_one({"_id": 1})

    def conflicts() -> list[int]:
        return [one["writeConflicts"] for one in client.admin.command("currentOp")["inprog"] if "writeConflicts" in one]

    with client.start_session() as session:
        session.start_transaction()
        client.plain.w.update_one({"_id": 1}, {"$inc": {"n": 1}}, session=session)
        thread = threading.Thread(target=client.plain.w.update_one, args=({"_id": 1}, {"$inc": {"n": 1}}))
        thread.start()
        wait_until(lambda: conflicts() >= [2], "no write waits")
        session.commit_transaction()
        thread.join()
    assert conflicts() == []
    assert client.plain.w.find_one() == {"_id": 1, "n": 2}


def test_diagnostic_data(client: Client) -> None:
    data = client.admin.command("getDiagnosticData")["data"]
    assert list(data) == ["start", "serverStatus", "replSetGetStatus", "end"]
    assert data["serverStatus"]["connections"]["current"] >= 1
    assert data["replSetGetStatus"]["myState"] == 1
    assert data["start"] <= data["serverStatus"]["start"] <= data["serverStatus"]["end"] <= data["end"]
    assert refused(client.plain, "getDiagnosticData") == 13


def test_a_user_may_bypass_the_write_block() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", require_auth=True) as server:
        with MongoClient[dict[str, Any]](server.uri) as first:
            first.admin.command("createUser", "root", pwd="p", roles=["root"])
        with MongoClient[dict[str, Any]](server.uri, username="root", password="p") as client:
            client.d.command("createUser", "app", pwd="p", roles=["readWrite"])
            client.admin.command("createUser", "restorer", pwd="p", roles=["restore", "readWriteAnyDatabase", "clusterAdmin"])
            client.admin.command("setUserWriteBlockMode", 1, **{"global": True})
        with MongoClient[dict[str, Any]](server.uri, username="app", password="p", authSource="d") as client:
            assert refused(client.d, "insert", "c", documents=[{}]) == 371
        with MongoClient[dict[str, Any]](server.uri, username="restorer", password="p") as client:
            client.d.c.insert_one({})


def test_apply_ops_needs_the_privileges_of_each_operation() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", require_auth=True) as server:
        with MongoClient[dict[str, Any]](server.uri) as first:
            first.admin.command("createUser", "root", pwd="p", roles=["root"])
        insert = {"op": "i", "ns": "d.c", "o": {"_id": 1}}
        with MongoClient[dict[str, Any]](server.uri, username="root", password="p") as client:
            client.admin.command("createUser", "dba", pwd="p", roles=["dbAdminAnyDatabase"])
            client.d.create_collection("c")
            assert client.admin.command("applyOps", [insert])["applied"] == 1
        with MongoClient[dict[str, Any]](server.uri, username="dba", password="p") as client:
            user = {"op": "i", "ns": "admin.system.users", "o": {"_id": "admin.x", "user": "x", "db": "admin", "roles": []}}
            grant = {"op": "u", "ns": "admin.system.users", "o2": {"_id": "admin.dba"}, "o": {"$v": 2, "diff": {"u": {"roles": []}}}}
            nested = {"op": "c", "ns": "admin.$cmd", "o": {"applyOps": [insert]}}
            for entry in (insert, user, grant, nested, {"op": "d", "ns": "d.c", "o": {"_id": 1}}):
                assert refused(client.admin, "applyOps", [entry]) == 13
            create = {"op": "c", "ns": "d.$cmd", "o": {"create": "new"}}
            assert client.admin.command("applyOps", [create])["applied"] == 1
