"""Snapshots and set-aside writes of a server, compared with its store. Writes that were set aside are restored on top of later ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, OperationFailure

from secantus_server.errors import CommandError
from secantus_server.server import SecantusDBServer

Data = Database[dict[str, Any]]


@pytest.fixture(scope="module")
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server:
        yield server


@pytest.fixture(scope="module")
def client(server: SecantusDBServer) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](server.uri) as client:
        yield client


@pytest.fixture
def db(server: SecantusDBServer, client: MongoClient[dict[str, Any]]) -> Iterator[Data]:
    """A database with the collection `base`: documents 1 and 2, an index on `n`."""
    with server.checkpoint():
        client.app.base.insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": 2}])
        client.app.base.create_index("n")
        yield client.app


def contents(db: Data) -> dict[str, Any]:
    """Return the whole content of a database: options, indexes, documents by _id."""
    return {
        info["name"]: (
            info["options"],
            [] if info["type"] == "view" else sorted(db[info["name"]].index_information()),
            {document["_id"]: document for document in db[info["name"]].find()},
        )
        for info in db.list_collections()
    }


def insert_new(db: Data) -> None:
    db.new.insert_one({"_id": 1, "x": [1, 2]})


def insert(db: Data) -> None:
    db.base.insert_one({"_id": 3, "n": 3})


def update(db: Data) -> None:
    db.base.update_one({"_id": 1}, {"$set": {"n": 10}})


def delete(db: Data) -> None:
    db.base.delete_one({"_id": 1})


def replace_by_id(db: Data) -> None:
    db.base.delete_one({"_id": 1})
    db.base.insert_one({"_id": 1, "n": "again"})


def drop(db: Data) -> None:
    db.base.drop()


def recreate(db: Data) -> None:
    db.base.drop()
    db.base.insert_one({"_id": 9})


def create_capped(db: Data) -> None:
    db.create_collection("capped", capped=True, size=4096)
    db.capped.insert_one({"_id": 1})


def create_view(db: Data) -> None:
    db.create_collection("view", viewOn="base", pipeline=[{"$match": {"n": {"$gt": 1}}}])


def create_unique(db: Data) -> None:
    db.base.create_index("n", unique=True, name="unique_n")


def create_multikey(db: Data) -> None:
    db.base.insert_one({"_id": 4, "tags": ["a", "b"]})
    db.base.create_index("tags")


def drop_index(db: Data) -> None:
    db.base.drop_index("n_1")


def nothing(db: Data) -> None:
    """Write nothing."""


CHANGES = [
    insert_new,
    insert,
    update,
    delete,
    replace_by_id,
    drop,
    recreate,
    create_capped,
    create_view,
    create_unique,
    create_multikey,
    drop_index,
    nothing,
]


@pytest.mark.parametrize("change", CHANGES)
def test_it_comes_back_as_it_was(server: SecantusDBServer, db: Data, change: Callable[[Data], None]) -> None:
    before = contents(db)
    snapshot = server.snapshot()
    change(db)
    after = contents(db)
    aside = server.set_aside(snapshot)
    assert contents(db) == before
    assert snapshot not in server.snapshots
    server.put_back(aside)
    assert contents(db) == after
    assert snapshot in server.snapshots
    server.restore(snapshot)
    assert contents(db) == before


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_written_meanwhile_stays(server: SecantusDBServer, db: Data, change: Callable[[Data], None]) -> None:
    """Check that a document and an index written while other writes were set aside exist after the restore, and nothing else does."""
    snapshot = server.snapshot()
    change(db)
    aside = server.set_aside(snapshot)
    db.base.insert_one({"_id": "meanwhile", "n": "m"})
    db.new.insert_one({"_id": "meanwhile"})
    db.base.create_index("meanwhile")
    expected = contents(db)
    server.put_back(aside)
    server.restore(snapshot)
    assert contents(db) == expected
    server.release(snapshot)
    assert db.base.find_one({"n": "m"}) == {"_id": "meanwhile", "n": "m"}


def test_both_writes_show_in_one_collection(server: SecantusDBServer, db: Data) -> None:
    snapshot = server.snapshot()
    db.things.insert_one({"_id": "test"})
    db.things.create_index("k")
    aside = server.set_aside(snapshot)
    db.things.insert_one({"_id": "fixture", "k": 1})
    server.put_back(aside)
    assert {thing["_id"] for thing in db.things.find()} == {"test", "fixture"}
    assert db.things.count_documents({}) == db.things.estimated_document_count() == 2
    assert db.things.find_one({"k": 1}, hint="k_1") == {"_id": "fixture", "k": 1}
    db.things.insert_one({"_id": "later"})
    server.restore(snapshot)
    assert [thing["_id"] for thing in db.things.find()] == ["fixture"]
    assert list(db.things.index_information()) == ["_id_"]


def test_the_one_put_back_wins(server: SecantusDBServer, db: Data) -> None:
    snapshot = server.snapshot()
    update(db)
    aside = server.set_aside(snapshot)
    db.base.update_one({"_id": 1}, {"$set": {"n": 99}})
    server.put_back(aside)
    assert db.base.find_one({"_id": 1}) == {"_id": 1, "n": 10}
    server.restore(snapshot)
    assert db.base.find_one({"_id": 1}) == {"_id": 1, "n": 99}


def test_inner_snapshots_come_along(server: SecantusDBServer, db: Data) -> None:
    outer = server.snapshot()
    db.base.insert_one({"_id": "outer"})
    inner = server.snapshot()
    db.base.insert_one({"_id": "inner"})
    aside = server.set_aside(outer)
    assert db.base.count_documents({}) == 2
    db.base.insert_one({"_id": "meanwhile"})
    server.put_back(aside)
    assert db.base.count_documents({}) == 5
    server.restore(inner)
    assert {document["_id"] for document in db.base.find()} == {1, 2, "outer", "meanwhile"}
    server.restore(outer)
    assert {document["_id"] for document in db.base.find()} == {1, 2, "meanwhile"}


def test_again_and_again(server: SecantusDBServer, db: Data) -> None:
    snapshot = server.snapshot()
    insert(db)
    for _ in range(3):
        server.put_back(server.set_aside(snapshot))
        assert server.snapshots[-1] is snapshot
        assert len(set(server.snapshots)) == len(server.snapshots)
    assert db.base.count_documents({}) == 3
    server.restore(snapshot)
    assert db.base.count_documents({}) == 2


def test_a_document_that_does_not_fit_is_an_error(server: SecantusDBServer, db: Data) -> None:
    db.base.create_index("code", unique=True, sparse=True)
    snapshot = server.snapshot()
    db.base.insert_one({"_id": "test", "code": 1})
    aside = server.set_aside(snapshot)
    db.base.insert_one({"_id": "meanwhile", "code": 1})
    with pytest.raises(CommandError, match="E11000"):
        server.put_back(aside)
    assert snapshot not in server.snapshots
    assert db.base.find_one({"code": 1}) == {"_id": "meanwhile", "code": 1}
    with pytest.raises(DuplicateKeyError):
        db.base.insert_one({"code": 1})


def test_cursors_opened_meanwhile_outlive_a_restore(server: SecantusDBServer, db: Data) -> None:
    snapshot = server.snapshot()
    before = db.base.find(batch_size=1)
    next(before)
    aside = server.set_aside(snapshot)
    meanwhile = db.base.find(batch_size=1)
    next(meanwhile)
    server.put_back(aside)
    server.restore(snapshot)
    assert len(list(meanwhile)) == 1
    with pytest.raises(OperationFailure) as caught:
        list(before)
    assert caught.value.code == 43


def test_written_since(server: SecantusDBServer, db: Data) -> None:
    snapshot = server.snapshot()
    db.base.find_one()
    assert not server.written_since(snapshot)
    assert server.is_unchanged(snapshot)
    inner = server.snapshot()
    assert not server.is_unchanged(snapshot), "it is not the innermost one"
    db.base.insert_one({})
    assert server.written_since(inner)
    assert server.written_since(snapshot)
    assert not server.is_unchanged(inner)
    server.restore(snapshot)
    assert not server.written_since(snapshot)
    assert server.is_unchanged(snapshot)
    assert not server.is_unchanged(inner), "it has ended"
