"""The cost of the command log: the processor time of a command in the client's process, measured alternately with and without the log."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_secantus.sources import Sources
from tests.benchmarks.dataset import documents
from tests.benchmarks.measure import connect

CALLS = 200
TURNS = 60


def added_us(call: Callable[[], Any], server: Any) -> float:
    """Return the median time in microseconds that the log adds to a call."""
    sources = Sources(Path(__file__).parent)
    differences = []
    for _ in range(TURNS):
        plain = processor_us(call)
        sources.begin(__file__)
        server.log_commands()
        with sources.noted():
            logged = processor_us(call)
        server.stop_logging_commands()
        differences.append(logged - plain)
    return statistics.median(differences)


def processor_us(call: Callable[[], Any]) -> float:
    """Return the processor time per call in microseconds, for client and server together."""
    started = time.process_time()
    for _ in range(CALLS):
        call()
    return (time.process_time() - started) / CALLS * 1e6


def measure() -> dict[str, float]:
    """Measure a read by `_id`, a read through a cursor with an index, and an insert."""
    from secantus_server.server import SecantusDBServer

    with SecantusDBServer(port=0, storage_path=":memory:") as server, connect(server.port) as client:
        collection = client.bench.bench
        collection.insert_many(documents(1000))
        collection.create_index("n")
        calls: dict[str, Callable[[], Any]] = {
            "log_find_one": lambda: collection.find_one({"_id": 5}),
            "log_find": lambda: list(collection.find({"n": 5})),
            "log_insert": lambda: client.bench.other.insert_one({"a": 1}),
        }
        return {name: added_us(call, server) for name, call in calls.items()}
