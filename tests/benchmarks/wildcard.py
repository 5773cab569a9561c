"""The speed of equality queries with a wildcard index over 100,000 documents, compared with collection scans and with ordinary indexes.

``python -m tests.benchmarks.wildcard`` prints the processor time per query through pymongo in milliseconds. The required ratio of the
scan to the index is 100. The server runs in this process, so all times include the client's time. A find by `_id` without a result shows
the client's share, and `without it` is the ratio after subtracting this share.

The scan represents a build without wildcard index entries. ``--base COMMAND`` instead compares our daemon with the daemon of such a build,
which COMMAND starts, by the shortest elapsed time of a find through pymongo.
"""

from __future__ import annotations

import argparse
import time
from contextlib import ExitStack
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection

from secantus_server import SecantusDBServer
from tests.benchmarks.daemons import OURS, daemon

COUNT = 100_000
REPEATS = 100
BASE_REPEATS = 5
FIELDS = 24
SEARCHED = (0, 11, 23)


def load(collection: Collection[Any]) -> float:
    """Insert the documents. Return the processor time per document in microseconds."""
    start = time.process_time()
    for base in range(0, COUNT, 1000):
        collection.insert_many(
            [{"_id": n, "facts": {f"f{field}": n // (field + 1) for field in range(FIELDS)}} for n in range(base, base + 1000)]
        )
    return (time.process_time() - start) / COUNT * 1e6


def best_ms(collection: Collection[Any], filter: dict[str, Any], expected: int, **options: Any) -> float:
    """Return the shortest processor time of a find in milliseconds. Check that it returns the expected number of documents."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        found = len(list(collection.find(filter, **options)))
        times.append(time.process_time() - start)
        assert found == expected, f"found {found} documents, not {expected}"
    return min(times) * 1000


def elapsed_ms(collection: Collection[Any], filter: dict[str, Any], repeats: int) -> float:
    """Return the shortest elapsed time of a find in milliseconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        list(collection.find(filter))
        times.append(time.perf_counter() - start)
    return min(times) * 1000


def compare(base: str) -> None:
    """Print the elapsed times of our daemon and of an earlier build's daemon, and their ratio."""
    with ExitStack() as stack:
        collections = []
        for command in (OURS, base):
            port, _ = stack.enter_context(daemon(command))
            client = stack.enter_context(MongoClient[Any]("127.0.0.1", port, directConnection=True))
            client.benchmark.indexed.create_index("$**")
            load(client.benchmark.indexed)
            collections.append(client.benchmark.indexed)
        print(f"{'documents':>9} {'ours ms':>9} {'base ms':>9} {'ratio':>7}")
        for field in SEARCHED:
            filter = {f"facts.f{field}": 7}
            ours, other = elapsed_ms(collections[0], filter, REPEATS), elapsed_ms(collections[1], filter, BASE_REPEATS)
            print(f"{field + 1:9} {ours:9.3f} {other:9.2f} {other / ours:7.0f}", flush=True)


def main() -> None:
    """Print the table of results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", metavar="COMMAND", help="the command of an earlier build's daemon")
    base = parser.parse_args().base
    if base is not None:
        compare(base)
        return
    with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient[Any](server.uri) as client:
        plain, indexed, ordinary = client.benchmark.plain, client.benchmark.indexed, client.benchmark.ordinary
        indexed.create_index("$**")
        for field in SEARCHED:
            ordinary.create_index(f"facts.f{field}")
        print(f"insert: {load(plain):.1f} us per document without the index, {load(indexed):.1f} us with {FIELDS} entries")
        load(ordinary)
        empty = best_ms(plain, {"_id": -1}, 0)
        print(f"{'documents':>9} {'index ms':>9} {'ordinary':>9} {'empty':>9} {'scan ms':>9} {'ratio':>7} {'without it':>10}")
        for field in SEARCHED:
            filter, expected = {f"facts.f{field}": 7}, field + 1
            by_index = best_ms(indexed, filter, expected)
            by_other, by_scan = best_ms(ordinary, filter, expected), best_ms(plain, filter, expected)
            ratios = f"{by_scan / by_index:7.0f} {(by_scan - empty) / (by_index - empty):10.0f}"
            print(f"{expected:9} {by_index:9.3f} {by_other:9.3f} {empty:9.3f} {by_scan:9.2f} {ratios}")


if __name__ == "__main__":
    main()
