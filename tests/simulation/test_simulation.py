"""Tests that run simulations with a few seeds. ``python -m tests.simulation`` runs any number of them.

Each simulation runs in a separate process, in which the server's threads are tasks of the simulation.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.integration.daemon import environment

pytest.importorskip("greenlet")

SEEDS = int(os.environ.get("SECANTUS_SIMULATION_SEEDS", "20"))
#: A sample of the mutants, each of which the first seeds find. The nightly run tries all mutants.
MUTANTS = ("snapshot_per_statement", "forget_retried", "follow_the_wall_clock")
OF_THE_NIGHT = ("no_conflict_check", "commit_in_two_parts", "keep_readers_waiting", "expire_early")
MUTANT_SEEDS = 20


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run simulations in a separate process, and return the finished process."""
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)


def test_the_invariants_hold() -> None:
    done = simulate("--seeds", str(SEEDS))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_seed_has_one_history() -> None:
    done = simulate("--seeds", "3", "--twice", "--verbose")
    assert done.returncode == 0, done.stdout + done.stderr
    again = simulate("--seeds", "3", "--verbose")
    histories = [re.findall(r"^(\d+ [0-9a-f]{16}) ", one.stdout, re.MULTILINE) for one in (done, again)]
    assert len(set(histories[0])) == 3
    assert histories[0] == histories[1], "another process has another history"


@pytest.mark.parametrize("mutant", MUTANTS + (OF_THE_NIGHT if SEEDS > 20 else ()))
def test_a_mutant_is_caught(mutant: str) -> None:
    done = simulate("--seeds", str(MUTANT_SEEDS), "--rounds", "25", "--stop", "--mutant", mutant)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "AssertionError" in done.stderr or "Stuck" in done.stderr, done.stderr
