"""Concurrent operations of several clients end, with results that a serial execution could have."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from bson.int64 import Int64
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure

from secantus_server.server import SecantusDBServer
from tests.net.raw_client import RawClient, connected
from tests.waiting import wait_until
from tests.wire.messages import command

Work = Callable[[int], None]
THREADS = 8


def together(*works: Work, threads: int = THREADS, seconds: float = 40) -> None:
    """Run functions in threads that begin at the same time. Each gets its thread's number. Raise the first of their errors."""
    begin = threading.Barrier(threads)
    errors: list[BaseException] = []

    def run(number: int) -> None:
        begin.wait()
        try:
            works[number % len(works)](number)
        except BaseException as error:  # noqa: BLE001 - it is raised again below.
            errors.append(error)

    running = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(threads)]
    for thread in running:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in running:
        thread.join(max(0, deadline - time.monotonic()))
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in running), "the threads wait for one another"


def test_upserts_of_the_same_id_make_one_document(database: Database[Any]) -> None:
    def upsert(_number: int) -> None:
        for key in range(60):
            database.c.update_one({"_id": key}, {"$inc": {"n": 1}}, upsert=True)

    together(upsert)
    assert [(document["_id"], document["n"]) for document in database.c.find().sort("_id")] == [(key, THREADS) for key in range(60)]


@pytest.mark.parametrize("style", ["update", "replace", "modify", "bulk"])
def test_upserts_by_a_unique_key_make_one_document(database: Database[Any], style: str) -> None:
    database.c.create_index("email", unique=True)
    styles: dict[str, Callable[[str, int], Any]] = {
        "update": lambda key, number: database.c.update_one({"email": key}, {"$set": {f"by{number}": 1}}, upsert=True),
        "replace": lambda key, number: database.c.replace_one({"email": key}, {"email": key, "by": number}, upsert=True),
        "modify": lambda key, number: database.c.find_one_and_update({"email": key}, {"$set": {f"by{number}": 1}}, upsert=True),
        "bulk": lambda key, number: database.command(
            "update", "c", updates=[{"q": {"email": key}, "u": {"$set": {"by": number}}, "upsert": True}]
        ),
    }

    def upsert(number: int) -> None:
        for key in range(25):
            styles[style](f"{key}@x", number)

    together(upsert)
    assert database.c.count_documents({}) == 25


def test_of_inserts_with_one_unique_key_one_succeeds(database: Database[Any]) -> None:
    database.c.create_index("key", unique=True)
    successes: list[int] = []

    def insert(number: int) -> None:
        for key in range(60):
            try:
                database.c.insert_one({"key": key, "by": number})
                successes.append(key)
            except DuplicateKeyError as error:
                assert error.details is not None
                assert error.details["keyValue"] == {"key": key}

    together(insert)
    assert sorted(successes) == list(range(60))
    assert database.command("validate", "c", full=True)["valid"]


def test_unordered_bulks_share_out_the_keys(database: Database[Any]) -> None:
    inserted: list[int] = []

    def insert(number: int) -> None:
        keys = list(range(300))
        random.Random(number).shuffle(keys)
        try:
            inserted.append(len(database.c.insert_many([{"_id": key} for key in keys], ordered=False).inserted_ids))
        except BulkWriteError as error:
            inserted.append(error.details["nInserted"])

    together(insert)
    assert sum(inserted) == 300
    assert database.c.count_documents({}) == 300


def test_no_increment_is_lost(database: Database[Any]) -> None:
    database.c.insert_one({"_id": 1, "n": 0, "list": []})

    def increment(number: int) -> None:
        for turn in range(40):
            if turn % 2:
                database.c.update_one({"_id": 1}, {"$inc": {"n": 1}})
            else:
                database.c.find_one_and_update({"_id": 1}, {"$inc": {"n": 1}, "$push": {"list": number * 100 + turn}})

    together(increment)
    found = database.c.find_one()
    assert found["n"] == THREADS * 40
    assert len(set(found["list"])) == THREADS * 20


def test_a_queue_gives_each_document_to_one_taker(database: Database[Any]) -> None:
    database.c.insert_many([{"_id": number, "state": "new"} for number in range(200)])
    taken: list[int] = []

    def take(number: int) -> None:
        while (
            found := database.c.find_one_and_update({"state": "new"}, {"$set": {"state": "taken", "by": number}}, sort=[("_id", 1)])
        ) is not None:
            taken.append(found["_id"])

    together(take)
    assert sorted(taken) == list(range(200))


def test_a_collection_that_is_dropped_while_it_is_read(database: Database[Any]) -> None:
    def read(_number: int) -> None:
        for _ in range(25):
            try:
                for document in database.c.find(batch_size=7):
                    assert set(document) == {"_id", "a"}
            except OperationFailure as error:
                assert error.code in (43, 175), error

    def drop(_number: int) -> None:
        for _ in range(12):
            database.c.insert_many([{"a": number} for number in range(100)])
            database.c.drop()

    together(read, drop, threads=4)


