"""The effect of a restore on fail points, and on a server that has stepped down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from threading import Thread
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer


@pytest.fixture
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as running:
        yield running


@pytest.fixture
def admin(server: SecantusDBServer) -> Iterator[Database]:
    with MongoClient(server.uri, retryWrites=False, retryReads=False) as client:
        yield client.admin


def fail(admin: Database, command: str, mode: Any = "alwaysOn") -> None:
    admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": {"failCommands": [command], "errorCode": 1}})


def fails(admin: Database, command: str) -> bool:
    return not admin.command({command: 1}, check=False)["ok"]


def test_those_set_since_end(server: SecantusDBServer, admin: Database) -> None:
    snapshot = server.snapshot()
    assert not server.written_since(snapshot)
    fail(admin, "ping")
    assert server.written_since(snapshot)
    server.restore(snapshot)
    assert not server.written_since(snapshot)
    assert not fails(admin, "ping")


def test_those_set_before_are_set_again(server: SecantusDBServer, admin: Database) -> None:
    fail(admin, "ping")
    snapshot = server.snapshot()
    admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    server.restore(snapshot)
    assert fails(admin, "ping")
    fail(admin, "buildInfo")
    server.restore(snapshot)
    assert (fails(admin, "ping"), fails(admin, "buildInfo")) == (True, False)


def test_those_used_up_stay_so(server: SecantusDBServer, admin: Database) -> None:
    fail(admin, "ping", {"times": 2})
    snapshot = server.snapshot()
    assert fails(admin, "ping")
    server.restore(snapshot)
    assert (fails(admin, "ping"), fails(admin, "ping")) == (True, False)
    server.restore(snapshot)
    assert not fails(admin, "ping")
    assert not server.services.fail_points.active


def test_what_waits_in_one_goes_on(server: SecantusDBServer, admin: Database) -> None:
    admin.client.db.c.insert_one({"_id": 1})
    snapshot = server.snapshot()
    for name in ("waitInFindBeforeMakingBatch", "hangBeforeCommitingTxn"):
        admin.command({"configureFailPoint": name, "mode": "alwaysOn"})
    found: list[Any] = []
    reader = Thread(target=lambda: found.extend(admin.client.db.c.find()))

    def commit() -> None:
        # The restore aborts the transaction, unless it has been committed by then.
        with suppress(OperationFailure), admin.client.start_session() as session, session.start_transaction():
            admin.client.db.c.insert_one({"_id": 2}, session=session)

    writer = Thread(target=commit)
    for thread, name in ((reader, "waitInFindBeforeMakingBatch"), (writer, "hangBeforeCommitingTxn")):
        thread.start()
        admin.command({"waitForFailPoint": name, "timesEntered": 1, "maxTimeMS": 20_000})
    server.restore(snapshot)
    reader.join()
    writer.join()
    assert found[0] == {"_id": 1}
    assert list(admin.client.db.c.find()) == [{"_id": 1}]


def test_set_aside_and_put_back(server: SecantusDBServer, admin: Database) -> None:
    snapshot = server.snapshot()
    fail(admin, "ping")
    aside = server.set_aside(snapshot)
    assert not fails(admin, "ping")
    server.put_back(aside)
    assert fails(admin, "ping")
    server.restore(server.snapshots[0])
    assert not fails(admin, "ping")


def test_a_server_that_has_stepped_down_is_elected(server: SecantusDBServer, admin: Database) -> None:
    snapshot = server.snapshot()
    admin.command("replSetStepDown", 3600, force=True)
    admin.command("replSetFreeze", 3600)
    assert server.written_since(snapshot)
    server.restore(snapshot)
    assert not server.written_since(snapshot)
    assert admin.command("hello")["isWritablePrimary"] is True
    admin.client.db.c.insert_one({})
