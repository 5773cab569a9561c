"""Commands whose first attempt at a write ends in a write conflict."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.operations import Operation
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import Check, Transaction, UnitOfWork
from secantus_server.query._plan_notes import PlanNotes
from secantus_server.server import SecantusDBServer
from secantus_server.storage import WriteConflict
from secantus_server.wire.message import Message

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


def conflicting_request(server: SecantusDBServer, db: str, command: str, meanwhile: Callable[[], object]) -> Request:
    """Return a request for a command on the collection `c`, whose first attempt at a write conflicts.

    Arguments:
        meanwhile: what another client does before the second attempt.
    """
    services, message = server.services, Message(1, {command: "c"})
    operation = Operation(services.clock, 1, 7, db, message.body, (), PlanNotes)
    request = Request(command, db, message, services, ClientInfo(7, ("127.0.0.1", 1)), operation)
    request.work = ConflictOnce(services.work, meanwhile)  # type: ignore[assignment]
    return request
