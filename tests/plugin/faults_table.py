"""The behaviour of pymongo for each fault: the rows of the table in docs/faults.md.

Print the table: ``python -m tests.plugin.faults_table``
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.monitoring import CommandListener, CommandStartedEvent

from pytest_secantus import faults
from pytest_secantus.faults import Fault, Faults
from secantus_server import SecantusDBServer

Client = MongoClient[dict[str, Any]]
Act = Callable[[Client], object]


class Counter(CommandListener):
    """A counter of the commands that a client sends, by name."""

    def __init__(self) -> None:
        self.sent: dict[str, int] = {}

    def started(self, event: CommandStartedEvent) -> None:
        """Count a command."""
        self.sent[event.command_name] = self.sent.get(event.command_name, 0) + 1

    def succeeded(self, event: object) -> None:
        """Do nothing."""

    def failed(self, event: object) -> None:
        """Do nothing."""


def in_transaction(client: Client) -> None:
    """Insert in a transaction."""
    with client.start_session() as session:
        session.with_transaction(lambda inside: client.shop.orders.insert_one({}, session=inside))


#: The columns: a title, the command that the fault affects, and the client's action.
OPERATIONS: tuple[tuple[str, str, Act], ...] = (
    ("`find`", "find", lambda client: client.shop.orders.find_one()),
    ("`getMore`", "getMore", lambda client: list(client.shop.articles.find(batch_size=2))),
    ("`insert_one`", "insert", lambda client: client.shop.orders.insert_one({})),
    ("`update_many`", "update", lambda client: client.shop.orders.update_many({}, {"$set": {"seen": True}})),
    ("`insert_one` in `with_transaction`", "insert", in_transaction),
    ("the commit of `with_transaction`", "commitTransaction", in_transaction),
)

#: The rows: the fault as a test writes it, and whether a transaction is tried with it. A transaction may be retried for two minutes.
ROWS: tuple[tuple[Callable[..., Fault], dict[str, Any], bool], ...] = (
    (faults.fail, {"code": 8000, "times": 1}, True),
    (faults.fail, {"code": 112, "times": 1}, True),
    (faults.fail, {"code": 11600, "times": 1}, True),
    (faults.fail, {"code": 11600, "times": 2}, True),
    (faults.fail, {"code": 10107, "times": 1}, True),
    (faults.drop_connection, {"times": 1}, True),
    (faults.drop_connection, {"times": 2}, True),
    (faults.write_concern_error, {"times": 1}, True),
    (faults.write_concern_error, {"code": 91, "times": 1}, True),
    (faults.overload, {"times": 1}, True),
    (faults.overload, {}, False),
    (faults.overload, {"retryable": False, "times": 1}, True),
)


def outcome(server: SecantusDBServer, fault: Fault, command: str, act: Act) -> str:
    """Set a fault, run the action, and return what happened."""
    counter, setter = Counter(), Faults(server)
    with MongoClient(server.uri, event_listeners=[counter]) as client, server.checkpoint():
        client.shop.articles.insert_many([{} for _ in range(3)])
        client.shop.orders.insert_many([{}])
        counter.sent.clear()
        try:
            setter.set(fault)
        except pytest.UsageError:
            return "usage error"
        try:
            act(client)
            result = "succeeds"
        except PyMongoError as error:
            result = f"`{type(error).__name__}`"
        finally:
            setter.end()
    sent = counter.sent[command]
    return result if sent == 1 else f"{result}, sent {sent} times"


def table(server: SecantusDBServer) -> Iterator[str]:
    """Yield the lines of the table."""
    titles = ["Fault", *(title for title, _, _ in OPERATIONS)]
    yield f"| {' | '.join(titles)} |"
    yield "|---" * len(titles) + "|"
    for make, arguments, in_transactions in ROWS:
        cells = [
            "repeated for 120 s" if act is in_transaction and not in_transactions else outcome(server, make(name, **arguments), name, act)
            for _, name, act in OPERATIONS
        ]
        yield f"| `{make(**arguments)!r}` | {' | '.join(cells)} |"


if __name__ == "__main__":
    with SecantusDBServer(port=0, storage_path=":memory:") as trial:
        print(*table(trial), sep="\n")
