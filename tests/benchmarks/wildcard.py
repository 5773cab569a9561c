"""Equalities by a wildcard index over 100,000 documents, compared with the same queries as scans.

``python -m tests.benchmarks.wildcard`` prints milliseconds of processor time per query, through pymongo; the bar for the ratio of the scan
to the index is 100. The server runs in this process, so the client's time is part of both. The scan is what a build without entries of
wildcard indexes does; start the same command with such a build to measure that.
"""

from __future__ import annotations

import time
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection

from secantus_server import SecantusDBServer

COUNT = 100_000
REPEATS = 20
FIELDS = 24


def load(collection: Collection[Any]) -> float:
    """Insert the documents; return the microseconds of processor time per document."""
    start = time.process_time()
    for base in range(0, COUNT, 1000):
        collection.insert_many(
            [{"_id": n, "facts": {f"f{field}": n // (field + 1) for field in range(FIELDS)}} for n in range(base, base + 1000)]
        )
    return (time.process_time() - start) / COUNT * 1e6


def best_ms(collection: Collection[Any], filter: dict[str, Any], expected: int, **options: Any) -> float:
    """Return the shortest processor time of a find with the expected number of documents."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        found = len(list(collection.find(filter, **options)))
        times.append(time.process_time() - start)
        assert found == expected, f"found {found} documents, not {expected}"
    return min(times) * 1000


def main() -> None:
    """Print the table."""
    with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient[Any](server.uri) as client:
        plain, indexed = client.benchmark.plain, client.benchmark.indexed
        indexed.create_index("$**")
        print(f"insert: {load(plain):.1f} us per document without the index, {load(indexed):.1f} us with {FIELDS} entries")
        print(f"{'documents':>9} {'index ms':>9} {'scan ms':>9} {'ratio':>7}")
        for field in (0, FIELDS // 2, FIELDS - 1):
            filter, expected = {f"facts.f{field}": 7}, field + 1
            by_index = best_ms(indexed, filter, expected)
            by_scan = best_ms(plain, filter, expected)
            print(f"{expected:9} {by_index:9.3f} {by_scan:9.2f} {by_scan / by_index:7.0f}")


if __name__ == "__main__":
    main()
