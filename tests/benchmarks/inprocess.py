"""The probes that are not part of the table: start and stop, restore, threads, latency during a long count, and memory.

Each probe runs in a fresh interpreter, ``python -m tests.benchmarks.inprocess NAME``, and prints JSON. This is necessary because a cold
start can be measured only once per process, and because a probe must not warm the caches of the next one.
"""

from __future__ import annotations

import importlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection

from tests.benchmarks import access, command_log, daemons, encrypted, loads, replay, stateful
from tests.benchmarks.dataset import documents
from tests.benchmarks.measure import connect
from tests.benchmarks.recording import tap
from tests.memory import resident_mib

Values = dict[str, float]
PROBES: dict[str, Callable[[], Values]] = {}
REPEATS = {"start": 5, "plugin": 5, "child": 5}


@dataclass(frozen=True)
class Probe:
    """A measured figure with its required bound (its bar). A figure without a bar serves only for comparison."""

    name: str
    value: float | None
    bar: float | None
    unit: str
    at_most: bool = True

    def holds(self) -> bool | None:
        """Return whether the figure meets its bar, or None if it has no bar or the probe could not run."""
        if self.value is None or self.bar is None:
            return None
        return self.value <= self.bar if self.at_most else self.value >= self.bar


BARS: dict[str, tuple[str, float | None, str, bool]] = {
    "plugin_import": ("loading the plugin without using it", 2, "ms", True),
    "cold_start": ("import + start to the first answered command, cold", 200, "ms", True),
    "second_start": ("start alone, the second time", 25, "ms", True),
    "stop": ("stop", 30, "ms", True),
    "child_start": ("own process: start to the first answered command, cold", 450, "ms", True),
    "child_restore": ("own process: restore after 10 documents and an index", 0.4, "ms", True),
    "restore_written": ("restore after 10 documents and an index, store of 100,000", 1, "ms", True),
    "restore_read_only": ("restore after a read-only test", 0.05, "ms", True),
    "ten_threads_own_process": ("ten threads against one thread, in the client's process", 1, "x", False),
    "ten_threads_daemon": ("ten threads against one thread, daemon", 1, "x", False),
    "ten_threads_floor_own_process": ("  the same against the floor, in the client's process", None, "x", False),
    "ten_threads_floor_daemon": ("  the same against the floor, in another process", None, "x", False),
    "ping_p99_own_process": ("ping p99 while a million documents are counted, in process", 25, "ms", True),
    "ping_p99_daemon": ("ping p99 while a million documents are counted, daemon", 25, "ms", True),
    "idle_memory": ("resident memory of an idle daemon", 80, "MB", True),
    "memory_updates": ("resident memory after a document of 1 KB was updated 20,000 times", 64, "MB", True),
    "memory_deletes": ("resident memory after 100,000 documents of 1 KB were inserted and deleted", 64, "MB", True),
    "memory_drops": ("resident memory after 40 MB were loaded and dropped, five times", 64, "MB", True),
    "memory_rewrites": ("resident memory after 50 MB were updated ten times; 50 MB live", 3 * 50 + 64, "MB", True),
    "memory_million": ("memory of a million documents of 160 bytes against their BSON", 1.6, "x", True),
    "peak_updates": ("peak while a document of 1 KB is updated 20,000 times", 64, "MB", True),
    "peak_deletes": ("peak while 1 MB is inserted and deleted 100 times", 3 * 1 + 64, "MB", True),
    "peak_drops": ("peak while 40 MB are loaded and dropped, five times", 3 * 40 + 64, "MB", True),
    "peak_quick_drops": ("peak while 10 MB are loaded and dropped, 100 times", 3 * 10 + 64, "MB", True),
    "peak_rewrites": ("peak while 50 MB are updated ten times", 3 * 50 + 64, "MB", True),
    "peak_rewrites_together": ("peak while two clients update 50 MB five times each", 3 * 50 + 64, "MB", True),
    "peak_out": ("peak while 25 MB are written 50 times with $out; 50 MB live", 3 * 50 + 64, "MB", True),
    "mixed_peak": ("peak while six clients write, read and drop for a while; 12 MB live", 3 * 12 + 64, "MB", True),
    "mixed_end": ("  the same, three seconds after the end", 3 * 12 + 64, "MB", True),
    "tls_find_one": ("find_one over TLS against without", 1.5, "x", True),
    "idle_streams": ("a write beside 1,000 idle change streams against without", 1.05, "x", True),
    "event_latency": ("from a write to its event against find_one", 1.5, "x", True),
    "ten_writers": ("ten writers in transactions of 20 updates against without", 0.9, "x", False),
    "commit_time": ("time per write: transaction of 100,000 against 25,000", 1.25, "x", True),
    "commit_memory": ("memory per write: transaction of 100,000 against 25,000", 1.25, "x", True),
    "commit_microseconds": ("  time per write in a transaction of 100,000", None, "us", True),
    "abort_time": ("time per write: 100,000, then aborted, against 25,000", 1.25, "x", True),
    "abort_memory": ("memory per write: 100,000, then aborted, against 25,000", 1.25, "x", True),
    "abort_microseconds": ("  time per write of 100,000, then aborted", None, "us", True),
    "log_find_one": ("the command log, added to a find_one by _id", 10, "us", True),
    "log_find": ("the command log, added to a find by an index", 10, "us", True),
    "log_find_all": ("the command log, added to a find of 20 documents", 10, "us", True),
    "log_count": ("the command log, added to a count_documents", 10, "us", True),
    "log_aggregate": ("the command log, added to an aggregate of 20 documents", 10, "us", True),
    "log_insert": ("the command log, added to an insert_one", 10, "us", True),
    "log_update": ("the command log, added to an update_one by _id", 10, "us", True),
    "log_modify": ("the command log, added to a find_one_and_update by _id", 10, "us", True),
    "authorize_find": ("authorization of a find", 2, "us", True),
    "authorize_update": ("authorization of an update", 2, "us", True),
    "authorize_bulk_write": ("authorization of a bulkWrite of 100 inserts", 2, "us", True),
    "authorize_bulk_write_sequences": ("the same, sent as drivers send it", 2, "us", True),
    "authorize_explain": ("authorization of an explained find", 2, "us", True),
    "authorize_aggregate": ("authorization of an aggregate with $lookup and $out", 2, "us", True),
}


