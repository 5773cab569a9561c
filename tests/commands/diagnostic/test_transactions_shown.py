"""How serverStatus and `$currentOp` show multi-document transactions."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.read_concern import ReadConcern


def shown(admin: Database, session: ClientSession, **options: Any) -> list[dict[str, Any]]:
    found = admin.aggregate([{"$currentOp": options}, {"$match": {"lsid.id": session.session_id["id"]}}])
    return list(found)


def numbers(admin: Database) -> dict[str, int]:
    counted: dict[str, int] = admin.command("serverStatus")["transactions"]
    return counted


def test_an_inactive_transaction_is_shown(client: MongoClient, db: Database, admin: Database) -> None:
    before = numbers(admin)
    with client.start_session() as session, session.start_transaction(read_concern=ReadConcern("snapshot")):
        db.c.insert_one({}, session=session)
        (found,) = shown(admin, session)
        assert (found["type"], found["desc"], found["active"]) == ("idleSession", "inactive transaction", False)
        details = found["transaction"]
        assert details["parameters"]["autocommit"] is False
        assert details["parameters"]["readConcern"]["level"] == "snapshot"
        assert 0 < details["timeActiveMicros"] < details["timeOpenMicros"]
        assert details["timeInactiveMicros"] > 0
        assert details["startWallClockTime"] < details["expiryTime"]
        assert shown(admin, session, idleSessions=False) == []
        assert [one for one in admin.command("currentOp")["inprog"] if one["type"] == "idleSession"] != []
        open_now = numbers(admin)
    assert [open_now["currentOpen"], open_now["currentInactive"], open_now["currentActive"]] == [1, 1, 0]
    after = numbers(admin)
    assert [after[name] - before[name] for name in ("totalStarted", "totalCommitted", "totalAborted", "currentOpen")] == [1, 1, 0, 0]


def test_a_running_statement_shows_its_transaction(client: MongoClient, db: Database) -> None:
    db.c.insert_one({})
    pipeline = [{"$currentOp": {}}, {"$match": {"active": True}}]
    with client.start_session() as session:
        (found,) = (one for one in client.admin.aggregate(pipeline, session=session) if "lsid" in one)
        assert found["lsid"]["id"] == session.session_id["id"]
        assert "transaction" not in found
