"""The measurements of a server that runs for a long time, and the decision whether they grow."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from typing import Any, NamedTuple

from pymongo import MongoClient

PINGS = 100
HISTORY_STORE = "WiredTigerHS.wt"


class Sample(NamedTuple):
    """One row of the table of measurements.

    `beside_cache_kb` is the resident memory without the storage engine's cache, which fills up to its limit.
    """

    minute: float
    resident_kb: float
    beside_cache_kb: float
    descriptors: float
    threads: float
    history_store_kb: float
    ping_p99_us: float


class Limit(NamedTuple):
    """The growth allowed from the first to the last third of a series after the warm-up: a share, plus an absolute amount."""

    share: float
    amount: float


#: Ping times depend on other work of the machine, so only a multiple counts as growth.
LIMITS = {
    "beside_cache_kb": Limit(0.05, 3072),
    "descriptors": Limit(0.0, 6),
    "threads": Limit(0.0, 6),
    "history_store_kb": Limit(0.25, 4096),
    "ping_p99_us": Limit(4.0, 20_000),
}


def take(pid: int, storage: Path, client: MongoClient[dict[str, Any]], began: float) -> Sample:
    """Measure the process, and return the sample."""
    process = Path(f"/proc/{pid}")
    resident_kb = int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024
    cache = client.admin.command("serverStatus")["wiredTiger"]["cache"]["bytes currently in the cache"]
    store = storage / HISTORY_STORE
    return Sample(
        (time.monotonic() - began) / 60,
        resident_kb,
        resident_kb - cache / 1024,
        len(list((process / "fd").iterdir())),
        len(list((process / "task").iterdir())),
        store.stat().st_size / 1024 if store.exists() else 0,
        ping_p99_us(client),
    )


def ping_p99_us(client: MongoClient[dict[str, Any]]) -> float:
    """Return the 99th percentile of the time of a ping in microseconds."""
    times = []
    for _ in range(PINGS):
        began = time.perf_counter()
        client.admin.command("ping")
        times.append((time.perf_counter() - began) * 1e6)
    return statistics.quantiles(times, n=100)[-1]


def growing(samples: list[Sample], warm_up_minutes: float) -> list[str]:
    """Return a sentence for each series that grows after the warm-up."""
    warm = [one for one in samples if one.minute >= warm_up_minutes]
    third = len(warm) // 3
    if third < 2:
        return [f"only {len(warm)} samples after the warm-up: nothing can be said"]
    found = []
    for name, limit in LIMITS.items():
        first = statistics.median(getattr(one, name) for one in warm[:third])
        last = statistics.median(getattr(one, name) for one in warm[-third:])
        if last > first * (1 + limit.share) + limit.amount:
            found.append(f"{name} grows from {first:.0f} to {last:.0f}")
    return found


def heading() -> str:
    """Return the heading of the table of samples."""
    return "  ".join(f"{name:>16}" for name in Sample._fields)


def row(sample: Sample) -> str:
    """Return a sample as a row of the table."""
    return "  ".join(f"{value:16.1f}" for value in sample)