def probe(function: Callable[[], Values]) -> Callable[[], Values]:
    """Register a function as a probe under its name."""
    PROBES[function.__name__] = function
    return function


def milliseconds_since(started: float) -> float:
    """Return the milliseconds since a `perf_counter` reading."""
    return (time.perf_counter() - started) * 1e3


@probe
def plugin() -> Values:
    """Measure the import of the pytest plugin in a process that has imported pytest."""
    importlib.import_module("pytest")
    started = time.perf_counter()
    importlib.import_module("pytest_secantus.plugin")
    return {"plugin_import": milliseconds_since(started)}


@probe
def start() -> Values:
    """Measure the import and start of the server in a fresh interpreter that has imported pymongo, then a stop and a second start."""
    started = time.perf_counter()
    from secantus_server.server import SecantusDBServer

    server = SecantusDBServer(storage_path=":memory:")
    server.start()
    client = connect(server.port)
    client.admin.command("ping")
    cold = milliseconds_since(started)
    client.close()
    started = time.perf_counter()
    server.stop()
    stopped = milliseconds_since(started)
    server = SecantusDBServer(storage_path=":memory:")
    started = time.perf_counter()
    server.start()
    second = milliseconds_since(started)
    server.stop()
    return {"cold_start": cold, "second_start": second, "stop": stopped}


