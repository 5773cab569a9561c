"""Statements on many documents, written in several transactions."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.dispatch.unit_of_work import Transaction
from secantus_server.errors import CommandError
from secantus_server.exec.interruption import never_interrupt
from secantus_server.mql.context import ParseContext
from secantus_server.pipeline.stages import merge
from secantus_server.query.canonical import parse_query
from secantus_server.server import SecantusDBServer
from secantus_server.storage import RecoveryUnit, WriteConflict
from secantus_server.work import batches
from secantus_server.work.batches import Targets
from secantus_server.work.ttl import delete_expired

COUNT = 200


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit batches to about ten documents."""
    monkeypatch.setattr(batches, "BATCH_BYTES", 10 * batches.DOCUMENT_COST)
    monkeypatch.setattr(merge, "BATCH_BYTES", 10 * merge.DOCUMENT_COST)


@pytest.fixture
def filled(db: Database[dict[str, Any]]) -> Database[dict[str, Any]]:
    db.c.insert_many([{"_id": number, "n": number, "a": [number, number + 1000]} for number in range(COUNT)])
    return db


@pytest.mark.parametrize("index", [None, "n", "a"])
def test_no_document_is_changed_twice_though_it_moves_in_the_index(filled: Database[dict[str, Any]], index: str | None) -> None:
    if index is not None:
        filled.c.create_index(index)
    field = index or "n"
    change = {"$inc": {"n": 1000}} if field == "n" else {"$push": {"a": 5000}}
    reply = filled.c.update_many({field: {"$gte": 0}}, change, hint=[(field, 1)] if index else None)
    assert (reply.matched_count, reply.modified_count) == (COUNT, COUNT)
    if field == "n":
        assert sorted(filled.c.distinct("n")) == list(range(1000, 1000 + COUNT))
    else:
        assert {len(document["a"]) for document in filled.c.find()} == {3}
    assert filled.command("validate", "c", full=True)["valid"]


def test_a_union_of_indexes(filled: Database[dict[str, Any]]) -> None:
    filled.c.create_index("n")
    filled.c.create_index("a")
    reply = filled.c.update_many({"$or": [{"n": {"$lt": 150}}, {"a": {"$gte": 1100}}]}, {"$inc": {"n": 2000}, "$push": {"a": 9000}})
    assert (reply.matched_count, reply.modified_count) == (COUNT, COUNT)
    assert sorted(filled.c.distinct("n")) == list(range(2000, 2000 + COUNT))


def test_the_counts_of_a_reply(filled: Database[dict[str, Any]]) -> None:
    reply = filled.c.update_many({"n": {"$lt": 150}}, [{"$set": {"n": {"$max": ["$n", 100]}}}])
    assert (reply.matched_count, reply.modified_count) == (150, 100)
    assert filled.c.delete_many({"n": {"$gte": 150}}).deleted_count == 50
    assert filled.c.count_documents({}) == 150
    filled.c.create_index("n")
    assert filled.c.delete_many({"n": 100}).deleted_count == 101
    assert filled.c.delete_many({"n": 100}).deleted_count == 0


def test_an_upsert_that_matches_nothing_inserts_once(filled: Database[dict[str, Any]]) -> None:
    reply = filled.c.update_many({"n": -1}, {"$set": {"x": 1}}, upsert=True)
    assert (reply.matched_count, reply.modified_count) == (0, 0)
    assert filled.c.count_documents({"n": -1, "x": 1}) == 1
    assert filled.c.update_many({}, {"$set": {"x": 2}}, upsert=True).matched_count == COUNT + 1


def test_documents_near_a_point(db: Database[dict[str, Any]]) -> None:
    """The documents are sorted in one transaction, and updated in later transactions."""
    db.c.create_index([("at", "2dsphere")])
    db.c.insert_many([{"_id": number, "at": {"type": "Point", "coordinates": [number / 10, 0]}} for number in range(50)])
    near = {"at": {"$near": {"$geometry": {"type": "Point", "coordinates": [0, 0]}}}}
    assert db.c.update_many(near, {"$inc": {"x": 1}}).modified_count == 50
    assert db.c.distinct("x") == [1]


def test_a_document_that_fails_keeps_those_before(filled: Database[dict[str, Any]]) -> None:
    filled.c.update_one({"_id": 105}, {"$set": {"n": "text"}})
    with pytest.raises(OperationFailure) as caught:
        filled.c.update_many({}, {"$inc": {"n": 1000}})
    assert caught.value.code == 14
    assert [document["_id"] for document in filled.c.find({"n": {"$gte": 1000}})] == list(range(105))


