"""The n-th sync of the daemon fails, and later ones succeed: it refuses or stops, and acknowledges no write that is not on disk."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

import pytest
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from tests.integration.daemon import Daemon, environment
from tests.power.file_system import compiled

# The calls that fail; `.ci/nightly` tries all until none fails.
CALLS = [int(number) for number in os.environ.get("SECANTUS_TEST_FAILING_SYNCS", "3,14").split(",")]
WRITES = 12


def written(daemon: Daemon, mark: Path) -> tuple[int, int]:
    """Insert documents with `j: true`; return how many were acknowledged in all, and how many of them after the failure."""
    acknowledged = late = 0
    with daemon.client(retryWrites=False, serverSelectionTimeoutMS=2000) as client:
        collection = client.d.c.with_options(write_concern=WriteConcern(w=1, j=True))
        for number in range(WRITES):
            had_failed = "sync failed" in mark.read_text(encoding="utf-8")
            try:
                collection.insert_one({"_id": number})
            except PyMongoError:
                continue
            acknowledged += 1
            late += had_failed
    return acknowledged, late


@pytest.mark.parametrize("call", CALLS)
def test_a_failed_sync_is_never_acknowledged(tmp_path: Path, call: int) -> None:
    for turn in count(1) if call == 0 else [call]:
        store, mark = tmp_path / f"store{turn}", tmp_path / f"stderr{turn}"
        surroundings = {**environment(), "LD_PRELOAD": str(compiled("failing_sync.c")), "SECANTUS_FAIL_SYNC": str(turn)}
        acknowledged = late = 0
        with mark.open("w") as stderr:
            try:
                daemon = Daemon(store, stderr=stderr, env=surroundings)
            except AssertionError:
                assert "secantusdb: " in mark.read_text(encoding="utf-8"), "no sentence"
            else:
                acknowledged, late = written(daemon, mark)
                daemon.process.terminate()
                daemon.process.wait(60)
        complaint = mark.read_text(encoding="utf-8")
        assert "Fatal Python error" not in complaint
        assert late == 0, f"call {turn}: {late} writes were acknowledged after the failure"
        again = Daemon(store)
        with again.client() as client:
            assert client.d.c.count_documents({}) >= acknowledged
        again.kill()
        if call == 0 and "sync failed" not in complaint:
            return
