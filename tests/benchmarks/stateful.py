"""The probes that depend on server state: idle change streams, the delay from a write to its event, and transactions with many writes."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession

from tests.benchmarks import daemons
from tests.benchmarks.loads import PeakMemory
from tests.benchmarks.measure import connect
from tests.benchmarks.raw import RawConnection

Client = MongoClient[dict[str, Any]]
Values = dict[str, float]

IDLE_STREAMS = 1000
WRITERS = 10
UPDATES_PER_TRANSACTION = 20
#: The commands before each measurement of an event.
SETTLING = 4
SIZES = (25_000, 100_000)
BATCH = 1000


@contextmanager
def idle_streams(port: int, count: int) -> Iterator[None]:
    """Open change streams on a collection without writes, each on a separate connection, and let them wait for events within the block."""
    with ExitStack() as stack:
        for _ in range(count):
            waiting = stack.enter_context(RawConnection(port))
            reply = waiting.run({"aggregate": "watched", "pipeline": [{"$changeStream": {}}], "cursor": {}})
            waiting.send({"getMore": reply["cursor"]["id"], "collection": "watched", "maxTimeMS": 600_000})
        yield


def beside_idle_streams(ours: str) -> Values:
    """Return the ratio of the write times with and without idle change streams, measured alternately on two daemons."""
    taken: dict[int, list[float]] = {0: [], IDLE_STREAMS: []}
    with ExitStack() as stack:
        writers = {}
        for count in taken:
            port, _ = stack.enter_context(daemons.daemon(ours))
            stack.enter_context(idle_streams(port, count))
            writers[count] = stack.enter_context(RawConnection(port))
        for turn in range(60):
            for count, writer in writers.items():
                for number in range(200):
                    started = time.perf_counter()
                    writer.run({"insert": "single", "documents": [{"_id": turn * 1000 + number, "n": 1}]})
                    if number >= 100:  # the earlier writes warm the caches of the core, which was running other code
                        taken[count].append(time.perf_counter() - started)
    return {"idle_streams": statistics.median(taken[IDLE_STREAMS]) / statistics.median(taken[0])}


def event_latency(ours: str) -> Values:
    """Return the time from sending a write to receiving its change event, as a multiple of the time of a find by `_id`.

    Before each measurement, commands that are not measured run on the same connection, so that the stream's getMore already waits when the
    write is sent, and both commands find the server in the same state. After fewer of them, the server's other thread still begins to
    wait, and a find takes longer, too.
    """
    events, finds = [], []

    def find(number: int) -> dict[str, Any]:
        return {"find": "single", "filter": {"_id": number}, "limit": 1, "singleBatch": True}

    with daemons.daemon(ours) as (port, _), RawConnection(port) as stream, RawConnection(port) as writer:
        cursor = stream.run({"aggregate": "single", "pipeline": [{"$changeStream": {}}], "cursor": {}})["cursor"]["id"]
        for number in range(3000):
            stream.send({"getMore": cursor, "collection": "single", "maxTimeMS": 60_000})
            for _ in range(SETTLING):
                writer.run(find(number))
            started = time.perf_counter()
            writer.send({"insert": "single", "documents": [{"_id": number, "n": 1}]})
            batch = stream.receive()["cursor"]["nextBatch"]
            events.append(time.perf_counter() - started)
            assert [event["documentKey"]["_id"] for event in batch] == [number], batch
            writer.receive()
            for _ in range(SETTLING):
                writer.run(find(number))
            started = time.perf_counter()
            writer.run(find(number))
            finds.append(time.perf_counter() - started)
    return {"event_latency": statistics.median(events) / statistics.median(finds)}


def updates(client: Client, in_transactions: bool, seconds: float = 1.5) -> float:
    """Return the number of updates per second by ten threads, each of which updates a different document."""
    deadline = time.perf_counter() + seconds
    counts = [0] * WRITERS

    def update(number: int, session: ClientSession | None) -> None:
        for _ in range(UPDATES_PER_TRANSACTION):
            client.bench.bench.update_one({"_id": number}, {"$inc": {"n": 1}}, session=session)
        counts[number] += UPDATES_PER_TRANSACTION

    def work(number: int) -> None:
        with client.start_session() as session:
            while time.perf_counter() < deadline:
                if in_transactions:
                    with session.start_transaction():
                        update(number, session)
                else:
                    update(number, None)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(WRITERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / seconds


def ten_writers(ours: str) -> Values:
    """Return the ratio of the throughputs of ten writers with and without transactions. Each writer updates a different document."""
    with daemons.daemon(ours) as (port, _), connect(port) as client:
        client.bench.bench.insert_many([{"_id": number, "n": 0} for number in range(WRITERS)])
        updates(client, True, 0.3)
        return {"ten_writers": statistics.median(updates(client, True) / updates(client, False) for _ in range(3))}


def write_and_end(client: Client, size: int, commit: bool) -> None:
    """Insert many documents in one transaction, then commit or abort it."""
    with client.start_session() as session:
        session.start_transaction()
        for first in range(0, size, BATCH):
            documents = [{"_id": number, "n": number, "text": "x" * 100} for number in range(first, first + BATCH)]
            client.bench.bench.insert_many(documents, session=session)
        if commit:
            session.commit_transaction()
        else:
            session.abort_transaction()
    assert client.bench.bench.count_documents({}) == (size if commit else 0)


def large_transactions(ours: str) -> Values:
    """Compare the time and memory per write in a large transaction with those in a transaction of a quarter of its size.

    Committed and aborted transactions are measured separately.
    """
    values = {}
    for name, commit in (("commit", True), ("abort", False)):
        seconds, memory = {}, {}
        for size in SIZES:
            with daemons.daemon(ours) as (port, process), connect(port) as client:
                write_and_end(client, BATCH, commit=False)
                with PeakMemory(process.pid) as peak:
                    started = time.perf_counter()
                    write_and_end(client, size, commit)
                    seconds[size] = (time.perf_counter() - started) / size
                memory[size] = peak.mb / size
        values[f"{name}_microseconds"] = seconds[SIZES[-1]] * 1e6
        values[f"{name}_time"] = seconds[SIZES[-1]] / seconds[SIZES[0]]
        values[f"{name}_memory"] = memory[SIZES[-1]] / memory[SIZES[0]]
    return values
