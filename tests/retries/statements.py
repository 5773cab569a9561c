"""Retryable statements of every kind, and a session that numbers statements so that they can be sent again."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from typing import Any, Protocol

from bson import Binary, Int64

from tests.net.raw_client import RawClient

Command = dict[str, Any]
Reply = dict[str, Any]
Make = Callable[[random.Random, int], Command]

ONCE, TWIN = "once", "twin"
DOCUMENTS = 12

# The fields in which two replies to the same statement may differ.
_OF_THE_MOMENT = ("$clusterTime", "operationTime", "electionId", "opTime", "retriedStmtIds", "retriedStmtId")


class Server(Protocol):
    """A server that listens on a port."""

    port: int


def _some(chance: random.Random) -> int:
    return chance.randrange(DOCUMENTS)


def _insert(chance: random.Random, number: int) -> Command:
    return {"insert": "c", "documents": [{"_id": f"{number}", "n": 0}]}


def _insert_many(chance: random.Random, number: int) -> Command:
    documents = [{"_id": f"{number}.{part}", "n": part} for part in range(chance.randrange(2, 6))]
    return {"insert": "c", "documents": documents, "ordered": chance.random() < 0.5}


def _insert_with_duplicate(chance: random.Random, number: int) -> Command:
    documents: list[Any] = [{"_id": f"{number}.1"}, {"_id": _some(chance)}, {"_id": f"{number}.2"}]
    return {"insert": "c", "documents": documents, "ordered": chance.random() < 0.5}


def _update(chance: random.Random, number: int) -> Command:
    return {"update": "c", "updates": [{"q": {"_id": _some(chance)}, "u": {"$inc": {"n": 1}, "$push": {"by": number}}}]}


def _updates(chance: random.Random, number: int) -> Command:
    updates: list[Any] = [{"q": {"_id": _some(chance)}, "u": {"$inc": {"n": 1}}} for _ in range(3)]
    updates.insert(chance.randrange(3), {"q": {"_id": f"{number}u"}, "u": {"$inc": {"n": 5}}, "upsert": True})
    updates.append({"q": {"_id": _some(chance)}, "u": {"_id": "another"}})
    return {"update": "c", "updates": updates, "ordered": chance.random() < 0.5}


def _replace(chance: random.Random, number: int) -> Command:
    return {"update": "c", "updates": [{"q": {"_id": _some(chance)}, "u": {"n": number, "by": [number]}}]}


def _update_by_pipeline(chance: random.Random, number: int) -> Command:
    pipeline = [{"$set": {"n": {"$add": ["$n", 1]}, "seen": number}}]
    return {"update": "c", "updates": [{"q": {"_id": _some(chance)}, "u": pipeline}]}


def _delete(chance: random.Random, number: int) -> Command:
    return {"delete": "c", "deletes": [{"q": {"_id": {"$gte": "0"}}, "limit": 1}, {"q": {"n": {"$gt": 3}}, "limit": 1}]}


def _modify(chance: random.Random, number: int) -> Command:
    return {"findAndModify": "c", "query": {"_id": _some(chance)}, "update": {"$inc": {"n": 1}}, "new": chance.random() < 0.5}


def _modify_upsert(chance: random.Random, number: int) -> Command:
    new = chance.random() < 0.5
    return {"findAndModify": "c", "query": {"_id": f"{number}f"}, "update": {"$inc": {"n": 1}}, "upsert": True, "new": new}


def _remove(chance: random.Random, number: int) -> Command:
    return {"findAndModify": "c", "query": {"n": {"$gt": 1}}, "sort": {"_id": -1}, "remove": True, "fields": {"n": 1}}


def _bulk_write(chance: random.Random, number: int) -> Command:
    operations = [
        {"insert": 0, "document": {"_id": f"{number}b", "n": 0}},
        {"update": 0, "filter": {"_id": f"{number}b"}, "updateMods": {"$inc": {"n": 1}}},
        {"update": 0, "filter": {"_id": f"{number}c"}, "updateMods": {"$inc": {"n": 1}}, "upsert": True},
        {"delete": 0, "filter": {"_id": f"{number}b"}},
    ]
    return {"bulkWrite": 1, "ops": operations[: chance.randrange(1, 5)], "nsInfo": [{"ns": "DB.c"}]}


KINDS: tuple[Make, ...] = (
    _insert,
    _insert_many,
    _insert_with_duplicate,
    _update,
    _updates,
    _replace,
    _update_by_pipeline,
    _delete,
    _modify,
    _modify_upsert,
    _remove,
    _bulk_write,
)


def fill() -> list[Command]:
    """Return the documents that the statements change."""
    return [{"_id": number, "n": 0, "by": []} for number in range(DOCUMENTS)]


def on(db: str, command: Command) -> Command:
    """Return the command for a given database."""
    if "bulkWrite" in command:
        return {**command, "nsInfo": [{"ns": f"{db}.c"}], "$db": "admin"}
    return {**command, "$db": db}


def result(reply: Reply, db: str) -> Any:
    """Return the result in a reply, with the database's name replaced so that the results of both databases can be compared."""
    return _renamed({key: value for key, value in reply.items() if key not in _OF_THE_MOMENT}, f"{db}.c")


def _renamed(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(below, name) for key, below in value.items()}
    if isinstance(value, list):
        return [_renamed(below, name) for below in value]
    return value.replace(name, "DB.c") if isinstance(value, str) else value


class Retried:
    """A session whose statements are numbered, so that they can be sent again."""

    def __init__(self, chance: random.Random) -> None:
        self._session = {"id": Binary(uuid.UUID(int=chance.getrandbits(128), version=4).bytes, 4)}
        self._number = 0

    def next(self, command: Command) -> Command:
        """Return the command as the session's next statement, in the database `once`."""
        self._number += 1
        return {**on(ONCE, command), "lsid": self._session, "txnNumber": Int64(self._number)}


def send_and_lose(server: Server, command: Command) -> bool:
    """Send a command and discard the reply. Return whether the server closed the connection instead of replying."""
    client = RawClient(server)  # type: ignore[arg-type]
    try:
        client.run(command)
    except (EOFError, ConnectionError):
        return True
    finally:
        client.socket.close()
    return False


def run(server: Server, command: Command) -> Reply:
    """Run a command over a new connection."""
    client = RawClient(server)  # type: ignore[arg-type]
    try:
        return client.run(command)
    finally:
        client.socket.close()
