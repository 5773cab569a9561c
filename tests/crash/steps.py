"""A process that changes the catalog, takes snapshots and writes checkpoints. `test_crash_points.py` kills it at a named point.

Argument: the storage directory. The process prints the number of each step when the step has ended.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from pymongo import MongoClient

from secantus_server.server import SecantusDBServer

#: The contents of each collection: the ids of its documents, and the names of its indexes except the one on _id.
State = dict[str, tuple[list[int], list[str]]]

COUNT = 300


def _filled(client: MongoClient[Any]) -> None:
    client.steps.one.insert_many([{"_id": number, "a": number % 7, "b": [number, -number]} for number in range(COUNT)])


def _layer(server: SecantusDBServer, client: MongoClient[Any]) -> None:
    """Create a collection inside a snapshot, and restore the snapshot."""
    with server.checkpoint():
        client.steps.layer.insert_one({"_id": 1})
        client.steps.layer.create_index("a")
        client.steps.one.delete_many({})


def _put_back(server: SecantusDBServer, client: MongoClient[Any]) -> None:
    """Set an insert aside, and put it back."""
    snapshot = server.snapshot()
    client.steps.one.insert_one({"_id": COUNT})
    aside = server.set_aside(snapshot)
    server.put_back(aside)
    server.release(snapshot)


def _purge(server: SecantusDBServer, _client: MongoClient[Any]) -> None:
    while server.services.engine.purge_orphans(1000):
        pass


ALL = list(range(COUNT))
#: Each step, and the states that the store may have while the step runs; the last one is the state after the step.
STEPS: list[tuple[Callable[[SecantusDBServer, MongoClient[Any]], object], list[State]]] = [
    (lambda _server, client: client.steps.create_collection("one"), [{"one": ([], [])}]),
    (lambda _server, client: _filled(client), [{"one": (ALL, [])}]),
    (lambda _server, client: client.steps.one.create_index("a"), [{"one": (ALL, ["a_1"])}]),
    (lambda server, _client: server.services.engine.checkpoint(), [{"one": (ALL, ["a_1"])}]),
    (
        _layer,
        [
            {"one": (ALL, ["a_1"]), "layer": ([], [])},
            {"one": (ALL, ["a_1"]), "layer": ([1], [])},
            {"one": (ALL, ["a_1"]), "layer": ([1], ["a_1"])},
            {"one": ([], ["a_1"]), "layer": ([1], ["a_1"])},
            {"one": (ALL, ["a_1"])},
        ],
    ),
    (lambda _server, client: client.steps.one.create_index("b"), [{"one": (ALL, ["a_1", "b_1"])}]),
    (_put_back, [{"one": ([*ALL, COUNT], ["a_1", "b_1"])}]),
    (lambda _server, client: client.steps.one.rename("two"), [{"two": ([*ALL, COUNT], ["a_1", "b_1"])}]),
    (lambda _server, client: client.steps.two.drop_index("a_1"), [{"two": ([*ALL, COUNT], ["b_1"])}]),
    (_purge, [{"two": ([*ALL, COUNT], ["b_1"])}]),
    (lambda _server, client: client.steps.two.drop(), [{}]),
    (_purge, [{}]),
    (lambda server, _client: server.services.engine.checkpoint(), [{}]),
]


def main(path: str) -> None:
    """Run all steps."""
    with SecantusDBServer(port=0, storage_path=path, log_level="error") as server, MongoClient(server.uri) as client:
        for number, (step, _states) in enumerate(STEPS):
            step(server, client)
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
