"""Backups under a write load, round after round: each is restored and compared with the state at its timestamp.

    SECANTUS_BACKUP_ROUNDS=50 pytest -s tests/backup/test_rounds.py

The nightly run has 50 rounds, others few.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from secantus_server import SecantusDBServer
from secantus_server.backup.restore import restore_archive
from secantus_server.errors import CommandError
from tests.waiting import wait_until

ROUNDS = int(os.environ.get("SECANTUS_BACKUP_ROUNDS", "3"))
WRITERS = 3
COLLECTIONS = ("one", "two", "three")

Client = MongoClient[dict[str, Any]]


def ignore(_size: int) -> None:
    """Ignore a report of progress."""


def write(uri: str, seed: int, stopping: threading.Event, written: list[int]) -> None:
    """Write until `stopping` is set: single documents, several at once, and transactions over two collections."""
    generator = random.Random(seed)
    with MongoClient[dict[str, Any]](uri) as client:
        while not stopping.is_set():
            collection = client.db[generator.choice(COLLECTIONS)]
            number, kind = generator.randrange(200), generator.randrange(6)
            if kind < 2:
                collection.update_one({"_id": number}, {"$inc": {"n": 1}, "$set": {"text": "x" * generator.randrange(500)}}, upsert=True)
            elif kind == 2:
                collection.insert_many([{"writer": seed, "n": generator.random()} for _ in range(20)])
            elif kind == 3:
                collection.delete_many({"writer": seed, "n": {"$lt": 0.97}})
            elif kind == 4:
                collection.update_many({"_id": {"$lt": number}}, {"$push": {"list": {"$each": [number], "$slice": -5}}})
            else:
                with client.start_session() as session:
                    session.with_transaction(partial(transfer, client, number))
            written[0] += 1


def transfer(client: Client, number: int, session: Any) -> None:
    """Add a number to one collection and subtract it from another, so that the sum over both stays 0."""
    client.db.one.update_one({"_id": "sum"}, {"$inc": {"n": number}}, upsert=True, session=session)
    client.db.two.update_one({"_id": "sum"}, {"$inc": {"n": -number}}, upsert=True, session=session)


@contextmanager
def load(uri: str, seed: int) -> Iterator[list[int]]:
    """Write for as long as the block runs; yields the number of writes in a list."""
    stopping, written = threading.Event(), [0]
    threads = [threading.Thread(target=write, args=(uri, seed + n, stopping, written)) for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        yield written
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def hashes(client: Client) -> dict[str, str]:
    return dict(client.db.command("dbHash")["collections"])


def copy_of_state(client: Client, mirror: Client, stamp: Any) -> dict[str, str]:
    """Return the hashes of what a snapshot read finds at a timestamp."""
    mirror.drop_database("db")
    for name in COLLECTIONS:
        reply = client.db.command("find", name, readConcern={"level": "snapshot", "atClusterTime": stamp}, batchSize=10**6)["cursor"]
        assert not reply["id"], "one batch holds everything"
        mirror.db.create_collection(name)
        if reply["firstBatch"]:
            mirror.db[name].insert_many(reply["firstBatch"])
    return hashes(mirror)


def check_flipped_bit(archive: Path, generator: random.Random, directory: Path) -> None:
    """Flip a bit in a copy of an archive, and check that restoring the copy is refused before anything is written."""
    content = bytearray(archive.read_bytes())
    place = generator.randrange(len(content))
    content[place] ^= 1 << generator.randrange(8)
    damaged, target = directory / "damaged.tar.gz", directory / "never"
    damaged.write_bytes(content)
    with pytest.raises(CommandError) as caught:
        restore_archive(damaged, target, ignore)
    assert caught.value.code == 301
    assert [one.name for one in directory.iterdir() if "never" in one.name] == []


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_backup_has_the_state_at_its_timestamp(tmp_path: Path, number: int) -> None:
    seed = random.randrange(2**32)
    print(f"round {number}, seed {seed}")
    generator = random.Random(seed)
    archive, target = tmp_path / "a.tar.gz", tmp_path / "restored"
    with ExitStack() as stack:
        server = stack.enter_context(SecantusDBServer(port=0, storage_path=str(tmp_path / "data"), log_level="error"))
        other = stack.enter_context(SecantusDBServer(port=0, storage_path=":memory:", log_level="error"))
        client = stack.enter_context(MongoClient[dict[str, Any]](server.uri))
        mirror = stack.enter_context(MongoClient[dict[str, Any]](other.uri))
        for name in COLLECTIONS:
            client.db[name].create_index("n")
        with load(server.uri, seed) as written:
            until = generator.randrange(5, 400)
            wait_until(lambda: written[0] >= until, "too little is written", 120)
            stamp = client.admin.command("secantusAdmin.backupArchive", 1, outputPath=str(archive))["timestamp"]
        expected = copy_of_state(client, mirror, stamp)
        # The writers continued after the backup's timestamp.
        assert written[0] > until
    check_flipped_bit(archive, generator, tmp_path)
    restore_archive(archive, target, ignore)
    compare(target, expected)


def compare(restored: Path, expected: dict[str, str]) -> None:
    """Start a server on a restored directory and compare it."""
    with (
        SecantusDBServer(port=0, storage_path=str(restored), log_level="error") as server,
        MongoClient[dict[str, Any]](server.uri) as client,
    ):
        assert hashes(client) == expected
        sums = [client.db[name].find_one({"_id": "sum"}) or {"n": 0} for name in ("one", "two")]
        assert sums[0]["n"] + sums[1]["n"] == 0
        for name in COLLECTIONS:
            assert client.db.command("validate", name)["valid"]
