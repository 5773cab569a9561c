"""Loads that leave garbage (overwritten, deleted and dropped documents) in an in-memory store, and a sampler of the memory in use."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pymongo.collection import Collection

from tests.memory import resident_mib

Documents = Collection[dict[str, Any]]
Load = Callable[[Documents], None]

SAMPLE_S = 0.01
KILOBYTE = "x" * 1000


class PeakMemory:
    """A sampler of the resident memory of a process within a `with` block. Afterwards, `mb` is the maximum growth in MB."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before = resident_mib(pid)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.mb = 0.0

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            self.mb = max(self.mb, resident_mib(self._pid) - self._before)


def insert(collection: Documents, count: int, part: int = 5000) -> None:
    """Insert documents of 1 KB in batches of `part` documents."""
    for first in range(0, count, part):
        collection.insert_many([{"_id": number, "n": 0, "text": KILOBYTE} for number in range(first, min(first + part, count))])


def update_one_document(collection: Documents) -> None:
    """Overwrite one document of 1 KB repeatedly."""
    collection.insert_one({"_id": 1})
    for turn in range(20_000):
        collection.update_one({"_id": 1}, {"$set": {"turn": turn, "text": KILOBYTE}})


def insert_and_delete(collection: Documents) -> None:
    """Fill and empty a collection repeatedly."""
    for _ in range(100):
        insert(collection, 1000)
        collection.delete_many({})


def load_and_drop(collection: Documents) -> None:
    """Insert 40 MB into a collection in batches and drop it, repeatedly."""
    for _ in range(5):
        insert(collection, 40_000, 4000)
        collection.drop()


def load_and_drop_quickly(collection: Documents) -> None:
    """Insert 10 MB at once and drop the collection, repeatedly."""
    for _ in range(100):
        insert(collection, 10_000, 10_000)
        collection.drop()


def rewrite_all(collection: Documents) -> None:
    """Insert 50,000 documents of 1 KB and update all of them, repeatedly."""
    insert(collection, 50_000)
    for _ in range(10):
        collection.update_many({}, {"$inc": {"n": 1}})


def rewrite_all_together(collection: Documents) -> None:
    """Run `rewrite_all` in two concurrent clients."""
    insert(collection, 50_000)
    clients = [threading.Thread(target=lambda: [collection.update_many({}, {"$inc": {"n": 1}}) for _ in range(5)]) for _ in range(2)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()


def out_again(collection: Documents) -> None:
    """Write a collection of 25 MB to a second one with `$out`, repeatedly."""
    insert(collection, 25_000)
    for _ in range(50):
        collection.aggregate([{"$match": {}}, {"$out": "copy"}])


LIVE_PER_CLIENT = 2000
MIXED_CLIENTS = 6
SEED = 20261129


def mixed(collection: Documents, seconds: float) -> None:
    """Let six clients write, read, delete and drop concurrently. About 12 MB of data exist at any time.

    Each client works on its own 2,000 documents of 1 KB, and chooses its steps with a random generator with a fixed seed.

    Raises:
        PyMongoError: a step of a client failed.
    """
    ends = time.monotonic() + seconds
    with ThreadPoolExecutor(MIXED_CLIENTS) as pool:
        for client in [pool.submit(_mixed_client, collection, number, ends) for number in range(MIXED_CLIENTS)]:
            client.result()


def _mixed_client(collection: Documents, number: int, ends: float) -> None:
    draw = random.Random(SEED + number)
    first = number * LIVE_PER_CLIENT
    own = {"_id": {"$gte": first, "$lt": first + LIVE_PER_CLIENT}}
    collection.insert_many([{"_id": first + one, "n": 0, "text": KILOBYTE} for one in range(LIVE_PER_CLIENT)])
    steps = [_update_one, _replace_one, _update_many, _delete_and_insert, _find, _group, _load_and_drop]
    while time.monotonic() < ends:
        draw.choices(steps, [40, 20, 4, 8, 20, 4, 1])[0](collection, draw, first, own)


def _update_one(collection: Documents, draw: random.Random, first: int, _own: dict[str, Any]) -> None:
    collection.update_one({"_id": first + draw.randrange(LIVE_PER_CLIENT)}, {"$inc": {"n": 1}, "$set": {"text": KILOBYTE}})


def _replace_one(collection: Documents, draw: random.Random, first: int, _own: dict[str, Any]) -> None:
    collection.replace_one({"_id": first + draw.randrange(LIVE_PER_CLIENT)}, {"n": draw.random(), "text": KILOBYTE})


def _update_many(collection: Documents, _draw: random.Random, _first: int, own: dict[str, Any]) -> None:
    collection.update_many(own, {"$inc": {"turn": 1}})


def _delete_and_insert(collection: Documents, draw: random.Random, first: int, _own: dict[str, Any]) -> None:
    start = first + draw.randrange(LIVE_PER_CLIENT - 200)
    collection.delete_many({"_id": {"$gte": start, "$lt": start + 200}})
    collection.insert_many([{"_id": start + one, "n": 0, "text": KILOBYTE} for one in range(200)])


def _find(collection: Documents, draw: random.Random, first: int, _own: dict[str, Any]) -> None:
    list(collection.find({"_id": {"$gte": first + draw.randrange(LIVE_PER_CLIENT)}}).limit(50))


def _group(collection: Documents, _draw: random.Random, _first: int, own: dict[str, Any]) -> None:
    list(collection.aggregate([{"$match": own}, {"$group": {"_id": {"$mod": ["$_id", 7]}, "texts": {"$push": "$text"}}}, {"$count": "n"}]))


def _load_and_drop(collection: Documents, _draw: random.Random, first: int, _own: dict[str, Any]) -> None:
    scratch = collection.database[f"scratch_{first}"]
    scratch.insert_many([{"_id": one, "text": KILOBYTE} for one in range(500)])
    scratch.drop()
