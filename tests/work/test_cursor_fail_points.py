"""The fail points of find, getMore and commitTransaction that make them wait or fail."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import AutoReconnect, OperationFailure

from tests.failing import code

FIND, GET_MORE, COMMIT = "waitInFindBeforeMakingBatch", "waitAfterPinningCursorBeforeGetMoreBatch", "hangBeforeCommitingTxn"
FAIL = "failGetMoreAfterCursorCheckout"


def configure(admin: Database, name: str, mode: Any = "alwaysOn", **data: Any) -> int:
    count: int = admin.command({"configureFailPoint": name, "mode": mode, "data": data})["count"]
    return count


@pytest.fixture(autouse=True)
def _off(admin: Database) -> Iterator[None]:
    yield
    for name in (FIND, GET_MORE, COMMIT, FAIL):
        configure(admin, name, "off")


class Caller:
    """A command that runs in another thread. The constructor waits until the command waits in the fail point."""

    def __init__(self, admin: Database, db: Database, name: str, command: dict[str, Any]) -> None:
        count = configure(admin, name)
        self.reply: dict[str, Any] = {}
        self._thread = Thread(target=lambda: self.reply.update(db.command(command, check=False)))
        self._thread.start()
        admin.command({"waitForFailPoint": name, "timesEntered": count + 1, "maxTimeMS": 20_000})

    def end(self) -> dict[str, Any]:
        self._thread.join()
        return self.reply


def test_find_waits_before_it_reads(admin: Database, db: Database) -> None:
    db.c.insert_one({"_id": 1})
    caller = Caller(admin, db, FIND, {"find": "c"})
    db.c.insert_one({"_id": 2})
    configure(admin, FIND, "off")
    assert [document["_id"] for document in caller.end()["cursor"]["firstBatch"]] == [1, 2]


def test_get_more_waits_with_its_cursor(admin: Database, db: Database) -> None:
    db.c.insert_many([{"_id": number} for number in range(4)])
    cursor = db.command({"find": "c", "batchSize": 2})["cursor"]["id"]
    caller = Caller(admin, db, GET_MORE, {"getMore": cursor, "collection": "c"})
    configure(admin, GET_MORE, "off")
    assert [document["_id"] for document in caller.end()["cursor"]["nextBatch"]] == [2, 3]


def test_a_cursor_can_be_killed_while_get_more_waits(admin: Database, db: Database) -> None:
    db.c.insert_many([{"_id": number} for number in range(4)])
    cursor = db.command({"find": "c", "batchSize": 2})["cursor"]["id"]
    caller = Caller(admin, db, GET_MORE, {"getMore": cursor, "collection": "c"})
    (found,) = admin.aggregate([{"$currentOp": {}}, {"$match": {"command.getMore": cursor}}])
    admin.command({"killOp": 1, "op": found["opid"]})
    assert caller.end()["code"] == 11601


def test_only_one_namespace_waits(admin: Database, db: Database) -> None:
    configure(admin, FIND, nss=f"{db.name}.c")
    assert db.command({"find": "other"})["ok"]
    assert code(db, {"find": "c", "maxTimeMS": 5}) == 50


def test_setting_it_anew_ends_the_wait(admin: Database, db: Database) -> None:
    caller = Caller(admin, db, FIND, {"find": "c"})
    configure(admin, FIND, nss="another.collection")
    assert caller.end()["ok"]


def test_commit_waits(admin: Database, db: Database) -> None:
    db.create_collection("c")
    count = configure(admin, COMMIT)
    with db.client.start_session() as session:
        session.start_transaction()
        db.c.insert_one({"_id": 1}, session=session)
        thread = Thread(target=session.commit_transaction)
        thread.start()
        admin.command({"waitForFailPoint": COMMIT, "timesEntered": count + 1, "maxTimeMS": 20_000})
        assert db.c.find_one() is None
        configure(admin, COMMIT, "off")
        thread.join()
    assert db.c.find_one() == {"_id": 1}


def test_get_more_fails(admin: Database, db: Database) -> None:
    db.c.insert_many([{} for _ in range(4)])
    for data, expected in (({"errorCode": 7}, 7), ({"errorCode": 7, "errorLabels": ["x"], "failCommands": ["getMore"], "errmsg": "x"}, 7)):
        cursor = db.command({"find": "c", "batchSize": 2})["cursor"]["id"]
        configure(admin, FAIL, {"times": 1}, **data)
        with pytest.raises(OperationFailure) as caught:
            db.command({"getMore": cursor, "collection": "c"})
        assert (caught.value.code, caught.value.has_error_label("x")) == (expected, "errorLabels" in data)
        # The failed getMore had checked out the cursor, so the cursor is closed.
        assert code(db, {"getMore": cursor, "collection": "c"}) == 43
    # A getMore that finds no cursor does not reach the fail point.
    configure(admin, FAIL, {"times": 1}, closeConnection=True)
    assert code(db, {"getMore": cursor, "collection": "c"}) == 43
    cursor = db.command({"find": "c", "batchSize": 2})["cursor"]["id"]
    with pytest.raises(AutoReconnect):
        db.command({"getMore": cursor, "collection": "c"})


def test_invalid_data(admin: Database) -> None:
    for name, data, expected in (
        (FIND, {"nss": 1}, 14),
        (GET_MORE, {"other": 1}, 238),
        (COMMIT, {"nss": "a.b"}, 238),
        (FAIL, {}, 72),
        (FAIL, {"errorCode": "x"}, 14),
    ):
        assert code(admin, {"configureFailPoint": name, "mode": "alwaysOn", "data": data}) == expected
