"""The peak memory of a daemon that sorts and groups more data than its memory limit, with and without temporary files.

    python -m tests.benchmarks.spilling --megabytes 500 --limit-megabytes 100

Linux only. The peak is that of the resident memory during one command, above the memory before the command.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from tests.benchmarks.daemons import OURS, daemon

SORT_LIMIT = "internalQueryMaxBlockingSortMemoryUsageBytes"
GROUP_LIMIT = "internalDocumentSourceGroupMaxMemoryBytes"
# The result is small, so that only the stage itself needs memory.
LAST = [{"$group": {"_id": None, "n": {"$sum": 1}}}]
PIPELINES: dict[str, list[dict[str, Any]]] = {
    "$sort": [{"$sort": {"key": 1}}, {"$skip": 1}, *LAST],
    "$group, many groups": [{"$group": {"_id": "$text", "n": {"$sum": 1}}}, *LAST],
    "$group, $push": [{"$group": {"_id": {"$mod": ["$key", 5000]}, "all": {"$push": "$text"}}}, *LAST],
}


def fill(db: Database, megabytes: int) -> None:
    """Insert documents of 1,000 bytes."""
    count = megabytes * 1000
    for start in range(0, count, 5000):
        numbers = range(start, min(start + 5000, count))
        db.c.insert_many([{"_id": n, "key": n * 7919 % count, "text": f"{n:08}" + "x" * 930} for n in numbers])


def peak_during(pid: int, db: Database, pipeline: list[dict[str, Any]]) -> tuple[float, float]:
    """Return the growth of the daemon's peak memory in megabytes during an aggregate, and its seconds."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    before, started = _kilobytes(pid, "VmRSS"), time.perf_counter()
    list(db.c.aggregate(pipeline))
    return (_kilobytes(pid, "VmHWM") - before) / 1024, time.perf_counter() - started


def _kilobytes(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))


def main() -> None:
    """Print a table of both limits."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--limit-megabytes", type=int, default=100)
    options = parser.parse_args()
    print(f"{options.megabytes} MB of data; limit {options.limit_megabytes} MB; peak memory of the command in MB, and seconds")
    for name, pipeline in PIPELINES.items():
        for kind, limit in (("on disk", options.limit_megabytes << 20), ("in memory", 1 << 40)):
            with daemon(OURS) as (port, process), MongoClient(port=port) as client:
                fill(client.bench, options.megabytes)
                client.admin.command({"setParameter": 1, SORT_LIMIT: limit, GROUP_LIMIT: limit})
                peak, seconds = peak_during(process.pid, client.bench, pipeline)
            print(f"{name:22} {kind:10} {peak:8.0f} MB {seconds:7.1f} s", flush=True)


if __name__ == "__main__":
    main()
