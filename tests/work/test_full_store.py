"""A full in-memory store: every write fails with 14031 and has no effect, and a restore frees the memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure

from secantus_server.server import SecantusDBServer

OUT_OF_SPACE = 14031
TEXT = "The in-memory store is full: nothing more can be written until data is removed; raise the cache size or use a storage path."
LARGE = "x" * 1_000_000


@pytest.fixture(scope="module")
def small() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", cache_size_mb=16, log_level="error") as running:
        yield running


@pytest.fixture
def full(small: SecantusDBServer) -> Iterator[Database]:
    """Yield a database in a full store; its contents are undone afterwards."""
    with MongoClient(small.uri, retryWrites=False) as client, small.checkpoint():
        db = client.full
        db.few.insert_many([{"_id": n, "x": "x"} for n in range(10)])
        fill(db)
        # Reclaim the room left by the refused writes, and fill it.
        small.services.engine.make_room(at_any_cost=True)
        fill(db)
        yield db


def fill(db: Database) -> int:
    """Insert documents of decreasing sizes until none fits; return their number."""
    written = 0
    for size in (200_000, 20_000, 2_000):
        with pytest.raises(OperationFailure) as caught:
            while written < 100_000:
                db.many.insert_one({"x": "x" * size})
                written += 1
        assert caught.value.code == OUT_OF_SPACE
    return written


def state(db: Database) -> Any:
    """Return the collections with their indexes and document ids."""
    names = sorted(db.list_collection_names())
    return {name: (list(db[name].index_information()), [document["_id"] for document in db[name].find({}, {"_id": 1})]) for name in names}


COMMANDS: dict[str, Callable[[Database], Any]] = {
    "insert": lambda db: db.few.insert_one({"x": LARGE}),
    "update": lambda db: db.few.update_one({"_id": 1}, {"$set": {"x": LARGE}}),
    "update of many": lambda db: db.few.update_many({}, {"$set": {"x": LARGE}}),
    "update by a pipeline": lambda db: db.few.update_many({}, [{"$set": {"x": LARGE}}]),
    "replacement": lambda db: db.few.replace_one({"_id": 1}, {"x": LARGE}),
    "upsert": lambda db: db.few.update_one({"_id": "new"}, {"$set": {"x": LARGE}}, upsert=True),
    "findAndModify": lambda db: db.few.find_one_and_update({"_id": 1}, {"$set": {"x": LARGE}}),
    "$out": lambda db: list(db.many.aggregate([{"$out": "few"}])),
    "$merge": lambda db: list(db.many.aggregate([{"$merge": "few"}])),
    "cloneCollectionAsCapped": lambda db: db.command({"cloneCollectionAsCapped": "many", "toCollection": "copy", "size": 100_000_000}),
    "convertToCapped": lambda db: db.command({"convertToCapped": "many", "size": 100_000_000}),
    "renameCollection": lambda db: db.client.admin.command({"renameCollection": "full.many", "to": "elsewhere.many"}),
    "createIndexes": lambda db: db.many.create_index("x"),
    "bulkWrite": lambda db: db.client.admin.command(BULK_WRITE),
}
BULK_WRITE = {
    "bulkWrite": 1,
    "ops": [{"insert": 0, "document": {"_id": "new", "x": LARGE}}],
    "nsInfo": [{"ns": "full.few"}],
    "errorsOnly": True,
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_write_that_has_no_room(full: Database, name: str) -> None:
    before = state(full)
    try:
        reply = COMMANDS[name](full)
    except OperationFailure as error:
        assert error.details is not None
        code, text = error.code, str(error.details["errmsg"])
    else:
        [failed] = reply["cursor"]["firstBatch"]
        code, text = failed["code"], failed["errmsg"]
    assert code == OUT_OF_SPACE
    assert TEXT in text
    assert state(full) == before


def test_what_needs_no_room(full: Database) -> None:
    assert full.few.count_documents({}) == 10
    full.create_collection("new")
    assert full.few.delete_many({"_id": {"$gte": 5}}).deleted_count == 5
    full.many.drop()
    assert sorted(full.list_collection_names()) == ["few", "new"]


def test_the_documents_of_an_insert(full: Database) -> None:
    documents = [{"_id": f"new{n}", "x": LARGE} for n in range(3)]
    for ordered, indexes in ((True, [0]), (False, [0, 1, 2])):
        with pytest.raises(BulkWriteError) as caught:
            full.few.insert_many(documents, ordered=ordered)
        assert caught.value.details["nInserted"] == 0
        assert [(error["index"], error["code"]) for error in caught.value.details["writeErrors"]] == [
            (index, OUT_OF_SPACE) for index in indexes
        ]
    assert full.few.count_documents({}) == 10


def test_a_restore_gives_the_room_back(small: SecantusDBServer) -> None:
    with MongoClient(small.uri, retryWrites=False) as client:
        db = client.rounds
        written = []
        for _ in range(4):
            with small.checkpoint():
                written.append(fill(db))
            db.small.insert_one({"x": "x"})
        assert min(written) > 0.8 * max(written), written


def test_removed_documents_give_room(small: SecantusDBServer) -> None:
    with MongoClient(small.uri, retryWrites=False) as client, small.checkpoint():
        db = client.removed
        fill(db)
        db.many.delete_many({})
        db.many.insert_one({"x": LARGE})
