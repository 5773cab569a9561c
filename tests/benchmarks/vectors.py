"""The speed of `$vectorSearch` over 100,000 vectors of 384 floats, compared with numpy's matrix product and argpartition.

``python -m tests.benchmarks.vectors`` prints milliseconds per search through pymongo, and the ratio to numpy. The required ratio is at
most 2. Install numpy first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy
from bson.binary import Binary
from pymongo import MongoClient
from pymongo.operations import SearchIndexModel

from secantus_server import SecantusDBServer

COUNT, DIMENSIONS, LIMIT, REPEATS = 100_000, 384, 10, 21


def median_ms(*functions: Callable[[], object]) -> list[float]:
    """Return the median time of each function in milliseconds. Call the functions alternately."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(REPEATS):
        for function, found in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            found.append(time.perf_counter() - start)
    return [sorted(found)[REPEATS // 2] * 1000 for found in times]


def main() -> None:
    """Print one line for each similarity function."""
    source = numpy.random.default_rng(1)
    matrix = source.standard_normal((COUNT, DIMENSIONS), dtype=numpy.float32)
    matrix /= numpy.linalg.norm(matrix, axis=1)[:, None]
    query = matrix[7] + source.standard_normal(DIMENSIONS, dtype=numpy.float32) / 50
    with SecantusDBServer(port=0, storage_path=":memory:", search=True) as server, MongoClient[Any](server.uri) as client:
        collection = client.benchmark.vectors
        for start in range(0, COUNT, 1000):
            rows = enumerate(matrix[start : start + 1000], start)
            collection.insert_many([{"_id": n, "v": Binary(b"\x27\x00" + row.astype("<f4").tobytes(), 9)} for n, row in rows])
        for similarity in ("cosine", "dotProduct", "euclidean"):
            field = {"type": "vector", "path": "v", "numDimensions": DIMENSIONS, "similarity": similarity}
            collection.create_search_index(SearchIndexModel({"fields": [field]}, similarity, "vectorSearch"))
            search = {"index": similarity, "path": "v", "queryVector": query.tolist(), "limit": LIMIT, "exact": True}
            stages = [{"$vectorSearch": search}, {"$project": {"_id": 1}}]

            def ours() -> list[Any]:
                return [document["_id"] for document in collection.aggregate(stages)]  # noqa: B023

            def theirs() -> Any:
                products = matrix @ query
                best = numpy.argpartition(-products, LIMIT)[:LIMIT]
                return best[numpy.argsort(-products[best])]

            begin = time.perf_counter()
            assert ours() == theirs().tolist()
            first = time.perf_counter() - begin
            mine, numpys = median_ms(ours, theirs)
            print(f"{similarity:10} first {first * 1000:6.0f} ms, then {mine:6.1f} ms; numpy {numpys:6.1f} ms; ratio {mine / numpys:.2f}")


if __name__ == "__main__":
    main()
