"""The speed of `$text` over 100,000 documents, compared with an indexed find of the same number of documents.

``python -m tests.benchmarks.text`` prints the processor time per query through pymongo in milliseconds, and its ratio to the find's time.
The required ratio is at most 3. The server runs in this process, so both times include the client's time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection

from secantus_server import SecantusDBServer

COUNT = 100_000
# One of this many documents contains the searched word.
SHARES = (1000, 100, 10)
REPEATS = 7
SCORE = {"s": {"$meta": "textScore"}}


def load(collection: Collection[Any]) -> None:
    """Insert the documents. For each N in `SHARES`, every N-th document contains an additional word. An indexed field allows the same
    find.
    """
    collection.create_index([("text", "text")])
    for share in SHARES:
        collection.create_index(f"n{share}")
    source = random.Random(1)
    words = [f"word{number}" for number in range(5000)]
    for start in range(0, COUNT, 1000):
        batch = []
        for number in range(start, start + 1000):
            found = [f"one{share}" for share in SHARES if number % share == 0]
            numbers = {f"n{share}": number % share for share in SHARES}
            batch.append({"_id": number, "text": " ".join([*source.choices(words, k=8), *found]), **numbers})
        collection.insert_many(batch)


def best_ms(query: Callable[[], int], expected: int) -> float:
    """Return the shortest processor time of a query in milliseconds. Check that the query returns the expected number."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        found = query()
        times.append(time.process_time() - start)
        assert found == expected, f"found {found} documents, not {expected}"
    return min(times) * 1000


def main() -> None:
    """Print the table of results."""
    with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient[Any](server.uri) as client:
        collection = client.benchmark.texts
        start = time.process_time()
        load(collection)
        print(f"insert: {(time.process_time() - start) / COUNT * 1e6:.0f} us per document")
        print(f"{'documents':>9} {'find ms':>9} {'$text ms':>9} {'ratio':>6} {'scored ms':>9} {'ratio':>6}")
        for share in SHARES:
            expected = COUNT // share
            search = {"$text": {"$search": f"one{share}"}}
            plain = best_ms(lambda: len(list(collection.find({f"n{share}": 0}))), expected)  # noqa: B023
            text = best_ms(lambda: len(list(collection.find(search))), expected)  # noqa: B023
            scored = best_ms(lambda: len(list(collection.find(search, SCORE))), expected)  # noqa: B023
            print(f"{expected:9} {plain:9.2f} {text:9.2f} {text / plain:6.2f} {scored:9.2f} {scored / plain:6.2f}")


if __name__ == "__main__":
    main()
