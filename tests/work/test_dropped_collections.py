"""A collection that is dropped during a write: the write is committed before the drop, or sees that the collection no longer exists."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.catalog._document_count import DocumentCount
from secantus_server.server import SecantusDBServer

Documents = Database[dict[str, Any]]
COUNT = 20
WRITES: dict[str, tuple[Callable[[Documents], Any], Any]] = {
    "insert": (lambda db: db.c.insert_one({"_id": "new"}).inserted_id, "new"),
    "insert of many": (lambda db: len(db.c.insert_many([{"_id": f"new{n}"} for n in range(200)]).inserted_ids), 200),
    "update": (lambda db: db.c.update_one({"_id": 1}, {"$set": {"a": 1}}).matched_count, 0),
    "update of many": (lambda db: db.c.update_many({}, {"$set": {"a": 1}}).matched_count, 0),
    "update by pipeline": (lambda db: db.c.update_many({}, [{"$set": {"a": {"$add": ["$_id", 1]}}}]).matched_count, 0),
    "delete": (lambda db: db.c.delete_one({"_id": 1}).deleted_count, 0),
    "delete of many": (lambda db: db.c.delete_many({}).deleted_count, 0),
    "findAndModify": (lambda db: db.c.find_one_and_update({"_id": 1}, {"$set": {"a": 1}}, return_document=ReturnDocument.AFTER), None),
}


#: The writes of the express lane, which commits without calls of Python functions.
EXPRESS = ("insert", "update", "delete", "findAndModify")


def before_commit(server: SecantusDBServer, monkeypatch: pytest.MonkeyPatch, run: Callable[[], Any]) -> None:
    """Run something once before the next commit of the general path."""
    oplog = server.services.oplog
    commit = oplog.commit

    def interposed(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(oplog, "commit", commit)
        run()
        return commit(*args, **kwargs)

    monkeypatch.setattr(oplog, "commit", interposed)


class Interposed(DocumentCount):
    """The unknown number of documents in a collection, which runs something once before the next commit of the express lane."""

    def __init__(self, run: Callable[[], Any]) -> None:
        self._pending = [run]

    def begin_change(self) -> None:
        super().begin_change()
        while self._pending:
            self._pending.pop()()


def before_express_commit(server: SecantusDBServer, db: Documents, run: Callable[[], Any]) -> None:
    """Run something once before the next commit of a write to the collection `c`."""
    collection = server.services.catalog.find(db.name, "c")
    assert collection is not None
    collection.document_count = Interposed(run)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("action", ["drop", "dropDatabase"])
def test_a_write_does_not_commit_after_the_drop(
    server: SecantusDBServer, db: Documents, monkeypatch: pytest.MonkeyPatch, write: str, action: str
) -> None:
    run, expected = WRITES[write]
    db.c.insert_many([{"_id": number} for number in range(COUNT)])
    old = next(db.list_collections())["info"]["uuid"]
    other = db.client[db.name]

    def drop() -> None:
        other.c.drop() if action == "drop" else other.client.drop_database(db.name)

    if write in EXPRESS:
        before_express_commit(server, db, drop)
    else:
        before_commit(server, monkeypatch, drop)
    assert run(db) == expected
    inserted = {"insert": 1, "insert of many": 200}.get(write, 0)
    assert db.c.count_documents({}) == inserted
    entries = list(db.client.local["oplog.rs"].find().sort("ts", 1))
    dropped = next(at for at, entry in enumerate(entries) if entry["o"] == {"drop": "c"} and entry["ui"] == old)
    assert all(repr(old) not in repr(entry) for entry in entries[dropped + 1 :])


def test_a_drop_and_creation_anew(server: SecantusDBServer, db: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    db.c.insert_many([{"_id": number} for number in range(COUNT)])

    def replace() -> None:
        db.c.drop()
        db.c.insert_one({"_id": "new"})

    before_commit(server, monkeypatch, replace)
    assert db.c.update_many({}, {"$set": {"a": 1}}).modified_count == 1
    assert db.c.find_one() == {"_id": "new", "a": 1}


def test_a_restore_gives_a_dropped_collection_back(server: SecantusDBServer, db: Documents) -> None:
    db.c.insert_one({"_id": 1})
    with server.checkpoint() as snapshot:
        db.c.drop()
        server.restore(snapshot)
    assert db.c.update_one({"_id": 1}, {"$set": {"a": 1}}).modified_count == 1


TIME = datetime(2026, 11, 29)


def code_of(run: Callable[[], Any]) -> int:
    try:
        run()
    except OperationFailure as error:
        return error.code or -1
    return 0


@pytest.mark.parametrize(
    ("write", "code", "left"),
    [
        (lambda db: db.c.delete_one({"a": 1}), 0, {2: (1, 2)}),
        (lambda db: db.c.delete_many({"a": 1}), 0, {2: (1, 2)}),
        (lambda db: db.c.find_one_and_delete({"a": 1}), 0, {2: (1, 2)}),
        # In the new time series, `a` is not the metadata, and an update can only change metadata.
        (lambda db: db.c.update_many({"a": 1}, {"$set": {"a": 3}}), 72, {1: (1, 1), 2: (1, 2)}),
    ],
    ids=["delete", "delete of many", "findAndModify", "update"],
)
def test_a_time_series_dropped_and_created_with_other_fields(
    server: SecantusDBServer,
    db: Documents,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[[Documents], Any],
    code: int,
    left: dict[int, Any],
) -> None:
    db.create_collection("c", timeseries={"timeField": "t", "metaField": "a"})
    db.c.insert_one({"t": TIME, "a": 1})
    other = db.client[db.name]

    def replace() -> None:
        other.c.drop()
        other.create_collection("c", timeseries={"timeField": "u", "metaField": "m"})
        other.c.insert_many([{"u": TIME, "m": 1, "a": value, "_id": value} for value in (1, 2)])

    before_commit(server, monkeypatch, replace)
    assert code_of(lambda: write(db)) == code
    assert {one["_id"]: (one["m"], one["a"]) for one in db.c.find({"u": TIME})} == left


def before_change(server: SecantusDBServer, monkeypatch: pytest.MonkeyPatch, run: Callable[[], Any]) -> None:
    """Run something once before the next change of the catalog."""
    work = server.services.work
    change_catalog = work.change_catalog

    def interposed(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(work, "change_catalog", change_catalog)
        run()
        return change_catalog(*args, **kwargs)

    monkeypatch.setattr(work, "change_catalog", interposed)


def test_an_index_of_a_collection_dropped_after_it_was_found(
    server: SecantusDBServer, db: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.c.insert_one({"_id": 1})
    other = db.client[db.name]
    before_change(server, monkeypatch, other.c.drop)
    reply = db.command("createIndexes", "c", indexes=[{"key": {"a": 1}, "name": "a"}])
    assert (reply["createdCollectionAutomatically"], reply["numIndexesBefore"], reply["numIndexesAfter"]) == (True, 1, 2)
    assert db.c.count_documents({}) == 0


def test_an_index_of_a_collection_that_another_command_creates_first(
    server: SecantusDBServer, db: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = db.client[db.name]
    first: list[dict[str, Any]] = []
    command: dict[str, Any] = {"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a"}]}
    before_change(server, monkeypatch, lambda: first.append(other.command(command)))
    # The express lane does not create indexes of two fields.
    second = db.command({"createIndexes": "c", "indexes": [{"key": {"b": 1, "a": 1}, "name": "b"}]})
    names = ("createdCollectionAutomatically", "numIndexesBefore", "numIndexesAfter")
    assert [[reply[name] for name in names] for reply in (*first, second)] == [[True, 1, 2], [False, 2, 3]]


def test_an_index_of_a_time_series_created_with_other_fields(
    server: SecantusDBServer, db: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.create_collection("c", timeseries={"timeField": "t", "metaField": "a"})
    other = db.client[db.name]

    def replace() -> None:
        other.c.drop()
        other.create_collection("c", timeseries={"timeField": "t", "metaField": "m"})

    before_change(server, monkeypatch, replace)
    db.c.create_index("a")
    assert {"control.min.a": 1, "control.max.a": 1} in [index["key"] for index in db["system.buckets.c"].list_indexes()]


def test_an_existing_index_does_not_wait_for_a_transaction(db: Documents) -> None:
    db.c.create_index("a")
    with db.client.start_session() as session, session.start_transaction():
        db.c.insert_one({"a": 1}, session=session)
        assert db.command("createIndexes", "c", indexes=[{"key": {"a": 1}, "name": "a_1"}])["note"] == "all indexes already exist"
    assert db.c.count_documents({}) == 1
