"""Geospatial queries over 100,000 points, compared with an earlier build that scans the collection.

``python -m tests.benchmarks.geo --base COMMAND`` prints, for each query, the best of several times through pymongo in milliseconds. It
compares our daemon with the daemon that COMMAND starts, and prints the ratio. The required ratio is 100 for `$near` with a limit of 10,
and 20 for regions that contain 1 % of the points.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection

from tests.benchmarks.daemons import OURS, daemon

COUNT = 100_000
REPEATS = 7
BASE_REPEATS = 2
NEAR_BAR, REGION_BAR = 100, 20

Query = Callable[[Collection[Any]], int]


def load(collection: Collection[Any]) -> float:
    """Insert points between the latitudes -60 and 60, both as GeoJSON and as coordinate pairs. Return the microseconds per document."""
    collection.create_index([("loc", "2dsphere")])
    collection.create_index([("pair", "2d")])
    source = random.Random(1)
    spent = 0.0
    for start in range(0, COUNT, 1000):
        pairs = [[source.uniform(-180, 180), source.uniform(-60, 60)] for _ in range(1000)]
        documents = [
            {"_id": number, "loc": {"type": "Point", "coordinates": pair}, "pair": pair} for number, pair in enumerate(pairs, start)
        ]
        began = time.perf_counter()
        collection.insert_many(documents)
        spent += time.perf_counter() - began
    return spent / COUNT * 1e6


def finding(filter: dict[str, Any], limit: int = 0) -> Query:
    """Return a function that runs a find and reads the ids of its results."""
    return lambda collection: len(list(collection.find(filter, {"_id": 1}).limit(limit)))


POINT = {"type": "Point", "coordinates": [10, 20]}
# A hundredth of the band that contains the points.
SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [36, 0], [36, 12], [0, 12], [0, 0]]]}
CORNERS = [[0, 0], [36, 0], [36, 12], [0, 12]]
QUERIES: dict[str, tuple[Query, int]] = {
    "$near, limit 10": (finding({"loc": {"$near": {"$geometry": POINT}}}, 10), NEAR_BAR),
    "$nearSphere by a 2d index, limit 10": (finding({"pair": {"$nearSphere": [10, 20]}}, 10), NEAR_BAR),
    "$near by a 2d index, limit 10": (finding({"pair": {"$near": [10, 20]}}, 10), NEAR_BAR),
    "$geoNear, $limit 10": (
        lambda collection: len(
            list(collection.aggregate([{"$geoNear": {"near": POINT, "key": "loc", "distanceField": "d"}}, {"$limit": 10}]))
        ),
        NEAR_BAR,
    ),
    "$geoWithin a polygon, 1 %": (finding({"loc": {"$geoWithin": {"$geometry": SQUARE}}}), REGION_BAR),
    "$geoIntersects, 1 %": (finding({"loc": {"$geoIntersects": {"$geometry": SQUARE}}}), REGION_BAR),
    "$centerSphere, 1 %": (finding({"loc": {"$geoWithin": {"$centerSphere": [[10, 20], 0.186]}}}), REGION_BAR),
    "$box by a 2d index, 1 %": (finding({"pair": {"$geoWithin": {"$box": [CORNERS[0], CORNERS[2]]}}}), REGION_BAR),
    "$polygon by a 2d index, 1 %": (finding({"pair": {"$geoWithin": {"$polygon": CORNERS}}}), REGION_BAR),
    "$center by a 2d index, 1 %": (finding({"pair": {"$geoWithin": {"$center": [[0, 0], 11.7]}}}), REGION_BAR),
    "$near, all": (finding({"loc": {"$near": {"$geometry": POINT}}}), 0),
}


def best_ms(query: Query, collection: Collection[Any], repeats: int) -> tuple[float, int]:
    """Return the shortest time of a query, and the number of documents that it returns."""
    times, found = [], 0
    for _ in range(repeats):
        start = time.perf_counter()
        found = query(collection)
        times.append(time.perf_counter() - start)
    return min(times) * 1000, found


def main() -> None:
    """Print the table of results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", metavar="COMMAND", help="the command of an earlier build's daemon")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        collections = []
        for command in filter(None, [OURS, arguments.base]):
            port, _ = stack.enter_context(daemon(command))
            client = stack.enter_context(MongoClient[Any]("127.0.0.1", port, directConnection=True))
            collections.append(client.benchmark.places)
        print("insert, us per document:", ", ".join(f"{load(collection):.0f}" for collection in collections))
        print(f"{'':38} {'documents':>9} {'ours ms':>9} {'base ms':>9} {'ratio':>7} {'bar':>4}")
        for name, (query, bar) in QUERIES.items():
            ours, found = best_ms(query, collections[0], REPEATS)
            line = f"{name:38} {found:9} {ours:9.2f}"
            if len(collections) > 1:
                base, other = best_ms(query, collections[1], BASE_REPEATS)
                assert found == other, f"{name}: found {found} documents, the earlier build {other}"
                line += f" {base:9.1f} {base / ours:7.0f} {bar or '':>4}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
