"""The measurements for docs/sizing.md: memory, disk space, rates, and the times of a start, a backup and a restore.

    python -m tests.benchmarks.sizing [--documents 100000]

The program starts daemons in a temporary directory and prints the table for that page.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from tests.integration.daemon import Daemon, environment
from tests.memory import resident_mib

_DOCUMENT_BYTES = 1000
_BATCH = 1000
_OPERATIONS = 2000
_MEGABYTE = 1 << 20

Client = MongoClient[dict[str, Any]]


def size_mb(path: Path) -> float:
    """Return the size of a file, or of the data files in a directory, in MB. The log is excluded, because its size is limited to about
    100 MB.
    """
    files = [path] if path.is_file() else [one for one in path.iterdir() if not one.name.startswith("WiredTigerLog")]
    return sum(one.stat().st_size for one in files) / _MEGABYTE


def timed(action: Callable[[], object]) -> float:
    """Run an action, and return its duration in seconds."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


@contextmanager
def running(path: Path, *flags: str) -> Iterator[tuple[Daemon, Client]]:
    """Run a daemon within the block, and provide a client for it."""
    daemon = Daemon(path, *flags)
    try:
        with daemon.client() as client:
            yield daemon, client
    finally:
        daemon.stop()


def document(number: int) -> dict[str, Any]:
    return {"_id": number, "group": number % 1000, "text": random.Random(number).randbytes(_DOCUMENT_BYTES // 2).hex()}


def load(client: Client, documents: int) -> None:
    client.shop.c.create_index("group")
    for start in range(0, documents, _BATCH):
        client.shop.c.insert_many([document(number) for number in range(start, min(start + _BATCH, documents))])


def reads_per_second(client: Client, numbers: list[int]) -> float:
    return len(numbers) / timed(lambda: [client.shop.c.find_one({"_id": number}) for number in numbers])


def writes_per_second(client: Client) -> float:
    return _OPERATIONS / timed(lambda: [client.shop.w.insert_one({"text": "x" * 100}) for _ in range(_OPERATIONS)])


def measure(directory: Path, documents: int) -> Iterator[tuple[str, str]]:
    """Measure, and yield the name and value of each figure."""
    data, numbers = directory / "data", random.Random(1).sample(range(documents), _OPERATIONS)
    with running(data) as (daemon, client):
        client.admin.command("ping")
        idle = resident_mib(daemon.process.pid)
        yield "memory of an idle daemon", f"{idle:.0f} MB"
        with ExitStack() as stack:
            for _ in range(200):
                stack.enter_context(daemon.client(maxPoolSize=1)).admin.command("ping")
            yield "memory per client, which has three connections", f"{(resident_mib(daemon.process.pid) - idle) / 200 * 1024:.0f} KB"
        load(client, documents)
        yield f"memory with {documents:,} documents of 1 KB, an index, and the default cache", f"{resident_mib(daemon.process.pid):.0f} MB"
        yield "reads by _id of one client", f"{reads_per_second(client, numbers):,.0f}/s"
        yield "inserts of one client", f"{writes_per_second(client):,.0f}/s"
        archive = directory / "a.tar.gz"
        seconds = timed(lambda: client.admin.command("secantusAdmin.backupArchive", 1, outputPath=str(archive)))
        size = size_mb(data)
        yield "data files, with the oplog", f"{size:.0f} MB"
        yield "backup", f"{seconds:.1f} s, archive of {size_mb(archive):.0f} MB"
    line = [sys.executable, "-m", "secantus_server.tools.restore_archive", "--archive", archive, "--target-dir", directory / "restored"]
    yield "restore", f"{timed(lambda: subprocess.run(line, env=environment(), check=True, stdout=subprocess.DEVNULL)):.1f} s"
    check = [sys.executable, "-m", "secantus_server", "check", str(directory / "restored")]
    yield "`secantusdb check`", f"{timed(lambda: subprocess.run(check, env=environment(), check=True, stdout=subprocess.DEVNULL)):.1f} s"
    shutil.rmtree(directory / "restored")
    with running(data, "--cache-size", "32M") as (daemon, client):
        yield (
            "reads by _id with a cache of 32 MB",
            f"{reads_per_second(client, numbers):,.0f}/s, {resident_mib(daemon.process.pid):.0f} MB in use",
        )
    with running(data, "--sync-on-commit") as (_daemon, client):
        yield "inserts of one client with `sync_on_commit`", f"{writes_per_second(client):,.0f}/s"
    yield "start after `kill -9`, with 60 MB in the log", f"{restart_after_kill(data):.1f} s"


def restart_after_kill(data: Path) -> float:
    daemon = Daemon(data, "--checkpoint-interval", "1h")
    with daemon.client() as client:
        for start in range(0, 50_000, _BATCH):
            client.shop.k.insert_many([document(number) for number in range(start, start + _BATCH)])
    daemon.kill()
    begun = time.perf_counter()
    with running(data):
        return time.perf_counter() - begun


def main() -> None:
    """Print the table of results."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sizing", description="Print the table of docs/sizing.md.")
    parser.add_argument("--documents", type=int, default=100_000, metavar="N", help="the documents to load (default: 100,000)")
    given = parser.parse_args()
    print("| What | Figure |\n|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for what, figure in measure(Path(name), given.documents):
            print(f"| {what} | {figure} |", flush=True)


if __name__ == "__main__":
    main()
