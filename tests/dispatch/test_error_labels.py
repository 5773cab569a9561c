"""The error labels that the server sets, depending on the error's code and on the command's context."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from bson.binary import Binary
from bson.int64 import Int64
from pymongo.database import Database

from secantus_server.server import SecantusDBServer
from tests.net.raw_client import connected

TRANSIENT, RETRYABLE, RESUMABLE = "TransientTransactionError", "RetryableWriteError", "ResumableChangeStreamError"

BOTH = {6, 7, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436}
STREAMS_TOO = BOTH - {134}
TRANSACTIONS = {24, 112, 246, 251, 267}
STREAMS = {63, 133, 150, 234, 13388}
NEITHER = {1, 2, 8, 43, 50, 64, 79, 100, 11000, 11601}
CODES = sorted(BOTH | TRANSACTIONS | STREAMS | NEITHER)


@pytest.fixture(autouse=True)
def _off(admin: Database) -> Iterator[None]:
    yield
    for name in ("failCommand", "failGetMoreAfterCursorCheckout"):
        admin.command({"configureFailPoint": name, "mode": "off"})


def labels(server: SecantusDBServer, admin: Database, command: dict[str, Any], code: int) -> list[str]:
    """Return the labels of a command that fails with a code."""
    data = {"failCommands": [next(iter(command))], "errorCode": code}
    admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": data})
    with connected(server) as raw:
        reply = raw.run({**command, "$db": command.get("$db", "admin")})
    assert reply["code"] == code
    found: list[str] = reply.get("errorLabels", [])
    return found


def numbered(**more: Any) -> dict[str, Any]:
    return {"lsid": {"id": Binary(uuid.uuid4().bytes, 4)}, "txnNumber": Int64(1), **more}


@pytest.mark.parametrize("code", CODES)
def test_labels(server: SecantusDBServer, admin: Database, code: int) -> None:
    insert: dict[str, Any] = {"insert": "c", "documents": [{}], "$db": "labels"}
    inside = numbered(autocommit=False)
    retryable = [RETRYABLE] if code in BOTH else []
    assert labels(server, admin, insert, code) == []
    assert labels(server, admin, {**insert, **numbered()}, code) == retryable
    assert labels(server, admin, {"find": "c", "$db": "labels"}, code) == []
    # Statements of a transaction, and its end
    transient = [TRANSIENT] if code in BOTH | TRANSACTIONS else []
    assert labels(server, admin, {**insert, **inside, "startTransaction": True}, code) == transient
    assert labels(server, admin, {"find": "c", "$db": "labels", **inside, "startTransaction": True}, code) == transient
    ending = [TRANSIENT] if code in TRANSACTIONS else retryable
    assert labels(server, admin, {"commitTransaction": 1, **inside}, code) == ending
    assert labels(server, admin, {"abortTransaction": 1, **inside}, code) == ending
    # Change streams
    aggregate: dict[str, Any] = {"aggregate": "c", "cursor": {}, "$db": "labels"}
    resumable = [RESUMABLE] if code in STREAMS | STREAMS_TOO else []
    assert labels(server, admin, {**aggregate, "pipeline": [{"$changeStream": {}}]}, code) == resumable
    assert labels(server, admin, {**aggregate, "pipeline": [{"$match": {}}]}, code) == []


@pytest.mark.parametrize("code", CODES)
def test_the_get_more_of_a_change_stream(server: SecantusDBServer, admin: Database, db: Database, code: int) -> None:
    db.c.insert_many([{}, {}, {}])
    data = {"errorCode": code, "closeConnection": False}
    with connected(server) as raw:
        for pipeline, expected in (([{"$changeStream": {}}], code in STREAMS | STREAMS_TOO), ([], False)):
            opened = raw.run({"aggregate": "c", "pipeline": pipeline, "cursor": {"batchSize": 1}, "$db": db.name})
            admin.command({"configureFailPoint": "failGetMoreAfterCursorCheckout", "mode": {"times": 1}, "data": data})
            reply = raw.run({"getMore": Int64(opened["cursor"]["id"]), "collection": "c", "$db": db.name})
            assert (reply["code"], reply.get("errorLabels")) == (code, [RESUMABLE] if expected else None)


def test_the_servers_own_errors(server: SecantusDBServer, db: Database) -> None:
    inside = numbered(autocommit=False)
    with connected(server) as raw:
        reply = raw.run({"find": "c", **inside, "$db": db.name})
        assert (reply["code"], reply["errorLabels"]) == (251, [TRANSIENT])
        reply = raw.run({"commitTransaction": 1, **inside, "$db": "admin"})
        assert (reply["code"], reply["errorLabels"]) == (251, [TRANSIENT])
        reply = raw.run({"insert": "c", "documents": [{"_id": 1}, {"_id": 1}], **numbered(), "$db": db.name})
        assert "errorLabels" not in reply