@probe
def restore() -> Values:
    """Measure restores in a store of 100,000 documents, after tests that wrote a little and after tests that only read."""
    from secantus_server.server import SecantusDBServer

    written, read_only = [], []
    with SecantusDBServer(storage_path=":memory:") as server, connect(server.port) as client:
        collection = client.bench.bench
        collection.insert_many(documents(100_000))
        snapshot = server.snapshot()
        for turn in range(50):
            collection.insert_many([{"_id": -n, "turn": turn} for n in range(1, 11)])
            client.bench.other.create_index("turn")
            started = time.perf_counter()
            server.restore(snapshot)
            written.append(milliseconds_since(started))
            assert collection.find_one({"_id": -1}) is None
            started = time.perf_counter()
            server.restore(snapshot)
            read_only.append(milliseconds_since(started))
        server.release(snapshot)
    return {"restore_written": statistics.median(written), "restore_read_only": statistics.median(read_only)}


@probe
def log() -> Values:
    """Measure commands with and without the plugin's command log."""
    return command_log.measure()


@probe
def authorization() -> Values:
    """Measure the cost of access control for one command."""
    return access.measure()


@probe
def child() -> Values:
    """Measure the start of a server in a child process, as with `secantus_process = yes`, and then a restore."""
    from pytest_secantus.child import ChildServer

    started = time.perf_counter()
    server = ChildServer(port=0, storage_path=":memory:")
    server.start()
    restored = []
    with connect(server.port) as client:
        client.admin.command("ping")
        cold = milliseconds_since(started)
        snapshot = server.snapshot()
        for turn in range(50):
            client.bench.bench.insert_many([{"_id": n, "turn": turn} for n in range(10)])
            client.bench.other.create_index("turn")
            started = time.perf_counter()
            server.restore(snapshot)
            restored.append(milliseconds_since(started))
    server.stop()
    return {"child_start": cold, "child_restore": statistics.median(restored)}


def servers() -> Iterator[tuple[str, int]]:
    """Run a server in this process, then a daemon. Yield a suffix for the figure's name, and the port, of each."""
    from secantus_server.server import SecantusDBServer

    with SecantusDBServer(storage_path=":memory:") as server:
        yield "own_process", server.port
    with daemons.daemon(sys.argv[2]) as (port, _):
        yield "daemon", port