def test_each_batch_has_its_own_transaction(filled: Database[dict[str, Any]], server: SecantusDBServer) -> None:
    before = server.services.engine.begun
    filled.c.update_many({}, {"$set": {"x": 1}})
    assert server.services.engine.begun - before >= COUNT // 11


def test_expired_documents(db: Database[dict[str, Any]], server: SecantusDBServer) -> None:
    db.c.create_index("at", expireAfterSeconds=0)
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    db.c.insert_many([{"_id": number, "at": past} for number in range(COUNT)])
    before = server.services.engine.begun
    # The server's TTL monitor may have run, too.
    delete_expired(server.services)
    assert db.c.count_documents({}) == 0
    assert server.services.engine.begun - before >= COUNT // 11


class Statement:
    """A delete whose batches the test writes, so that other writes can come between them."""

    def __init__(self, db: Database[dict[str, Any]], server: SecantusDBServer, filter: dict[str, Any]) -> None:
        self.engine, self.catalog = server.services.engine, server.services.catalog
        query = parse_query(filter, ParseContext())
        self.targets = Targets(server.services, db.name, "c", query, never_interrupt, stay=True)

    def read(self, done: int | None = None) -> list[int]:
        """Return the RecordIds of the next batch; mark the first `done` of them, or all, as written."""
        with self.engine.transaction() as unit:
            found = self.targets.read(Transaction(unit, self.catalog.view))
        self.targets.done(len(found) if done is None else done)
        return [record_id for record_id, _ in found]

    def conflict(self, write: Callable[[RecoveryUnit], None] = lambda unit: None) -> list[int]:
        """Return the RecordIds of a batch whose transaction conflicts."""
        found: list[tuple[int, bytes]] = []
        with pytest.raises(WriteConflict), self.engine.transaction() as unit:
            found = self.targets.read(Transaction(unit, self.catalog.view))
            write(unit)
            raise WriteConflict
        return [record_id for record_id, _ in found]

    def rest(self) -> list[int]:
        """Return the RecordIds of all remaining batches."""
        found = self.read()
        while not self.targets.at_end:
            found += self.read()
        return found


@pytest.mark.parametrize("indexed", [False, True])
def test_what_others_change_between_batches(filled: Database[dict[str, Any]], server: SecantusDBServer, indexed: bool) -> None:
    if indexed:
        filled.c.create_index("n")
    statement = Statement(filled, server, {"n": {"$gte": 0}})
    first = statement.read()
    assert 2 < len(first) < 20
    filled.c.delete_one({"_id": 100})
    filled.c.update_one({"_id": 101}, {"$set": {"n": -5}})
    later = statement.rest()
    assert sorted(first + later) == [number + 1 for number in range(COUNT) if number not in (100, 101)]


@pytest.mark.parametrize("indexed", [False, True])
def test_a_conflict_repeats_its_batch_alone(filled: Database[dict[str, Any]], server: SecantusDBServer, indexed: bool) -> None:
    if indexed:
        filled.c.create_index("n")
    statement = Statement(filled, server, {"n": {"$gte": 0}})
    first = statement.read()
    again = statement.conflict()
    filled.c.delete_one({"_id": again[0] - 1})
    filled.c.update_one({"_id": again[1] - 1}, {"$set": {"n": -5}})
    smaller = statement.read()
    assert len(smaller) < len(again)
    assert smaller == again[2 : 2 + len(smaller)]
    everything = first + smaller + statement.rest()
    assert everything == [number + 1 for number in range(COUNT) if number + 1 not in again[:2]]


def test_a_conflict_of_the_first_batch_begins_anew(filled: Database[dict[str, Any]], server: SecantusDBServer) -> None:
    statement = Statement(filled, server, {"n": {"$gte": 0}})
    statement.conflict()
    filled.c.insert_one({"_id": "new", "n": 7})
    filled.c.delete_one({"_id": 0})
    assert statement.read() + statement.rest() == list(range(2, COUNT + 2))


def test_what_a_large_transaction_leaves_comes_again(filled: Database[dict[str, Any]], server: SecantusDBServer) -> None:
    statement = Statement(filled, server, {})
    first = statement.read(done=1)
    second = statement.read()
    assert second[: len(first) - 1] == first[1:]
    assert first[:1] + second + statement.rest() == list(range(1, COUNT + 1))


