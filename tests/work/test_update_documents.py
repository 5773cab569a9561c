"""Update statements that are retried after a write conflict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from bson.int64 import Int64
from pymongo.database import Database

from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.operations import Operation
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import Check, Transaction, UnitOfWork
from secantus_server.server import SecantusDBServer
from secantus_server.storage import WriteConflict
from secantus_server.wire.message import Message
from secantus_server.work.update_documents import run_update

T = TypeVar("T")


class ConflictOnce:
    """A unit of work whose first attempt ends in a write conflict, after another client has written."""

    def __init__(self, work: UnitOfWork, meanwhile: Callable[[], object]) -> None:
        self._work = work
        self._meanwhile = meanwhile
        self._tries = 0

    def write(self, body: Callable[[Transaction], T], check: Check) -> T:
        def attempt(transaction: Transaction) -> T:
            self._tries += 1
            result = body(transaction)
            if self._tries == 1:
                self._meanwhile()
                raise WriteConflict
            return result

        return self._work.write(attempt, check)


def test_the_error_of_an_attempt_that_conflicted_is_forgotten(db: Database[dict[str, Any]], server: SecantusDBServer) -> None:
    db.c.insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": "x"}, {"_id": 3, "n": 1}])
    services, message = server.services, Message(1, {"update": "c"})
    operation = Operation(services.clock, 1, 7, db.name, message.body)
    request = Request("update", db.name, message, services, ClientInfo(7, ("127.0.0.1", 1)), operation)
    request.work = ConflictOnce(services.work, lambda: db.c.update_one({"_id": 2}, {"$set": {"n": Int64(1)}}))  # type: ignore[assignment]
    given = {"q": {}, "u": {"$inc": {"n": 1}}, "multi": True, "upsert": False, "sort": {}, "arrayFilters": []}
    spec = {**given, "c": None, "collation": None, "hint": None}
    outcome = run_update(request, "c", spec, {}, bypass_validation=False)
    assert (outcome.matched, outcome.modified) == (3, 3)
    assert [document["n"] for document in db.c.find(sort=[("_id", 1)])] == [2, 2, 2]
