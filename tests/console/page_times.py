"""`python -m tests.console.page_times` measures the time of a page of documents, and of its query alone.

The server and the console run as for a user, each in a separate process. "The query alone" is a round trip of pymongo, which decodes the
documents. "A page" is a round trip over an open connection, like that of a browser. "A bare page" is a page of the same libraries with the
query alone: no session, template or count (`tests/console/bare_page.py`). Most of a short page's time is a fixed cost that does not depend
on the collection: HTTP, the session, the estimated count, the template. The last row, whose collection fits on one page, shows this cost.
The figures are first quartiles of rounds that alternate between the three.
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.integration.daemon import Daemon, command, environment, running

BATCH = 20_000
ROUNDS = 60
LIMIT = 20
#: The page, its collection, its filter, and its sort.
PAGES: list[tuple[str, str, dict[str, Any], dict[str, int]]] = [
    ("the first documents", "orders", {}, {}),
    ("an indexed value", "orders", {"a": 7}, {}),
    ("an indexed range by _id", "orders", {"a": {"$gte": 500}}, {}),
    ("an indexed range, sorted", "orders", {"a": {"$gte": 10}}, {"a": 1}),
    ("a field without an index", "orders", {"n": {"$mod": [50_000, 49_999]}}, {}),
    (f"a collection of {LIMIT} documents", "few", {}, {}),
]


def quartiles(actions: list[Callable[[], object]], rounds: int) -> list[float]:
    """Return the first quartile of each action's times in milliseconds."""
    times: list[list[float]] = [[] for _ in actions]
    for _ in range(rounds):
        for action, taken in zip(actions, times, strict=True):
            begun = time.perf_counter()
            action()
            taken.append(time.perf_counter() - begun)
    return [sorted(taken)[rounds // 4] * 1000 for taken in times]


def loaded(connection: http.client.HTTPConnection, path: str, cookie: str = "") -> http.client.HTTPResponse:
    """Load a page, whole, over a connection."""
    try:
        connection.request("GET", path, headers={"Accept": "text/html", "Cookie": cookie})
        reply = connection.getresponse()
    except http.client.RemoteDisconnected:
        # An idle connection is closed after five seconds, which a query can take.
        connection.close()
        return loaded(connection, path, cookie)
    reply.read()
    assert reply.status in (200, 303), f"{path} answers {reply.status}"
    return reply


@contextmanager
def browsing(address: str) -> Iterator[Callable[[str], object]]:
    """Open a session at an address with a token; yield a function that loads a page over the same connection."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    cookie = (loaded(connection, f"/?{parts.query}").headers["set-cookie"] or "").partition(";")[0]
    try:
        yield lambda path: loaded(connection, path, cookie)
    finally:
        connection.close()


@contextmanager
def bare(daemon: Daemon) -> Iterator[Callable[[str], object]]:
    """Start the program of the bare page; yield a function that loads a page over the same connection."""
    line = command(daemon.uri, program=("-m", "tests.console.bare_page"))
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stdout is not None, "a pipe"
        parts = urlsplit(process.stdout.readline().strip())
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        try:
            yield lambda path: loaded(connection, path)
        finally:
            connection.close()
            process.kill()


def main() -> None:
    """Print a row for each page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1_000_000)
    count = parser.parse_args().documents
    with running(":memory:", "--console", "0") as daemon, daemon.client() as client:
        shop = client.shop
        for start in range(0, count, BATCH):
            shop.orders.insert_many([{"_id": n, "a": n % 1000, "n": n, "tags": ["x", "y"]} for n in range(start, start + BATCH)])
        shop.orders.create_index("a")
        shop.few.insert_many(shop.orders.find(limit=LIMIT))
        client.admin.command("fsync")  # else the checkpoint of the loaded documents slows the first rows
        assert daemon.process.stdout is not None, "a pipe"
        with browsing(daemon.process.stdout.readline().split()[1]) as load, bare(daemon) as load_bare:
            print("| Page | Query alone | Bare page | Page |\n|---|---|---|---|")
            for name, collection, query, sort in PAGES:
                asked = {"db": "shop", "collection": collection, "limit": LIMIT, "filter": json.dumps(query), "sort": json.dumps(sort)}
                path = f"/documents?{urlencode(asked)}"

                def alone(where: str = collection, query: dict[str, Any] = query, sort: dict[str, int] = sort) -> object:
                    return list(shop[where].find(query, sort=[*sort.items(), ("_id", 1)], limit=LIMIT + 1))

                def page(path: str = path) -> None:
                    load(path)

                def bare_page(path: str = path) -> None:
                    load_bare(path)

                actions: list[Callable[[], object]] = [alone, bare_page, page]
                rounds = ROUNDS if max(quartiles(actions, 2)) < 100 else 4
                times = " | ".join(f"{taken_ms:.1f} ms" for taken_ms in quartiles(actions, rounds))
                print(f"| {name} | {times} |", flush=True)


if __name__ == "__main__":
    main()