def throughput(client: Any, threads: int, seconds: float = 1.5) -> float:
    """Return the number of finds by `_id` per second that `threads` threads achieve together with one client."""
    deadline = time.perf_counter() + seconds
    counts = [0] * threads

    def work(index: int) -> None:
        while time.perf_counter() < deadline:
            client.bench.bench.find_one({"_id": counts[index] % 1000})
            counts[index] += 1

    workers = [threading.Thread(target=work, args=(index,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / seconds


def record_find(port: int) -> replay.Recordings:
    """Record the replies of the server at `port` to the finds of `throughput` and to its client's handshake."""
    with tap(port) as recorder, connect(recorder.port) as client:
        throughput(client, 1, 0.05)
    return recorder.recordings


@contextmanager
def floor_in_this_process(recordings: replay.Recordings) -> Iterator[int]:
    """Run the replay server in this process. Yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=replay.accept_forever, args=(listener, recordings), daemon=True).start()
        yield listener.getsockname()[1]


def ten_to_one(port: int) -> float:
    """Return the ratio of the throughput of ten threads to the throughput of one thread, as the median of alternating rounds."""
    with connect(port) as client:
        throughput(client, 10, 0.3)
        return statistics.median(throughput(client, 10) / throughput(client, 1) for _ in range(3))


@probe
def threads() -> Values:
    """Compare the throughput of ten threads with that of one thread, for our servers and for the replay server.

    The replay server shows the limit, because threads of one process wait for each other at every system call.
    """
    values = {}
    for name, port in servers():
        with connect(port) as client:
            client.bench.bench.insert_many(documents(1000))
        recordings = record_find(port)
        values[f"ten_threads_{name}"] = ten_to_one(port)
        if name == "daemon":
            with daemons.floor({"find": recordings}) as ports:
                values["ten_threads_floor_daemon"] = ten_to_one(ports["find"])
        else:
            with floor_in_this_process(recordings) as floor_port:
                values["ten_threads_floor_own_process"] = ten_to_one(floor_port)
    return values


def pings_during(client: Any, job: threading.Thread) -> list[float]:
    """Send pings while `job` runs. Return the milliseconds of each ping."""
    taken = []
    job.start()
    while job.is_alive():
        started = time.perf_counter()
        client.admin.command("ping")
        taken.append(milliseconds_since(started))
        time.sleep(0.001)
    return taken


def count_million(collection: Collection[dict[str, Any]]) -> None:
    """Count with a filter on two unindexed fields, and check the result."""
    counted = collection.count_documents({"n": {"$gt": 500}, "k": 3})
    assert counted == sum(1 for n in range(1_000_000) if n % 1000 > 500 and n % 7 == 3), counted


@probe
def long_count() -> Values:
    """Measure pings while a second connection counts a million documents with an unindexed filter."""
    values = {}
    for name, port in servers():
        with connect(port) as client, connect(port) as counter:
            for start in range(0, 1_000_000, 20_000):
                client.bench.big.insert_many([{"_id": n, "n": n % 1000, "k": n % 7} for n in range(start, start + 20_000)])
            count_million(counter.bench.big)
            taken: list[float] = []
            while len(taken) < 300:
                taken += pings_during(client, threading.Thread(target=count_million, args=(counter.bench.big,)))
        values[f"ping_p99_{name}"] = statistics.quantiles(taken, n=100)[98]
    return values


@probe
def memory() -> Values:
    """Measure the resident memory of an idle daemon that has answered a ping."""
    with daemons.daemon(sys.argv[2]) as (port, process):
        with connect(port) as client:
            client.admin.command("ping")
        return {"idle_memory": resident_mib(process.pid)}


@probe
def memory_after() -> Values:
    """Measure the resident memory of a daemon three seconds after each load that produces much garbage."""
    values = {}
    work = {
        "memory_updates": loads.update_one_document,
        "memory_deletes": loads.insert_and_delete,
        "memory_drops": loads.load_and_drop,
        "memory_rewrites": loads.rewrite_all,
    }
    for name, load in work.items():
        with daemons.daemon(sys.argv[2]) as (port, process):
            with connect(port) as client:
                load(client.bench.bench)
            time.sleep(3)
            values[name] = resident_mib(process.pid)
    return values


@probe
def memory_million() -> Values:
    """Measure the growth of a daemon's memory by a million documents, relative to their BSON, three seconds after the last insert."""
    size = 0
    with daemons.daemon(sys.argv[2]) as (port, process), connect(port) as client:
        client.admin.command("ping")
        idle = resident_mib(process.pid)
        for start in range(0, 1_000_000, 5000):
            batch = [RawBSONDocument(bson.encode(document)) for document in documents(5000, start)]
            size += sum(len(document.raw) for document in batch)
            client.bench.bench.insert_many(batch)
        time.sleep(3)
        return {"memory_million": (resident_mib(process.pid) - idle) * 2**20 / size}


@probe
def memory_during() -> Values:
    """Measure the growth of a daemon's memory over its idle memory at the peak of each load that produces much garbage."""
    values = {}
    work = {
        "peak_updates": loads.update_one_document,
        "peak_deletes": loads.insert_and_delete,
        "peak_drops": loads.load_and_drop,
        "peak_quick_drops": loads.load_and_drop_quickly,
        "peak_rewrites": loads.rewrite_all,
        "peak_rewrites_together": loads.rewrite_all_together,
        "peak_out": loads.out_again,
    }
    for name, load in work.items():
        with daemons.daemon(sys.argv[2]) as (port, process), connect(port) as client:
            client.admin.command("ping")
            with loads.PeakMemory(process.pid) as peak:
                load(client.bench.bench)
            values[name] = peak.mb
    return values


@probe
def memory_mixed() -> Values:
    """Measure the growth of a daemon's memory over its idle memory, at its peak under six clients and three seconds later."""
    with daemons.daemon(sys.argv[2]) as (port, process), connect(port) as client:
        client.admin.command("ping")
        idle = resident_mib(process.pid)
        with loads.PeakMemory(process.pid) as peak:
            loads.mixed(client.bench.bench, float(sys.argv[3]))
        time.sleep(3)
        return {"mixed_peak": peak.mb, "mixed_end": resident_mib(process.pid) - idle}


@probe
def tls() -> Values:
    """Measure a find by `_id` over TLS, relative to a plain connection."""
    return encrypted.find_one_over_tls(sys.argv[2])


@probe
def idle_streams() -> Values:
    """Measure the speed of a writer while idle change streams are open."""
    return stateful.beside_idle_streams(sys.argv[2])


@probe
def event_latency() -> Values:
    """Measure the time from a write to its change stream event."""
    return stateful.event_latency(sys.argv[2])


@probe
def ten_writers() -> Values:
    """Measure concurrent writers to different documents, in transactions."""
    return stateful.ten_writers(sys.argv[2])


@probe
def large_transactions() -> Values:
    """Measure transactions with many writes."""
    return stateful.large_transactions(sys.argv[2])


def run_probe(name: str, ours: str, mixed_s: float) -> Values:
    """Run one probe several times in fresh interpreters. Return the median of each figure, or nothing if the probe failed.

    Some of the repeated probes measure imports. An uncounted first run compiles the modules, because an installed package includes its
    bytecode, while a checkout under ``PYTHONDONTWRITEBYTECODE`` would measure the compiler.
    """
    repeats = REPEATS.get(name, 0)
    with tempfile.TemporaryDirectory() as bytecode:
        environment = daemons.environment()
        if repeats:
            environment["PYTHONPYCACHEPREFIX"] = bytecode
            environment.pop("PYTHONDONTWRITEBYTECODE", None)
        runs = [run_once(name, ours, mixed_s, environment) for _ in range(repeats + 1)]
    if not all(runs):
        return {}
    counted = runs[1:] or runs
    return {key: statistics.median(run[key] for run in counted) for key in counted[0]}


def run_once(name: str, ours: str, mixed_s: float, environment: dict[str, str]) -> Values:
    """Run one probe in a fresh interpreter. If it fails, print a message and return nothing."""
    words = [sys.executable, "-m", "tests.benchmarks.inprocess", name, ours, str(mixed_s)]
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        print(f"{name} failed:\n{done.stderr[-2000:]}", file=sys.stderr)
        return {}
    values: Values = json.loads(done.stdout)
    return values


def run_probes(names: list[str], ours: str, mixed_s: float) -> Iterator[Probe]:
    """Run the probes, and yield their figures with their bars.

    Arguments:
        names: the probes to run.
        ours: the command that starts our daemon.
        mixed_s: the seconds for which the clients of the probe `memory_mixed` run.
    """
    figures_of = {
        "plugin": ("plugin_import",),
        "start": ("cold_start", "second_start", "stop"),
        "child": ("child_start", "child_restore"),
        "restore": ("restore_written", "restore_read_only"),
        "threads": ("ten_threads_own_process", "ten_threads_floor_own_process", "ten_threads_daemon", "ten_threads_floor_daemon"),
        "long_count": ("ping_p99_own_process", "ping_p99_daemon"),
        "memory": ("idle_memory",),
        "memory_during": (
            "peak_updates",
            "peak_deletes",
            "peak_drops",
            "peak_quick_drops",
            "peak_rewrites",
            "peak_rewrites_together",
            "peak_out",
        ),
        "memory_after": ("memory_updates", "memory_deletes", "memory_drops", "memory_rewrites"),
        "memory_million": ("memory_million",),
        "memory_mixed": ("mixed_peak", "mixed_end"),
        "log": ("log_find_one", "log_find", "log_insert"),
        "authorization": tuple(access.COMMANDS),
        "tls": ("tls_find_one",),
        "idle_streams": ("idle_streams",),
        "event_latency": ("event_latency",),
        "ten_writers": ("ten_writers",),
        "large_transactions": (
            "commit_time",
            "commit_memory",
            "commit_microseconds",
            "abort_time",
            "abort_memory",
            "abort_microseconds",
        ),
    }
    for name in names:
        values = run_probe(name, ours, mixed_s)
        for key in figures_of[name]:
            text, bar, unit, at_most = BARS[key]
            yield Probe(text, values.get(key), bar, unit, at_most)


if __name__ == "__main__":
    print(json.dumps(PROBES[sys.argv[1]]()))