@pytest.mark.parametrize("change", ["drop", "drop and create", "rename", "restore"])
def test_a_collection_that_is_gone_between_batches(filled: Database[dict[str, Any]], server: SecantusDBServer, change: str) -> None:
    with server.checkpoint() as snapshot:
        filled.c.insert_one({"_id": "new"})
        statement = Statement(filled, server, {})
        statement.read()
        if change == "rename":
            filled.c.rename("d")
        elif change == "restore":
            server.restore(snapshot)
        else:
            filled.c.drop()
            if change == "drop and create":
                filled.c.insert_one({"_id": 1})
        said = {"rename": "collection renamed from", "restore": "query plan killed"}.get(change, "collection dropped. UUID")
        with pytest.raises(CommandError, match=said) as caught:
            statement.read()
        assert caught.value.code == 175


def test_a_scanned_index_that_is_gone_between_batches(filled: Database[dict[str, Any]], server: SecantusDBServer) -> None:
    filled.c.create_index("n")
    statement = Statement(filled, server, {"n": {"$gte": 0}})
    statement.read()
    filled.c.drop_index("n_1")
    with pytest.raises(CommandError, match="query plan killed"):
        statement.read()


MODES = [
    ("merge", "insert"),
    ("replace", "insert"),
    ("keepExisting", "insert"),
    ([{"$set": {"b": "$$new.n"}}], "insert"),
    ("merge", "discard"),
]


@pytest.mark.parametrize(("matched", "not_matched"), MODES)
@pytest.mark.parametrize("on", ["_id", "k", ["k", "m"]])
def test_merge_in_batches(filled: Database[dict[str, Any]], on: str | list[str], matched: Any, not_matched: str) -> None:
    """Merging in batches has the same result as merging single documents."""
    filled.c.update_many({}, [{"$set": {"k": {"x": "$_id"}, "m": {"$toString": "$_id"}}}])
    for name in ("d", "e"):
        filled[name].create_index([("k", 1)], unique=True)
        filled[name].create_index([("k", 1), ("m", 1)], unique=True)
        filled[name].insert_many([{"_id": n, "k": {"x": n}, "m": str(n), "old": n} for n in range(0, COUNT, 3)])
    into = {"on": on, "whenMatched": matched, "whenNotMatched": not_matched}
    filled.c.aggregate([{"$merge": {"into": "d", **into}}])
    for number in range(COUNT):
        filled.c.aggregate([{"$match": {"_id": number}}, {"$merge": {"into": "e", **into}}])
    assert list(filled.d.find(sort=[("_id", 1)])) == list(filled.e.find(sort=[("_id", 1)]))
    assert filled.command("validate", "d", full=True)["valid"]


def test_merge_writes_what_it_can_and_tells_the_first_error(filled: Database[dict[str, Any]]) -> None:
    filled.d.create_index("n", unique=True)
    filled.d.insert_many([{"_id": "a", "n": 50}, {"_id": "b", "n": 120}])
    with pytest.raises(OperationFailure) as caught:
        filled.c.aggregate([{"$merge": "d"}])
    assert caught.value.code == 11000
    assert "50" in str(caught.value)
    assert filled.d.count_documents({}) == COUNT


def test_merge_keeps_the_documents_before_one_that_cannot_be_made(filled: Database[dict[str, Any]]) -> None:
    with pytest.raises(OperationFailure) as caught:
        filled.c.aggregate([{"$set": {"x": {"$divide": [1, {"$subtract": ["$_id", 105]}]}}}, {"$merge": "d"}])
    assert caught.value.code == 2
    assert filled.d.count_documents({}) == 105


def test_merge_into_its_own_collection(filled: Database[dict[str, Any]]) -> None:
    filled.c.aggregate([{"$set": {"n": {"$add": ["$n", 1]}}}, {"$merge": "c"}])
    assert sorted(filled.c.distinct("n")) == list(range(1, COUNT + 1))


def test_more_than_a_small_cache_holds(tmp_path: Path) -> None:
    with (
        SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error", cache_size_mb=20) as server,
        MongoClient[dict[str, Any]](server.uri, retryWrites=False) as client,
    ):
        client.test.c.insert_many([{"_id": number, "x": b"x" * 40_000} for number in range(900)])
        assert client.test.c.update_many({}, {"$set": {"y": 1}}).modified_count == 900
        client.test.c.aggregate([{"$merge": "d"}])
        assert client.test.d.count_documents({"y": 1}) == 900
        assert client.test.c.delete_many({}).deleted_count == 900
