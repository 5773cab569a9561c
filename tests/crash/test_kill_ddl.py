"""The daemon is killed while it builds indexes and drops, renames and replaces collections. Each change is complete or absent."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import PyMongoError

from tests.crash.test_kill import start
from tests.integration.daemon import Daemon

ROUNDS = int(os.environ.get("SECANTUS_TEST_KILLS", "8"))
COUNT = 4000
FIELDS = ("a", "b", "c")


class Script:
    """A client that changes the catalog without pauses until the server dies, and records the catalog that must be found then.

    Attributes:
        indexes: the indexed fields of the collection `kept`, whose documents never change.
        whole: the names of the other collections. Each is a complete copy of `kept`.

    Threads: only the script's thread uses the attributes until `join` has returned.
    """

    def __init__(self, seed: int) -> None:
        self.indexes: set[str] = set()
        self.whole: set[str] = set()
        self.under_way = ""
        self.acknowledged = 0
        self._random = random.Random(seed)
        self._threads: list[threading.Thread] = []

    def start(self, daemon: Daemon) -> None:
        """Start changing the catalog, and start a second thread that writes checkpoints."""
        self._threads = [threading.Thread(target=run, args=(daemon,)) for run in (self._change, self._write_checkpoints)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until both threads have noticed that the server was killed."""
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()

    def _change(self, daemon: Daemon) -> None:
        with daemon.client(retryWrites=False) as client:
            try:
                while True:
                    self._step(client.crash)
                    self.under_way = ""
                    self.acknowledged += 1
            except PyMongoError:
                return

    def _write_checkpoints(self, daemon: Daemon) -> None:
        with daemon.client() as client:
            try:
                while True:
                    client.admin.command("fsync")
            except PyMongoError:
                return

    def _step(self, database: Any) -> None:
        field, target = self._random.choice(FIELDS), self._random.choice(["copy", "moved"])
        self.under_way = self._random.choice(["index", "index", "out", "drop", "rename"])
        if self.under_way == "index" and field in self.indexes:
            self.under_way += field
            database.kept.drop_index([(field, 1)])
            self.indexes.discard(field)
        elif self.under_way == "index":
            self.under_way += field
            database.kept.create_index(field)
            self.indexes.add(field)
        elif self.under_way == "out":
            database.kept.aggregate([{"$out": target}])
            self.whole.add(target)
        elif self.under_way == "drop":
            database[target].drop()
            self.whole.discard(target)
        elif "copy" in self.whole:
            database.copy.rename("moved", dropTarget=True)
            self.whole = {"moved"}


def mistakes(database: Any, script: Script) -> list[str]:
    """Compare the catalog after a restart with the script's record, and return the differences.

    From then on, the script's record is the catalog that was found.
    """
    wrong = []
    names = set(database.list_collection_names())
    indexes = {field for index in database.kept.list_indexes() for field in index["key"]} - {"_id"}
    if len(indexes ^ script.indexes) > 1 or not all(script.under_way == f"index{field}" for field in indexes ^ script.indexes):
        wrong.append(f"indexes {indexes}, known were {script.indexes}, under way {script.under_way!r}")
    if names - {"kept"} != script.whole and script.under_way not in ("out", "drop", "rename"):
        wrong.append(f"collections {names}, known were {script.whole}, under way {script.under_way!r}")
    for name in sorted(names):
        report = database.command("validate", name, full=True)
        if not report["valid"] or report["nrecords"] != COUNT:
            wrong.append(f"{name}: {report['nrecords']} documents, {report['errors']}")
    for field in sorted(indexes):
        found = [document["_id"] for document in database.kept.find({field: {"$gte": 0}}).hint([(field, 1)])]
        if sorted(found) != list(range(COUNT)):
            wrong.append(f"the index on {field} finds {len(found)}")
    script.indexes, script.whole, script.under_way = indexes, names - {"kept"}, ""
    return wrong


def test_the_catalog_survives_kill_9(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)
    script = Script(seed)
    daemon = start(tmp_path / "data")
    with daemon.client() as client:
        client.crash.kept.insert_many([{"_id": n, "a": n % 10, "b": [n, -n], "c": n * 2, "text": "x" * 50} for n in range(COUNT)])
    wrong: list[str] = []
    for number in range(ROUNDS):
        script.start(daemon)
        threading.Event().wait(chance.uniform(0.05, 0.5))
        daemon.kill()
        script.join()
        killed_in = script.under_way
        daemon = start(tmp_path / "data")
        with daemon.client() as client:
            wrong += [f"round {number}, killed in {killed_in!r}: {mistake}" for mistake in mistakes(client.crash, script)]
    daemon.kill()
    with capsys.disabled():
        print(f"\n  kill -9: {ROUNDS} kills, {script.acknowledged} changes of the catalog, {len(wrong)} mistakes (seed {seed})")
    assert not wrong, wrong[:5]
