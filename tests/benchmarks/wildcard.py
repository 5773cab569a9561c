"""The speed of equality queries with a wildcard index over 100,000 documents, compared with collection scans and with ordinary indexes.

``python -m tests.benchmarks.wildcard`` prints the processor time per query through pymongo in milliseconds. The required ratio of the
scan to the index is 100. The server runs in this process, so all times include the client's time. A find by `_id` without a result shows
the client's share, and `without it` is the ratio after subtracting this share.

The scan represents a build without wildcard index entries. ``--base COMMAND`` instead compares our daemon with the daemon of such a build,
which COMMAND starts, by the shortest elapsed time of a find: over a raw connection, and through pymongo, whose own time is longer than
that of our server. The required ratio holds for the raw connection, which measures the servers.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection

from secantus_server import SecantusDBServer
from tests.benchmarks.daemons import OURS, daemon
from tests.benchmarks.raw import RawConnection

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


def elapsed_ms(find: Callable[[], list[Any]], expected: int, repeats: int) -> float:
    """Return the shortest elapsed time of a find in milliseconds. Check that it returns the expected number of documents."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        found = len(find())
        times.append(time.perf_counter() - start)
        assert found == expected, f"found {found} documents, not {expected}"
    return min(times) * 1000


def finds_ms(client: MongoClient[Any], raw: RawConnection, field: int, repeats: int) -> tuple[float, float]:
    """Return the shortest elapsed times of a find over the raw connection and through pymongo, in milliseconds."""
    filter = {f"facts.f{field}": 7}
    command = {"find": "indexed", "filter": filter, "$db": "benchmark"}
    by_raw = elapsed_ms(lambda: raw.run(command)["cursor"]["firstBatch"], field + 1, repeats)
    return by_raw, elapsed_ms(lambda: list(client.benchmark.indexed.find(filter)), field + 1, repeats)


def compare(base: str) -> None:
    """Print the elapsed times of our daemon and of an earlier build's daemon, and their ratios."""
    with ExitStack() as stack:
        subjects = []
        for command, repeats in ((OURS, REPEATS), (base, BASE_REPEATS)):
            port, _ = stack.enter_context(daemon(command))
            client = stack.enter_context(MongoClient[Any]("127.0.0.1", port, directConnection=True))
            client.benchmark.indexed.create_index("$**")
            load(client.benchmark.indexed)
            subjects.append((client, stack.enter_context(RawConnection(port)), repeats))
        print(f"{'documents':>9} {'ours ms':>9} {'base ms':>9} {'ratio':>7} {'by pymongo':>10} {'base ms':>9} {'ratio':>7}")
        for field in SEARCHED:
            (ours, ours_driver), (other, other_driver) = (finds_ms(client, raw, field, repeats) for client, raw, repeats in subjects)
            figures = f"{ours:9.3f} {other:9.2f} {other / ours:7.0f}"
            print(f"{field + 1:9} {figures} {ours_driver:10.3f} {other_driver:9.2f} {other_driver / ours_driver:7.0f}", flush=True)


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
