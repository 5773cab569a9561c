"""What leaves much behind in a store in memory: overwritten, deleted and dropped documents; and a sampler of the memory taken meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pymongo.collection import Collection

Documents = Collection[dict[str, Any]]
Load = Callable[[Documents], None]

SAMPLE_S = 0.01
KILOBYTE = "x" * 1000


def resident_mb(pid: int) -> float:
    """The resident memory of a process, in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


class PeakMemory:
    """Samples the resident memory of a process for the time of a block; `mb` is then how much it grew at most."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before = resident_mb(pid)
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
            self.mb = max(self.mb, resident_mb(self._pid) - self._before)


def insert(collection: Documents, count: int, part: int = 5000) -> None:
    """Insert documents of 1 KB, a part at a time."""
    for first in range(0, count, part):
        collection.insert_many([{"_id": number, "n": 0, "text": KILOBYTE} for number in range(first, min(first + part, count))])


def update_one_document(collection: Documents) -> None:
    """Overwrite one document of 1 KB again and again."""
    collection.insert_one({"_id": 1})
    for turn in range(20_000):
        collection.update_one({"_id": 1}, {"$set": {"turn": turn, "text": KILOBYTE}})


def insert_and_delete(collection: Documents) -> None:
    """Fill and empty a collection again and again."""
    for _ in range(100):
        insert(collection, 1000)
        collection.delete_many({})


def load_and_drop(collection: Documents) -> None:
    """Load a collection of 40 MB in parts and drop it, again and again."""
    for _ in range(5):
        insert(collection, 40_000, 4000)
        collection.drop()


def load_and_drop_quickly(collection: Documents) -> None:
    """Load 10 MB at once and drop them, again and again."""
    for _ in range(100):
        insert(collection, 10_000, 10_000)
        collection.drop()


def rewrite_all(collection: Documents) -> None:
    """Load 50,000 documents of 1 KB and update them all, again and again."""
    insert(collection, 50_000)
    for _ in range(10):
        collection.update_many({}, {"$inc": {"n": 1}})


def rewrite_all_together(collection: Documents) -> None:
    """The same by two clients at a time."""
    insert(collection, 50_000)
    clients = [threading.Thread(target=lambda: [collection.update_many({}, {"$inc": {"n": 1}}) for _ in range(5)]) for _ in range(2)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()


def out_again(collection: Documents) -> None:
    """Write a collection of 25 MB into another one with `$out`, again and again."""
    insert(collection, 25_000)
    for _ in range(50):
        collection.aggregate([{"$match": {}}, {"$out": "copy"}])
