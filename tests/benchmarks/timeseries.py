"""The insert_many time and the stored bytes of time-series collections, compared with an ordinary collection.

``python -m tests.benchmarks.timeseries`` prints the processor time per document through pymongo in microseconds, and the stored bytes per
document, including index entries. The ordinary collection has an index on metadata and time, as every time-series collection has. The
limits are 2 times the insert_many time and 0.4 times the bytes. The server runs in this process, so both times include the client's time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from secantus_server import SecantusDBServer

COUNT = 20_000
BATCH = 1000
SINGLE = 1000
REPEATS = 5
START = datetime(2024, 1, 1)


def measurements(count: int) -> list[dict[str, Any]]:
    """Return measurements of five sensors, one per sensor and second."""
    source = random.Random(1)
    return [
        {
            "t": START + timedelta(seconds=n // 5),
            "m": {"sensor": n % 5, "kind": "air"},
            "v": source.random() * 40,
            "p": source.randrange(100),
        }
        for n in range(count)
    ]


def make(db: Database[Any]) -> None:
    """Drop both collections, and create them again."""
    for name in ("ordinary", "series"):
        db.drop_collection(name)
    db.create_collection("series", timeseries={"timeField": "t", "metaField": "m"})
    db.ordinary.create_index([("m", 1), ("t", 1)])


def stored(db: Database[Any], name: str) -> int:
    """Return the total bytes of a collection's records and index entries."""
    return int(db.command("collStats", name)["totalSize"])


def cost_us(run: Callable[[], int]) -> float:
    """Return the processor time of a function per document, in microseconds."""
    start = time.process_time()
    count = run()
    return (time.process_time() - start) / count * 1e6


def insert_many(db: Database[Any], name: str) -> int:
    """Insert all measurements in batches."""
    found = measurements(COUNT)
    for start in range(0, COUNT, BATCH):
        db[name].insert_many(found[start : start + BATCH])
    return COUNT


def insert_one(db: Database[Any], name: str) -> int:
    """Insert measurements one by one."""
    for one in measurements(SINGLE):
        db[name].insert_one(one)
    return SINGLE


def read(db: Database[Any], name: str) -> int:
    """Read all measurements."""
    return sum(1 for _ in db[name].find(batch_size=10_000))


def main() -> None:
    """Print the table of results."""
    with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient[Any](server.uri) as client:
        db = client.benchmark
        found: dict[tuple[str, str], list[float]] = {}
        for _ in range(REPEATS):
            make(db)
            for kind, run in (("insert_many", insert_many), ("find", read), ("insert_one", insert_one)):
                for name in ("ordinary", "series"):
                    found.setdefault((kind, name), []).append(cost_us(lambda run=run, name=name: run(db, name)))  # type: ignore[misc]
        print(f"{'per document':<14} {'ordinary':>9} {'series':>9} {'ratio':>6}")
        for kind in ("insert_many", "find", "insert_one"):
            ordinary, series = (min(found[kind, name]) for name in ("ordinary", "series"))
            print(f"{kind + ' us':<14} {ordinary:>9.1f} {series:>9.1f} {series / ordinary:>6.2f}")
        make(db)
        for name in ("ordinary", "series"):
            insert_many(db, name)
        ordinary, series = (stored(db, name) / COUNT for name in ("ordinary", "series"))
        print(f"{'bytes':<14} {ordinary:>9.1f} {series:>9.1f} {series / ordinary:>6.2f}")


if __name__ == "__main__":
    main()
