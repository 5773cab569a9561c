"""A process that is killed at a named point of a step leaves one of the states that the step may have."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from pymongo import MongoClient

from secantus_server.diagnostics.crash_points import POINTS, VARIABLE, Countdown, reach, watch
from secantus_server.server import SecantusDBServer
from tests.crash.steps import STEPS, State
from tests.integration.daemon import environment

# How many occurrences of each point are tried: the process is killed at the first one, then a new one at the second, and so on. 0, as in
# `.ci/nightly`, tries all of them.
TURNS = int(os.environ.get("SECANTUS_TEST_CRASH_POINTS", "1"))


def killed_at(path: Path, point: str, turn: int) -> int | None:
    """Run the steps until a point is reached for the `turn`-th time, where the process is killed.

    Return the number of finished steps, or None if the point is not reached so often.
    """
    command = [sys.executable, "-m", "tests.crash.steps", str(path)]
    surroundings = {**environment(), VARIABLE: f"{point}:{turn}"}
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return len(done.stdout.split()) if done.returncode else None


def state_of(path: Path) -> State:
    """Open a store, validate its collections, and return its state."""
    found: State = {}
    with SecantusDBServer(port=0, storage_path=str(path), log_level="error") as server, MongoClient(server.uri) as client:
        for name in client.steps.list_collection_names():
            report = client.steps.command("validate", name, full=True)
            assert report["valid"], report
            ids = sorted(document["_id"] for document in client.steps[name].find())
            found[name] = ids, sorted(set(client.steps[name].index_information()) - {"_id_"})
        while server.services.engine.purge_orphans(1000):
            pass
        assert not server.services.engine.has_orphans
    return found


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_each_point(tmp_path: Path, point: str) -> None:
    for turn in count(1) if TURNS == 0 else range(1, TURNS + 1):
        path = tmp_path / str(turn)
        taken = killed_at(path, point, turn)
        if taken is None:
            assert turn > 1, f"{point} is never reached"
            return
        before: State = STEPS[taken - 1][1][-1] if taken else {}
        allowed = [before, *(STEPS[taken][1] if taken < len(STEPS) else [])]
        found = state_of(path)
        assert found in allowed, f"{point}:{turn} in step {taken}: {found}"


@pytest.mark.parametrize("text", ["", "nothing", "purge:0", "purge:x", "purge:-1"])
def test_a_point_that_does_not_exist(text: str) -> None:
    with pytest.raises(ValueError, match="is not a crash point and a positive number"):
        Countdown(text)


def test_a_watcher_hears_of_each_point() -> None:
    heard: list[str] = []
    watch(heard.append)
    try:
        reach("purge")
    finally:
        watch(None)
    reach("purge")
    assert heard == ["purge"]