def ddl(database: Database[Any]) -> list[Work]:
    """Return functions that need exclusive access to the store, or use it for a long time."""

    def indexes(_number: int) -> None:
        for turn in range(10):
            database.c.create_index([("a", 1), ("b", 1 if turn % 3 == 1 else -1)] if turn % 3 else "a")
            database.c.drop_indexes()

    def collections(number: int) -> None:
        for turn in range(10):
            database[f"made{number}"].insert_one({"turn": turn})
            database.create_collection(f"also{number}_{turn}")
            database[f"made{number}"].rename(f"other{number}", dropTarget=True)
            database.drop_collection(f"also{number}_{turn}")

    def writes(number: int) -> None:
        for turn in range(60):
            database.c.insert_one({"a": turn, "b": [turn, number]})
            database.c.update_many({"a": turn}, {"$set": {"c": number}})
            database.c.delete_one({"a": turn, "b": number})

    def pipelines(number: int) -> None:
        for turn in range(10):
            target = (
                {"$out": f"out{number}"} if turn % 2 else {"$merge": {"into": "c", "whenMatched": "merge", "whenNotMatched": "discard"}}
            )
            list(database.c.aggregate([{"$set": {"turn": turn}}, target]))

    def cursors(_number: int) -> None:
        for _ in range(10):
            try:
                assert sum(1 for _ in database.c.find(batch_size=5)) > 0
            except OperationFailure as error:
                assert error.code in (43, 175), error

    return [indexes, collections, writes, pipelines, cursors]


def test_merges_into_one_document_lose_nothing(database: Database[Any]) -> None:
    add_one = {"into": "sums", "whenMatched": [{"$set": {"n": {"$add": ["$n", 1]}}}]}

    def merge(_number: int) -> None:
        database.aggregate([{"$documents": [{"_id": 1, "n": 1}] * 300}, {"$merge": add_one}])

    together(merge)
    assert list(database.sums.find()) == [{"_id": 1, "n": 300 * THREADS}]


def test_a_merge_beside_deletes_inserts_what_has_gone(database: Database[Any]) -> None:
    def merge(_number: int) -> None:
        database.aggregate([{"$documents": [{"_id": 1, "turn": turn} for turn in range(300)]}, {"$merge": "target"}])

    def delete(_number: int) -> None:
        for _ in range(100):
            database.target.delete_one({"_id": 1})

    together(merge, delete, threads=6)


def test_whoever_needs_the_store_alone_gets_it(database: Database[Any]) -> None:
    database.c.insert_many([{"_id": number, "a": number % 9, "b": number} for number in range(300)])
    together(*ddl(database), threads=10)
    for name in database.list_collection_names():
        report = database.command("validate", name, full=True)
        assert report["valid"], report


def test_snapshots_are_taken_and_restored_beside_writers(server: SecantusDBServer, database: Database[Any]) -> None:
    database.c.insert_one({"_id": 0})
    stop = threading.Event()

    def write(number: int) -> None:
        while not stop.is_set():
            database.c.insert_one({"by": number})
            database.c.count_documents({})

    def restore(_number: int) -> None:
        for _ in range(20):
            with server.checkpoint():
                database.c.insert_one({})
        stop.set()

    together(restore, write, write, write, threads=4)
    assert database.command("validate", "c", full=True)["valid"]


# ---------------------------------------------------------------- what runs too long


LONG: dict[str, dict[str, Any]] = {
    "find": {"find": "c", "filter": {"a": {"$lt": 0}}},
    "count": {"count": "c", "query": {"a": {"$lt": 0}}},
    "distinct": {"distinct": "c", "key": "a", "query": {"b": {"$ne": 1}}},
    "sort": {"find": "c", "sort": {"b": 1, "a": -1}},
    "group": {"aggregate": "c", "pipeline": [{"$group": {"_id": "$b", "n": {"$sum": "$a"}}}], "cursor": {}},
    "lookup": {
        "aggregate": "c",
        "pipeline": [{"$lookup": {"from": "c", "localField": "a", "foreignField": "x", "as": "found"}}, {"$match": {"found": 5}}],
        "cursor": {},
    },
    "update": {"update": "c", "updates": [{"q": {"a": {"$lt": 0}}, "u": {"$set": {"x": 1}}, "multi": True}]},
    "delete": {"delete": "c", "deletes": [{"q": {"a": {"$lt": 0}}, "limit": 0}]},
    "findAndModify": {"findAndModify": "c", "query": {"a": {"$lt": 0}}, "remove": True},
}


@pytest.fixture(scope="module")
def full_server() -> Any:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server, connected(server) as client:
        for start in range(0, 60_000, 20_000):
            client.run(
                {"insert": "c", "documents": [{"_id": start + n, "a": n % 1000, "b": n % 501, "t": "x" * 20} for n in range(20_000)]}
            )
        yield server


