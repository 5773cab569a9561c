"""`python -m tests.benchmarks.changed_blocks`: the share of a store's blocks that differ between two backups.

The share shows how much space incremental archives could save, because they would contain only the blocks that differ. For comparison,
the size of the oplog entries is printed, because the archived oplog contains only the changes themselves.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pymongo import MongoClient, UpdateOne

from secantus_server import SecantusDBServer

SIZES = {"4 KiB": 4096, "64 KiB": 65536, "1 MiB": 1048576}
BATCH = 20_000
Client = MongoClient[dict[str, Any]]


def document(number: int) -> dict[str, Any]:
    """Return a document of about 160 bytes."""
    return {"_id": number, "name": f"name {number}", "value": random.Random(number).random(), "text": "x" * 100}


def blocks_of(client: Client, directory: Path, size: int) -> set[tuple[str, int, bytes]]:
    """Take a backup. Return the file name, offset and checksum of each block in its data files."""
    path = directory / "archive.tar.gz"
    client.admin.command("secantusAdmin.backupArchive", 1, outputPath=str(path))
    found: set[tuple[str, int, bytes]] = set()
    with tarfile.open(path) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is not None and member.name.endswith(".wt"):
                offset = 0
                while data := content.read(size):
                    found.add((member.name, offset, hashlib.sha256(data).digest()))
                    offset += len(data)
    path.unlink()
    return found


def newest(client: Client) -> Any:
    """Return the timestamp of the newest oplog entry."""
    return client.local["oplog.rs"].find_one(sort=[("$natural", -1)])["ts"]  # type: ignore[index]


def oplog_bytes(client: Client, begun: Any) -> int:
    """Return the total size of the oplog entries after a timestamp."""
    total = [{"$match": {"ts": {"$gt": begun}}}, {"$group": {"_id": None, "n": {"$sum": {"$bsonSize": "$$ROOT"}}}}]
    return int(next(client.local["oplog.rs"].aggregate(total))["n"])


def fill(client: Client, count: int) -> None:
    """Insert `count` documents."""
    for start in range(0, count, BATCH):
        client.db.c.insert_many([document(number) for number in range(start, min(start + BATCH, count))])


def changes_of(count: int) -> dict[str, Callable[[Client], None]]:
    """Return the changes to measure on a collection of `count` documents, by name."""
    chosen = random.Random(1)

    def update(share: float) -> Callable[[Client], None]:
        def run(client: Client) -> None:
            some = chosen.sample(range(count), int(count * share))
            for start in range(0, len(some), BATCH):
                client.db.c.bulk_write([UpdateOne({"_id": one}, {"$set": {"value": 0.5}}) for one in some[start : start + BATCH]])

        return run

    def insert(client: Client) -> None:
        client.db.c.insert_many([document(count + number) for number in range(count // 100)])

    return {"1 % updated": update(0.01), "0.1 % updated": update(0.001), "1 % inserted": insert}


def main() -> None:
    """Print one row per change, with the changed blocks for each block size, and the oplog entries."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", type=int, default=1_000_000)
    count = parser.parse_args().documents
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        with SecantusDBServer(port=0, storage_path=str(directory / "data"), log_level="error") as server, MongoClient(server.uri) as client:
            fill(client, count)
            print("| Change |", " | ".join(f"blocks of {label}" for label in SIZES), "| oplog |")
            for name, change in changes_of(count).items():
                before = {label: blocks_of(client, directory, size) for label, size in SIZES.items()}
                begun = newest(client)
                change(client)
                changed = oplog_bytes(client, begun)
                after = {label: blocks_of(client, directory, size) for label, size in SIZES.items()}
                lost = {label: len(after[label] - before[label]) for label in SIZES}
                shares = [f"{100 * lost[label] / len(after[label]):.0f} %, {lost[label] * SIZES[label] / 1e6:.0f} MB" for label in SIZES]
                print("|", " | ".join([name, *shares, f"{changed / 1e6:.1f} MB"]), "|", flush=True)


if __name__ == "__main__":
    main()
