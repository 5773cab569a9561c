"""The daemon is killed repeatedly under a write load on one directory, and loses no acknowledged write."""

from __future__ import annotations

import os
import random
import statistics
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.crash.load import IDS_PER_WRITER, Document, Writer, differences
from tests.integration.daemon import Daemon

ROUNDS = int(os.environ.get("SECANTUS_TEST_KILLS", "8"))
WRITERS = 5
INDEXES: list[dict[str, Any]] = [
    {"key": {"unique": 1}, "name": "unique_1", "unique": True},
    {"key": {"tags": 1, "n": -1}, "name": "tags_1_n_-1"},
]


class Counter:
    """A counter of acknowledged statements. `reached` is set when it has counted `enough` of them."""

    def __init__(self, enough: int) -> None:
        self._lock = threading.Lock()
        self._left = enough
        self.reached = threading.Event()

    def tell(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self.reached.set()


def start(directory: Path) -> Daemon:
    return Daemon(directory, "--checkpoint-interval-s", "1", "--cache-size-mb", "64")


def documents_of(daemon: Daemon) -> dict[int, dict[int, Document]]:
    """Return the documents by writer and `_id`, after checking that the indexes agree with the records."""
    with daemon.client() as client:
        collection = client.crash.documents
        found = list(collection.find().hint([("$natural", 1)]))
        for index in ({"_id": 1}, *(index["key"] for index in INDEXES)):
            by_index = list(collection.find(sort=list(index.items())).hint(list(index.items())))
            assert sorted(document["_id"] for document in by_index) == sorted(document["_id"] for document in found), index
        assert client.crash.command("count", "documents")["n"] == len(found)
        report = client.crash.command("validate", "documents", full=True)
        assert report["valid"], report
        assert report["nrecords"] == len(found)
    by_writer: dict[int, dict[int, Document]] = defaultdict(dict)
    for document in found:
        by_writer[document["_id"] // IDS_PER_WRITER][document["_id"]] = document
    return by_writer


def test_acknowledged_writes_survive_kill_9(tmp_path: Path, record_property: Any, capsys: pytest.CaptureFixture[str]) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)
    writers = [Writer(number, chance.random()) for number in range(WRITERS)]
    daemon = start(tmp_path / "data")
    with daemon.client() as client:
        client.crash.command("createIndexes", "documents", indexes=INDEXES)
    restarts: list[float] = []
    lost: list[str] = []
    for _ in range(ROUNDS):
        counter = Counter(chance.randrange(30, 250))
        for writer in writers:
            writer.start(daemon.uri, counter.tell)
        assert counter.reached.wait(30)
        daemon.kill()
        for writer in writers:
            writer.join()
        before = time.monotonic()
        daemon = start(tmp_path / "data")
        restarts.append(time.monotonic() - before)
        found = documents_of(daemon)
        lost += [text for number, writer in enumerate(writers) for text in differences(writer, found[number])]
    daemon.kill()
    acknowledged = sum(writer.acknowledged for writer in writers)
    start_time = statistics.median(restarts)
    figures = f"{ROUNDS} kills, {acknowledged} acknowledged statements, {len(lost)} lost, a start takes {start_time:.2f} s (seed {seed})"
    record_property("figures", figures)
    with capsys.disabled():
        print(f"\n  kill -9: {figures}")
    assert not lost, lost[:5]
    assert start_time < 10
