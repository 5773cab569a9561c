"""The arguments that configureFailPoint ignores, and those that waitForFailPoint requires."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from secantus_server.server import SecantusDBServer
from tests.failing import code
from tests.net.raw_client import connected


def test_other_fields_are_ignored(admin: Database[dict[str, Any]]) -> None:
    off = {"configureFailPoint": "failCommand", "mode": "off", "appName": "a driver's test", "comment": 1}
    assert admin.command(off)["ok"] == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [({"timesEntered": 0}, 40414), ({"maxTimeMS": 1}, 40414), ({"timesEntered": 2**40, "maxTimeMS": 1}, 50)],
    ids=str,
)
def test_waiting_has_a_time_limit(admin: Database[dict[str, Any]], arguments: dict[str, Any], expected: int) -> None:
    assert code(admin, {"waitForFailPoint": "failCommand", **arguments}) == expected


@pytest.mark.parametrize("name", ["configureFailPoint", "waitForFailPoint"])
def test_without_test_commands_the_fields_do_not_matter(name: str) -> None:
    with (
        SecantusDBServer(port=0, storage_path=":memory:", log_level="error", enable_test_commands=False) as server,
        connected(server) as raw,
    ):
        reply = raw.run({name: "failCommand", "unknown": 1, "$db": "admin"})
        assert (reply["code"], reply["errmsg"]) == (59, f"no such command: '{name}'")


def test_the_time_limit_of_a_cursor(admin: Database[dict[str, Any]], db: Database[dict[str, Any]]) -> None:
    db.c.insert_many([{} for _ in range(4)])
    reply = db.command({"find": "c", "batchSize": 1, "maxTimeMS": 3_600_000})
    more = {"getMore": reply["cursor"]["id"], "collection": "c"}
    admin.command({"configureFailPoint": "maxTimeAlwaysTimeOut", "mode": "alwaysOn"})
    try:
        assert code(db, more) == 50
        assert len(db.command({"find": "c"})["cursor"]["firstBatch"]) == 4
    finally:
        admin.command({"configureFailPoint": "maxTimeAlwaysTimeOut", "mode": "off"})


def test_an_interrupted_commit_aborts(server: SecantusDBServer, admin: Database[dict[str, Any]], db: Database[dict[str, Any]]) -> None:
    admin.command({"configureFailPoint": "hangBeforeCommitingTxn", "mode": "alwaysOn"})
    try:
        with admin.client.start_session() as session:
            session.start_transaction(max_commit_time_ms=1)
            db.c.insert_one({"_id": 1}, session=session)
            commit = {"commitTransaction": 1, "autocommit": False, "maxTimeMS": 1, "txnNumber": session._server_session.transaction_id}
            with connected(server) as raw:
                reply = raw.run({**commit, "lsid": session.session_id, "$db": "admin"})
                assert reply["code"] == 50
            # The failed command has released its lock on the document.
            db.c.insert_one({"_id": 1})
    finally:
        admin.command({"configureFailPoint": "hangBeforeCommitingTxn", "mode": "off"})
