"""onPrimaryTransactionalWrite: retryable writes whose connection closes after a commit, or that fail before it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from bson.binary import Binary
from bson.int64 import Int64
from pymongo.database import Database

from secantus_server.server import SecantusDBServer
from tests.failing import code
from tests.net.raw_client import connected
from tests.wire.messages import command as message

NAME = "onPrimaryTransactionalWrite"
INC = {"$inc": {"n": 1}}


def configure(admin: Database, mode: Any = "alwaysOn", **data: Any) -> int:
    count: int = admin.command({"configureFailPoint": NAME, "mode": mode, "data": data})["count"]
    return count


@pytest.fixture(autouse=True)
def _off(admin: Database) -> Iterator[None]:
    yield
    configure(admin, "off")


def numbered(db: Database, command: dict[str, Any]) -> dict[str, Any]:
    where: dict[str, Any] = {"$db": "admin", "nsInfo": [{"ns": f"{db.name}.c"}]} if "bulkWrite" in command else {"$db": db.name}
    return {**command, "lsid": {"id": Binary(uuid.uuid4().bytes, 4)}, "txnNumber": Int64(1), **where}


def is_lost(server: SecantusDBServer, command: dict[str, Any]) -> bool:
    """Send a command; return whether the connection was closed instead of an answer."""
    with connected(server) as raw:
        raw.send(message(command))
        return raw.is_closed()


def answer(server: SecantusDBServer, command: dict[str, Any]) -> dict[str, Any]:
    with connected(server) as raw:
        return raw.run(command)


WRITES = [
    {"insert": "c", "documents": [{"_id": 2}]},
    {"update": "c", "updates": [{"q": {"_id": 1}, "u": INC}]},
    {"update": "c", "updates": [{"q": {"_id": 3}, "u": INC, "upsert": True}]},
    {"delete": "c", "deletes": [{"q": {"_id": 1}, "limit": 1}]},
    {"findAndModify": "c", "query": {"_id": 1}, "update": INC},
    {"findAndModify": "c", "query": {"_id": 1}, "remove": True},
    {"bulkWrite": 1, "ops": [{"insert": 0, "document": {"_id": 2}}]},
    {"bulkWrite": 1, "ops": [{"update": 0, "filter": {"_id": 1}, "updateMods": INC}]},
    {"bulkWrite": 1, "ops": [{"delete": 0, "filter": {"_id": 1}}]},
]


@pytest.mark.parametrize("write", WRITES, ids=lambda write: next(iter(write)))
@pytest.mark.parametrize("before", [False, True], ids=["after the commit", "before the commit"])
def test_a_lost_reply(server: SecantusDBServer, admin: Database, db: Database, write: dict[str, Any], before: bool) -> None:
    db.c.insert_one({"_id": 1, "n": 0})
    twin = db.client[f"{db.name}_twin"]
    twin.c.insert_one({"_id": 1, "n": 0})
    expected = answer(server, numbered(twin, write))
    after = list(twin.c.find())
    command = numbered(db, write)
    configure(admin, {"times": 1}, **({"failBeforeCommitExceptionCode": 1} if before else {}))
    assert is_lost(server, command)
    assert list(db.c.find()) == ([{"_id": 1, "n": 0}] if before else after)
    retried = answer(server, command)
    for reply in (retried, expected):
        for name in ("opTime", "operationTime", "$clusterTime", "retriedStmtIds", "retriedStmtId"):
            reply.pop(name, None)
    assert retried == expected
    assert list(db.c.find()) == after
    db.client.drop_database(twin.name)


def test_writes_that_are_not_retryable_pass(server: SecantusDBServer, admin: Database, db: Database) -> None:
    before = configure(admin)
    db.c.insert_one({"_id": 1})
    db.c.update_many({}, INC)
    # An update that matches nothing commits nothing, so the fail point does not affect it.
    assert answer(server, numbered(db, {"update": "c", "updates": [{"q": {"_id": 7}, "u": INC}]}))["n"] == 0
    assert configure(admin, "off") == before


def test_each_statement_counts(server: SecantusDBServer, admin: Database, db: Database) -> None:
    db.c.insert_many([{"_id": 1, "n": 0}, {"_id": 2, "n": 0}, {"_id": 3, "n": 0}])
    command = numbered(db, {"update": "c", "updates": [{"q": {"_id": number}, "u": INC} for number in (1, 2, 3)]})
    configure(admin, {"skip": 1}, failBeforeCommitExceptionCode=1)
    assert is_lost(server, command)
    assert [document["n"] for document in db.c.find()] == [1, 0, 0]
    configure(admin, "off")
    assert answer(server, command)["n"] == 3
    assert [document["n"] for document in db.c.find()] == [1, 1, 1]


def test_each_document_of_an_insert_counts(server: SecantusDBServer, admin: Database, db: Database) -> None:
    configure(admin, {"skip": 3}, failBeforeCommitExceptionCode=1)
    assert answer(server, numbered(db, {"insert": "c", "documents": [{"_id": 1}, {"_id": 2}, {"_id": 3}]}))["n"] == 3
    assert is_lost(server, numbered(db, {"insert": "c", "documents": [{"_id": 4}]}))
    assert db.c.count_documents({}) == 3


def test_an_error_with_an_open_connection(server: SecantusDBServer, admin: Database, db: Database) -> None:
    configure(admin, {"times": 1}, failBeforeCommitExceptionCode=11602, closeConnection=False)
    command = numbered(db, {"findAndModify": "c", "query": {"_id": 1}, "update": INC, "upsert": True})
    reply = answer(server, command)
    assert (reply["code"], reply["errorLabels"]) == (11602, ["RetryableWriteError"])
    assert answer(server, command)["lastErrorObject"]["upserted"] == 1
    configure(admin, {"times": 1}, closeConnection=False)
    assert answer(server, numbered(db, {"insert": "c", "documents": [{"_id": 2}]}))["n"] == 1


def test_invalid_data(admin: Database) -> None:
    for data, expected in (({"closeConnection": 1}, 14), ({"failBeforeCommitExceptionCode": "x"}, 14), ({"errorCode": 1}, 238)):
        assert code(admin, {"configureFailPoint": NAME, "mode": "alwaysOn", "data": data}) == expected
