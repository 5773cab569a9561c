"""Tests of transactions while collections are indexed, renamed and dropped, and snapshots are taken.

Each transaction must be applied completely or not at all, and every index must be consistent.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer
from tests.integration.test_concurrency import together
from tests.isolation.transactions import Documents, run_once

ROUNDS, WRITERS = 50, 5
NAMESPACE_NOT_FOUND, NAMESPACE_EXISTS, INDEX_NOT_FOUND = 26, 48, 27


def write(collection: Documents, number: int, chance: random.Random, added: list[int], left: threading.Semaphore) -> None:
    """Insert and update documents in two collections in transactions, and record what was committed."""
    mirror = collection.database.mirror
    for round_number in range(ROUNDS):
        element = number * 1000 + round_number

        def body(session: ClientSession, element: int = element) -> None:
            collection.insert_one({"_id": element, "a": element % 7, "tags": [element, "x"]}, session=session)
            mirror.insert_one({"_id": element, "a": element % 7}, session=session)
            collection.update_one({"_id": element}, {"$set": {"a": chance.randrange(100)}}, session=session)
            assert collection.count_documents({"tags": element}, session=session) == 1

        if run_once(collection, body):
            added.append(element)
    left.release()


def change(collection: Documents, chance: random.Random) -> None:
    """Make one random catalog change."""
    database, mirror = collection.database, collection.database.mirror
    try:
        way = chance.randrange(6)
        if way == 0:
            collection.create_index(chance.choice(["a", "tags"]))
        elif way == 1:
            collection.drop_index([(chance.choice(["a", "tags"]), 1)])
        elif way == 2:
            mirror.create_index([("a", -1), ("_id", 1)])
        elif way == 3:
            mirror.drop_indexes()
        elif way == 4:
            database.brief.insert_one({})
            database.brief.drop()
        else:
            database.command("collMod", collection.name, validator={"a": {"$exists": True}})
    except OperationFailure as error:
        assert error.code in (NAMESPACE_NOT_FOUND, INDEX_NOT_FOUND), error


def agree(collection: Documents) -> None:
    """Assert that the validate command, the counts and the indexes of a collection are consistent."""
    for one in (collection, collection.database.mirror):
        report = collection.database.command("validate", one.name, full=True)
        assert report["valid"], report
        assert report["nrecords"] == one.estimated_document_count() == len(list(one.find({"a": {"$gte": 0}})))


def test_transactions_beside_changes_of_the_catalog(collection: Documents, chance: random.Random) -> None:
    seeds = [chance.getrandbits(32) for _ in range(WRITERS + 1)]
    added: list[list[int]] = [[] for _ in range(WRITERS)]
    left = threading.Semaphore(0)
    collection.insert_one({"_id": -1, "a": 0})
    collection.database.mirror.insert_one({"_id": -1, "a": 0})

    def work(number: int) -> None:
        own = random.Random(seeds[number])
        if number < WRITERS:
            write(collection, number, own, added[number], left)
            return
        ended = 0
        while ended < WRITERS:
            change(collection, own)
            ended += left.acquire(timeout=own.uniform(0, 0.02))

    together(work, threads=WRITERS + 1)
    expected = Counter([-1, *(element for elements in added for element in elements)])
    assert Counter(document["_id"] for document in collection.find()) == expected
    assert Counter(document["_id"] for document in collection.database.mirror.find()) == expected
    assert len(expected) > ROUNDS
    agree(collection)


@pytest.mark.parametrize("inner", [False, True])
def test_transactions_beside_restores(inner: bool, chance: random.Random) -> None:
    seeds = [chance.getrandbits(32) for _ in range(4)]
    ended = threading.Event()
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server, MongoClient[dict[str, Any]](server.uri) as client:
        collection = client.restored.c
        for one in (collection, collection.database.mirror):
            one.create_index("a")
            one.insert_one({"_id": -1, "a": 0})
        outer = server.snapshot() if inner else None

        def work(number: int) -> None:
            own = random.Random(seeds[number])
            while not ended.is_set():
                write(collection, number * 1000 + own.randrange(1000), own, [], threading.Semaphore(0))

        def restore(number: int) -> None:
            try:
                for _ in range(40):
                    snapshot = server.snapshot()
                    before = sorted(document["_id"] for document in collection.find())
                    ended.wait(0.01)
                    server.restore(snapshot)
                    server.release(snapshot)
                    assert len(before) > 0
            finally:
                ended.set()

        try:
            together(work, work, work, restore, threads=4)
        finally:
            ended.set()
        both = [{document["_id"] for document in one.find()} for one in (collection, collection.database.mirror)]
        assert both[0] == both[1]
        agree(collection)
        if outer is not None:
            server.restore(outer)
            assert collection.count_documents({}) == collection.database.mirror.count_documents({}) == 1
            agree(collection)
