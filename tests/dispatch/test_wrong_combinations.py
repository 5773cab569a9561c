"""Each wrong combination of sessions, transaction numbers, statement ids and times has MongoDB's code, and leaves the server usable.

A case is a list of commands that are sent in one session. Only the last one is refused.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from bson.binary import Binary
from bson.int64 import Int64
from bson.timestamp import Timestamp
from pymongo.database import Database

from secantus_server.server import SecantusDBServer
from tests.net.raw_client import RawClient, connected

Command = dict[str, Any]
INSERT: Command = {"insert": "c", "documents": [{}]}
UPDATE: Command = {"update": "c", "updates": [{"q": {}, "u": {"$set": {"x": 1}}}]}
DELETE: Command = {"delete": "c", "deletes": [{"q": {}, "limit": 1}]}
MODIFY: Command = {"findAndModify": "c", "query": {}, "update": {"$set": {"x": 1}}}
REMOVE: Command = {"findAndModify": "c", "query": {}, "remove": True}
FIND: Command = {"find": "c"}
COMMIT: Command = {"commitTransaction": 1, "$db": "admin"}
ABORT: Command = {"abortTransaction": 1, "$db": "admin"}
NO_SESSION: Command = {"lsid": None}
FUTURE, OLD = Timestamp(2**32 - 1, 1), Timestamp(1, 1)
UUID_16 = b"0123456789abcdef"


def numbered(number: int) -> Command:
    """Return the fields that make a command a retryable write."""
    return {"txnNumber": Int64(number)}


def later(number: int) -> Command:
    """Return the fields of a statement of a transaction, except the first statement."""
    return {**numbered(number), "autocommit": False}


def first(number: int) -> Command:
    """Return the fields of the first statement of a transaction."""
    return {**later(number), "startTransaction": True}


def snapshot(**times: Any) -> Command:
    return {"readConcern": {"level": "snapshot", **times}}


NUMBERS: dict[str, tuple[int, list[Command]]] = {
    "a number without a session": (72, [INSERT | numbered(1) | NO_SESSION]),
    "a transaction without a session": (72, [FIND | first(1) | NO_SESSION]),
    "a commit without a session": (72, [COMMIT | later(1) | NO_SESSION]),
    "a negative number": (72, [INSERT | numbered(-1)]),
    "a number of another type": (14, [INSERT | {"txnNumber": 1}]),
    "a number of a read": (50768, [FIND | numbered(1)]),
    "a number of an aggregation that writes": (50768, [{"aggregate": "c", "pipeline": [{"$out": "x"}], "cursor": {}} | numbered(1)]),
    "a number of ping": (50768, [{"ping": 1} | numbered(1)]),
    "a commit without autocommit": (50768, [INSERT | first(1), COMMIT | numbered(1)]),
    "a commit outside of a session's transaction": (125, [COMMIT]),
    "an abort outside of a session's transaction": (125, [ABORT]),
    "autocommit alone": (72, [FIND | {"autocommit": False}]),
    "startTransaction alone": (72, [FIND | {"startTransaction": True}]),
    "startTransaction without autocommit": (72, [FIND | numbered(1) | {"startTransaction": True}]),
    "startTransaction: false": (72, [FIND | later(1) | {"startTransaction": False}]),
    "autocommit: true": (72, [FIND | first(1) | {"autocommit": True}]),
    "a transaction that was not started": (251, [FIND | later(1)]),
    "a commit of a transaction that was not started": (251, [COMMIT | later(1)]),
    "an abort of a transaction that was not started": (251, [ABORT | later(1)]),
    "a number in use, started again": (117, [FIND | first(1), FIND | first(1)]),
    "a committed number, started again": (117, [FIND | first(1), COMMIT | later(1), FIND | first(1)]),
    "an aborted number, started again": (117, [FIND | first(1), ABORT | later(1), FIND | first(1)]),
    "a statement after the commit": (256, [FIND | first(1), COMMIT | later(1), FIND | later(1)]),
    "an abort after the commit": (256, [FIND | first(1), COMMIT | later(1), ABORT | later(1)]),
    "a statement after the abort": (251, [FIND | first(1), ABORT | later(1), FIND | later(1)]),
    "a commit after the abort": (251, [FIND | first(1), ABORT | later(1), COMMIT | later(1)]),
    "an abort after the abort": (251, [FIND | first(1), ABORT | later(1), ABORT | later(1)]),
    "a commit with startTransaction": (263, [COMMIT | first(1)]),
    "a commit in another database": (13, [FIND | first(1), {"commitTransaction": 1} | later(1)]),
    "an older number": (225, [INSERT | numbered(5), INSERT | numbered(4)]),
    "an older transaction": (225, [FIND | first(5), FIND | later(4)]),
    "an older transaction, started": (225, [FIND | first(5), FIND | first(4)]),
    "a commit of an older transaction": (225, [FIND | first(4), INSERT | numbered(5), COMMIT | later(4)]),
    "a retryable write with a transaction's number": (72, [FIND | first(1), INSERT | numbered(1)]),
    "a transaction with a retryable write's number": (117, [INSERT | numbered(1), FIND | first(1)]),
    "a statement with a retryable write's number": (251, [INSERT | numbered(1), FIND | later(1)]),
    "a commit with a retryable write's number": (251, [INSERT | numbered(1), COMMIT | later(1)]),
    "an update that was an insert": (40638, [INSERT | numbered(1), UPDATE | numbered(1)]),
    "findAndModify that was an insert": (40606, [INSERT | numbered(1), MODIFY | numbered(1)]),
    "findAndModify that was a removal": (40606, [INSERT, REMOVE | numbered(1), MODIFY | numbered(1)]),
    "many updates": (72, [{"update": "c", "updates": [{"q": {}, "u": {"$set": {"x": 1}}, "multi": True}]} | numbered(1)]),
    "many deletes": (72, [{"delete": "c", "deletes": [{"q": {}, "limit": 0}]} | numbered(1)]),
    "two statement ids for one statement": (16, [INSERT | numbered(1) | {"stmtIds": [1, 2]}]),
    "no statement id": (16, [UPDATE | numbered(1) | {"stmtIds": []}]),
    "stmtId and stmtIds": (72, [DELETE | numbered(1) | {"stmtIds": [1], "stmtId": 1}]),
    "stmtIds of another type": (14, [INSERT | numbered(1) | {"stmtIds": 5}]),
    "a statement id of another type": (14, [INSERT | numbered(1) | {"stmtIds": ["a"]}]),
    "a long statement id": (14, [INSERT | numbered(1) | {"stmtId": Int64(1)}]),
    "a fractional statement id": (14, [INSERT | numbered(1) | {"stmtId": 1.5}]),
    "a negative statement id": (2, [INSERT | numbered(1) | {"stmtId": -1}]),
    "a write concern in a transaction": (72, [INSERT | first(1) | {"writeConcern": {"w": 1}}]),
    "a read concern of a later statement": (72, [FIND | first(1), FIND | later(1) | {"readConcern": {"level": "local"}}]),
    "a read concern that transactions do not take": (72, [FIND | first(1) | {"readConcern": {"level": "linearizable"}}]),
    "a command that transactions do not take": (263, [{"drop": "c"} | first(1)]),
    "a cursor of another transaction": (50740, [FIND | first(1) | {"batchSize": 0}, {"getMore": "CURSOR", "collection": "c"}]),
    "a cursor of a transaction that has ended": (
        43,
        [FIND | first(1) | {"batchSize": 0}, COMMIT | later(1), {"getMore": "CURSOR", "collection": "c"}],
    ),
    "a cursor of another session": (50737, [FIND | {"batchSize": 0}, {"getMore": "CURSOR", "collection": "c"} | NO_SESSION]),
}

TIMES: dict[str, tuple[int, list[Command]]] = {
    "atClusterTime of another type": (14, [FIND | snapshot(atClusterTime=5)]),
    "atClusterTime with another level": (72, [FIND | {"readConcern": {"level": "local", "atClusterTime": OLD}}]),
    "atClusterTime without a level": (72, [FIND | {"readConcern": {"atClusterTime": OLD}}]),
    "a null atClusterTime": (72, [FIND | snapshot(atClusterTime=Timestamp(0, 0))]),
    "a future atClusterTime": (72, [FIND | snapshot(atClusterTime=FUTURE)]),
    "an atClusterTime before the window": (239, [FIND | snapshot(atClusterTime=OLD)]),
    "two times": (72, [FIND | snapshot(atClusterTime=OLD, afterClusterTime=OLD)]),
    "a null atClusterTime of a transaction": (72, [FIND | first(1) | snapshot(atClusterTime=Timestamp(0, 0))]),
    "a future atClusterTime of a transaction": (72, [FIND | first(1) | snapshot(atClusterTime=FUTURE)]),
    "an atClusterTime of a transaction before the window": (239, [FIND | first(1) | snapshot(atClusterTime=OLD)]),
    "a snapshot of a count": (72, [{"count": "c"} | snapshot()]),
    "a null afterClusterTime": (72, [FIND | {"readConcern": {"afterClusterTime": Timestamp(0, 0)}}]),
    "a future afterClusterTime": (72, [FIND | {"readConcern": {"afterClusterTime": FUTURE}}]),
    "afterClusterTime of another type": (14, [FIND | {"readConcern": {"afterClusterTime": 5}}]),
    "afterClusterTime with available": (72, [FIND | {"readConcern": {"level": "available", "afterClusterTime": OLD}}]),
    "afterClusterTime with linearizable": (72, [FIND | {"readConcern": {"level": "linearizable", "afterClusterTime": OLD}}]),
    "an unknown level": (2, [FIND | {"readConcern": {"level": "x"}}]),
    "an unknown field": (40415, [FIND | {"readConcern": {"foo": 1}}]),
}

SESSIONS: dict[str, tuple[int, list[Command]]] = {
    "no document": (14, [FIND | {"lsid": 5}]),
    "no id": (40414, [FIND | {"lsid": {}}]),
    "an id of another type": (14, [FIND | {"lsid": {"id": 5}}]),
    "an id of another subtype": (14, [FIND | {"lsid": {"id": Binary(UUID_16, 3)}}]),
    "a short id": (207, [FIND | {"lsid": {"id": Binary(b"123", 4)}}]),
    "an unknown field": (40415, [FIND | {"lsid": {"id": Binary(UUID_16, 4), "foo": 1}}]),
    "a user digest of another type": (14, [FIND | {"lsid": {"id": Binary(UUID_16, 4), "uid": 5}}]),
    "a number without its UUID": (72, [FIND | {"lsid": {"id": Binary(UUID_16, 4), "txnNumber": Int64(1)}}]),
    "a child session": (238, [FIND | {"lsid": {"id": Binary(UUID_16, 4), "txnUUID": Binary(UUID_16, 4)}}]),
}


@pytest.fixture
def connection(server: SecantusDBServer, db: Database) -> Iterator[RawClient]:
    with connected(server) as client:
        yield client
        # An open transaction would block the drop of the database.
        client.run({"killAllSessions": [], "$db": "admin"})


def code_of(reply: Command) -> int:
    """Return the code of an error, or of the first write error."""
    return int(reply.get("code", 0) or next((error["code"] for error in reply.get("writeErrors", ())), 0))


def send(connection: RawClient, db: Database, commands: list[Command]) -> Command:
    """Send commands in one session, and return the last reply. Check that the earlier commands succeed."""
    lsid, cursor, reply = {"id": Binary(uuid.uuid4().bytes, 4)}, Int64(0), {}
    for place, command in enumerate(commands):
        if command.get("getMore") == "CURSOR":
            command = {**command, "getMore": cursor}
        command = {**command, "$db": command.get("$db", db.name), "lsid": command.get("lsid", lsid)}
        if command["lsid"] is None:
            del command["lsid"]
        reply = connection.run(command)
        assert place == len(commands) - 1 or code_of(reply) == 0, reply
        cursor = reply.get("cursor", {}).get("id", cursor)
    return reply


@pytest.mark.parametrize(
    ("expected", "commands"),
    [
        pytest.param(*case, id=f"{kind}: {name}")
        for kind, table in (("", NUMBERS), ("time", TIMES), ("lsid", SESSIONS))
        for name, case in table.items()
    ],
)
def test_a_wrong_combination(connection: RawClient, db: Database, expected: int, commands: list[Command]) -> None:
    db.c.insert_one({"_id": 1})
    reply = send(connection, db, commands)
    assert code_of(reply) == expected, reply
    assert connection.run({"ping": 1, "$db": "admin"})["ok"] == 1
    assert code_of(send(connection, db, [INSERT | first(1), COMMIT | later(1), INSERT | numbered(2)])) == 0