@pytest.mark.parametrize("name", LONG)
def test_a_time_limit_ends_what_runs_long(full_server: SecantusDBServer, name: str) -> None:
    with connected(full_server) as client:
        before = time.monotonic()
        reply = client.run({**LONG[name], "maxTimeMS": 2})
        assert (reply["ok"], reply.get("code"), reply.get("codeName")) == (0.0, 50, "MaxTimeMSExpired")
        assert time.monotonic() - before < 2


def running(client: RawClient, comment: str) -> list[dict[str, Any]]:
    """Return the entries of currentOp for the operations with a comment."""
    in_progress = client.run({"currentOp": 1, "$db": "admin"})["inprog"]
    return [one for one in in_progress if one.get("command", {}).get("comment") == comment]


def test_kill_op_ends_what_runs_long(full_server: SecantusDBServer) -> None:
    with connected(full_server) as client, connected(full_server) as killer:
        client.send(command({**LONG["lookup"], "comment": "endless"}))
        wait_until(lambda: running(killer, "endless"), "the operation is not there")
        assert killer.run({"killOp": 1, "op": running(killer, "endless")[0]["opid"], "$db": "admin"})["ok"] == 1
        reply = client.receive()[2]
        assert (reply["code"], reply["codeName"]) == (11601, "Interrupted")


# Join every document with the sixty that have the same `a`. Done twice, this takes minutes.
PRODUCT: list[dict[str, Any]] = [{"$lookup": {"from": "c", "localField": "a", "foreignField": "a", "as": "found"}}, {"$unwind": "$found"}]


def test_a_read_ends_when_its_client_goes_away(full_server: SecantusDBServer) -> None:
    with connected(full_server) as client, connected(full_server) as other:
        client.send(command({"aggregate": "c", "pipeline": [*PRODUCT, *PRODUCT, {"$count": "n"}], "cursor": {}, "comment": "abandoned"}))
        wait_until(lambda: running(other, "abandoned"), "the operation is not there")
        client.close()
        wait_until(lambda: not running(other, "abandoned"), "the operation goes on for nobody")


def test_the_time_limit_of_a_find_does_not_count_the_client_s_pauses(full_server: SecantusDBServer) -> None:
    with connected(full_server) as client:
        cursor = client.run({"find": "c", "batchSize": 1, "maxTimeMS": 400})["cursor"]["id"]
        threading.Event().wait(0.5)
        assert client.run({"getMore": Int64(cursor), "collection": "c", "batchSize": 500})["ok"] == 1
        client.run({"killCursors": "c", "cursors": [Int64(cursor)]})


def test_waiting_for_data_is_not_what_the_time_limit_of_a_find_counts() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server, connected(server) as client:
        client.run({"create": "c", "capped": True, "size": 4096})
        client.run({"insert": "c", "documents": [{"_id": 1}]})
        find = {"find": "c", "tailable": True, "awaitData": True, "maxTimeMS": 50}
        cursor = Int64(client.run(find)["cursor"]["id"])
        for _ in range(2):
            more = client.run({"getMore": cursor, "collection": "c", "maxTimeMS": 60})
            assert (more["ok"], more["cursor"]["nextBatch"]) == (1, [])


def test_a_get_more_can_be_killed(full_server: SecantusDBServer) -> None:
    endless = [*LONG["lookup"]["pipeline"][:1], {"$match": {"$or": [{"_id": {"$lt": 2}}, {"found": 5}]}}]
    with connected(full_server) as client, connected(full_server) as killer:
        cursor = client.run({"aggregate": "c", "pipeline": endless, "cursor": {"batchSize": 1}})["cursor"]["id"]
        client.send(command({"getMore": Int64(cursor), "collection": "c", "batchSize": 50, "comment": "more"}))
        wait_until(lambda: [one for one in full_server.services.operations.all() if one.body.get("comment") == "more"], "no getMore")
        for one in full_server.services.operations.all():
            if one.body.get("comment") == "more":
                killer.run({"killOp": 1, "op": one.opid, "$db": "admin"})
        assert client.receive()[2]["code"] == 11601


def test_a_regex_that_takes_too_long_stops_nobody_else(server: SecantusDBServer, database: Database[Any]) -> None:
    database.c.insert_one({"text": "a" * 200 + "b"})
    failures: list[OperationFailure] = []

    def search() -> None:
        try:
            database.c.find_one({"text": {"$regex": "(a|aa)+$"}})
        except OperationFailure as error:
            failures.append(error)

    searching = threading.Thread(target=search)
    with MongoClient(server.uri) as other:
        other.admin.command("ping")
        searching.start()
        while not other.admin.aggregate([{"$currentOp": {}}, {"$match": {"command.find": "c"}}]).try_next():
            assert searching.is_alive(), "the search is seen before it ends"
        assert searching.is_alive()
    searching.join()
    assert [error.code for error in failures] == [51156]
