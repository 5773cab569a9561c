"""The TLS probe: a find by `_id` over an encrypted connection, compared with a find over a plain connection."""

from __future__ import annotations

import shlex
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from pymongo import MongoClient

from tests.benchmarks import daemons
from tests.benchmarks.dataset import documents
from tests.net.tls_files import Files

TURNS = 100
CALLS = 100


def find_one_over_tls(ours: str) -> dict[str, float]:
    """Return the ratio of pymongo's `find_one` times with and without TLS, measured alternately on two daemons."""
    taken: dict[str, list[float]] = {"plain": [], "tls": []}
    with ExitStack() as stack:
        files = Files(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        flags = {"plain": "", "tls": f" --tls-cert-file {shlex.quote(files.server)} --tls-mode preferTLS"}
        options = {"plain": {}, "tls": {"tls": True, "tlsCAFile": files.ca}}
        collections = {}
        for kind, given in flags.items():
            port, _ = stack.enter_context(daemons.daemon(ours + given))
            client = MongoClient("127.0.0.1", port, directConnection=True, serverMonitoringMode="poll", **options[kind])
            collections[kind] = stack.enter_context(client).bench.bench
            collections[kind].insert_many(documents(1000))
        for _ in range(TURNS):
            for kind, collection in collections.items():
                for number in range(CALLS):
                    started = time.perf_counter()
                    found = collection.find_one({"_id": number})
                    if number >= CALLS // 2:  # the earlier calls warm the caches of the core, which was running other code
                        taken[kind].append(time.perf_counter() - started)
                    assert found is not None
    medians = {kind: statistics.median(times) for kind, times in taken.items()}
    return {"tls_find_one": medians["tls"] / medians["plain"]}
