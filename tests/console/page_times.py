"""`python -m tests.console.page_times`: what a page of documents takes, and what its query takes alone.

The client opens one connection and asks for each page many times; the figures are the first quartiles in milliseconds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from pymongo import MongoClient

from secantus_server import SecantusDBServer
from tests.console.browser import Browser

BATCH = 20_000
ROUNDS = 40
#: The page, its filter, and its sort.
PAGES: list[tuple[str, dict[str, Any], dict[str, int]]] = [
    ("the first documents", {}, {}),
    ("an indexed value", {"a": 7}, {}),
    ("an indexed range by _id", {"a": {"$gte": 500}}, {}),
    ("an indexed range, sorted", {"a": {"$gte": 10}}, {"a": 1}),
    ("a field without an index", {"n": {"$mod": [50_000, 49_999]}}, {}),
]


def quartile(action: Callable[[], object], rounds: int) -> float:
    """Return the first quartile of an action's times in milliseconds."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        action()
        times.append(time.perf_counter() - begun)
    return sorted(times)[rounds // 4] * 1000


def main() -> None:
    """Print a row for each page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", type=int, default=1_000_000)
    count = parser.parse_args().documents
    with SecantusDBServer(port=0, storage_path=":memory:", console=True, console_port=0) as server, MongoClient(server.uri) as client:
        collection = client.shop.orders
        for start in range(0, count, BATCH):
            collection.insert_many([{"_id": n, "a": n % 1000, "n": n, "tags": ["x", "y"]} for n in range(start, start + BATCH)])
        collection.create_index("a")
        parts = urlsplit(server.console_url or "")
        assert parts.port is not None, "the console listens"
        browser = Browser(parts.port)
        browser.enter(parts.query.removeprefix("token="))
        print("| Page | Query alone | Page |\n|---|---|---|")
        for name, query, sort in PAGES:

            def alone(query: dict[str, Any] = query, sort: dict[str, int] = sort) -> object:
                return list(collection.find(query, sort=[*sort.items(), ("_id", 1)], limit=21))

            def page(query: dict[str, Any] = query, sort: dict[str, int] = sort) -> object:
                return browser.get("/documents", db="shop", collection="orders", filter=dumps(query), sort=dumps(sort))

            rounds = ROUNDS if quartile(alone, 1) < 500 else 4
            print(f"| {name} | {quartile(alone, rounds):.1f} ms | {quartile(page, rounds):.1f} ms |", flush=True)


def dumps(value: dict[str, Any]) -> str:
    """Return a document as the console reads it."""
    return str(value).replace("'", '"')


if __name__ == "__main__":
    main()
