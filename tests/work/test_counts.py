"""The cached number of documents in a collection stays correct after every kind of change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database

from secantus_server.exec.read_scope import ReadScope
from secantus_server.query.find import count_all
from secantus_server.server import SecantusDBServer


def is_known(server: SecantusDBServer, collection: Collection) -> bool:
    """Return whether the count is cached."""
    found = server.services.catalog.find(collection.database.name, collection.name)
    return found is not None and found.count() is not None


def check(server: SecantusDBServer, collection: Collection) -> int:
    """Return the number of documents; check that it was cached and that all ways of counting agree."""
    assert is_known(server, collection)
    counted = collection.estimated_document_count()
    assert counted == len(list(collection.find()))
    assert collection.database.command("count", collection.name, query={})["n"] == counted
    (statistics,) = collection.aggregate([{"$collStats": {"count": {}}}])
    assert statistics["count"] == counted
    return counted


CHANGES: dict[str, Callable[[Collection], object]] = {
    "insert": lambda c: c.insert_many([{}, {}]),
    "delete": lambda c: c.delete_many({"_id": {"$lt": 3}}),
    "update": lambda c: c.update_many({}, {"$set": {"y": 1}}),
    "upsert": lambda c: c.update_one({"_id": 99}, {"$set": {"y": 1}}, upsert=True),
    "failing insert": lambda c: c.database.command("insert", c.name, documents=[{"_id": 50}, {"_id": 1}], ordered=False),
    "findAndModify": lambda c: c.find_one_and_delete({}),
    "createIndexes": lambda c: c.create_index("x"),
    "dropIndexes": lambda c: (c.create_index("x"), c.drop_indexes()),
    "collMod": lambda c: c.database.command("collMod", c.name, validationLevel="off"),
    "$merge": lambda c: c.database.aggregate([{"$documents": [{"_id": 1, "y": 1}, {"_id": 77}]}, {"$merge": c.name}]),
    "$out": lambda c: c.aggregate([{"$limit": 2}, {"$out": c.name}]),
    "rename and back": lambda c: (c.rename("other"), c.database.other.rename(c.name)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_known_and_right_after_a_change_and_after_its_restore(server: SecantusDBServer, db: Database, change: str) -> None:
    db.c.insert_many([{"_id": i, "x": i} for i in range(10)])
    assert check(server, db.c) == 10
    with server.checkpoint():
        CHANGES[change](db.c)
        counted = check(server, db.c)
        with server.checkpoint():
            CHANGES["delete"](db.c)
            db.c.insert_one({})
            check(server, db.c)
        if change not in ("$out",):
            assert check(server, db.c) == counted
    assert len(list(db.c.find())) == db.c.estimated_document_count() == 10


def test_a_collection_that_a_test_dropped_is_counted_once(server: SecantusDBServer, db: Database) -> None:
    db.c.insert_many([{}, {}])
    with server.checkpoint():
        db.c.drop()
        db.c.insert_one({})
        assert check(server, db.c) == 1
    assert db.c.estimated_document_count() == 2
    assert check(server, db.c) == 2


def test_after_a_restart_it_is_counted_once(tmp_path: Path) -> None:
    for number in range(3):
        with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, MongoClient(server.uri) as client:
            assert client.db.c.estimated_document_count() == number
            client.db.c.insert_one({})
            assert check(server, client.db.c) == number + 1


def test_a_commit_between_the_scans_snapshot_and_the_scan(tmp_path: Path) -> None:
    """The scan cannot see the commit, so its result must not be kept."""
    with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, MongoClient(server.uri) as client:
        client.d.c.insert_many([{}, {}])
    with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, MongoClient(server.uri) as client:
        collection = server.services.catalog.find("d", "c")
        assert collection is not None
        with server.services.work.reading() as transaction:
            client.d.c.insert_one({})
            assert count_all(collection, ReadScope(transaction.unit)) == 2
        assert collection.count() is None
        with server.services.work.reading() as transaction:
            assert count_all(collection, ReadScope(transaction.unit)) == 3
        assert collection.count() == 3
