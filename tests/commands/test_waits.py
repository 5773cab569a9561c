"""A command that waits for access to the store waits no longer than its time limit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer
from tests.waiting import wait_until

# Commands that need exclusive access to the store, or change the catalog.
EXCLUSIVE: dict[str, dict[str, Any]] = {
    "createIndexes": {"createIndexes": "c", "indexes": [{"key": {"y": 1}, "name": "y"}]},
    "dropIndexes": {"dropIndexes": "c", "index": "x_1"},
    "collMod": {"collMod": "c", "validator": {"x": 1}},
    "convertToCapped": {"convertToCapped": "c", "size": 1000},
    "renameCollection": {"renameCollection": "DB.c", "to": "DB.d"},
}
# Commands that begin a transaction.
OTHERS: dict[str, dict[str, Any]] = {
    **EXCLUSIVE,
    "create": {"create": "d"},
    "drop": {"drop": "c"},
    "dropDatabase": {"dropDatabase": 1},
    "cloneCollectionAsCapped": {"cloneCollectionAsCapped": "c", "toCollection": "d", "size": 1000},
    "find": {"find": "c"},
    "count": {"count": "c"},
    "distinct": {"distinct": "c", "key": "x"},
    "aggregate": {"aggregate": "c", "pipeline": [], "cursor": {}},
    "out": {"aggregate": "c", "pipeline": [{"$out": "d"}], "cursor": {}},
    "insert": {"insert": "c", "documents": [{}]},
    "update": {"update": "c", "updates": [{"q": {}, "u": {"$set": {"x": 5}}, "multi": True}]},
    "delete": {"delete": "c", "deletes": [{"q": {}, "limit": 0}]},
    "findAndModify": {"findAndModify": "c", "query": {}, "remove": True},
    "bulkWrite": {"bulkWrite": 1, "ops": [{"delete": 0, "filter": {}, "multi": True}], "nsInfo": [{"ns": "DB.c"}]},
    "validate": {"validate": "c"},
    "dbStats": {"dbStats": 1},
}


@pytest.fixture
def waiting(db: Database[dict[str, Any]], server: SecantusDBServer) -> Iterator[Database[dict[str, Any]]]:
    """Provide a database whose client has a socket timeout, so that a test fails if a command waits forever."""
    db.c.insert_one({"_id": 1, "x": 1})
    db.c.create_index("x")
    with MongoClient(server.uri, retryWrites=False, socketTimeoutMS=20_000) as client:
        yield client[db.name]
    assert list(db.c.find()) == [{"_id": 1, "x": 1}]
    assert db.list_collection_names() == ["c"]
    assert sorted(db.c.index_information()) == ["_id_", "x_1"]
    assert "options" not in next(iter(db.list_collections())) or not next(iter(db.list_collections()))["options"]


def fails(db: Database[dict[str, Any]], command: dict[str, Any], code: int, **options: Any) -> None:
    text = {key: value.replace("DB", db.name) if type(value) is str else value for key, value in command.items()}
    if "nsInfo" in text:
        text["nsInfo"] = [{"ns": f"{db.name}.c"}]
    where = db.client.admin if next(iter(text)) in ("renameCollection", "bulkWrite") else db
    with pytest.raises(OperationFailure) as caught:
        where.command({**text, **options})
    assert caught.value.code == code, caught.value


@pytest.mark.parametrize("name", EXCLUSIVE)
def test_behind_a_long_transaction(waiting: Database[dict[str, Any]], server: SecantusDBServer, name: str) -> None:
    with server.services.engine.transaction():
        fails(waiting, EXCLUSIVE[name], 50, maxTimeMS=1)
        # The command that timed out does not block other commands.
        assert waiting.c.find_one() == {"_id": 1, "x": 1}


@pytest.mark.parametrize("name", OTHERS)
def test_behind_exclusive_access(waiting: Database[dict[str, Any]], server: SecantusDBServer, name: str) -> None:
    with server.services.engine.exclusive():
        fails(waiting, OTHERS[name], 50, maxTimeMS=1)


@pytest.mark.parametrize("name", ["create", "drop", "out", "renameCollection"])
def test_behind_a_change_of_the_catalog(waiting: Database[dict[str, Any]], server: SecantusDBServer, name: str) -> None:
    with server.services.catalog.change_lock:
        fails(waiting, OTHERS[name], 50, maxTimeMS=1)


@pytest.mark.parametrize("name", ["createIndexes", "find"])
def test_a_wait_is_killed(waiting: Database[dict[str, Any]], server: SecantusDBServer, name: str) -> None:
    operations = server.services.operations
    done = threading.Thread(target=fails, args=(waiting, OTHERS[name], 11601))
    with server.services.engine.exclusive():
        done.start()
        wait_until(lambda: any(name in operation.body for operation in operations.all()), "the command does not run")
        for operation in operations.all():
            if name in operation.body:
                operations.kill(operation.opid)
        done.join(20)
    assert not done.is_alive()
