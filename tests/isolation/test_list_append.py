"""Tests that transactions on lists satisfy snapshot isolation and no stronger model, and that servers with injected faults are detected."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import pytest

from tests.crash.test_kill import start
from tests.integration.daemon import Daemon
from tests.isolation.adya import SNAPSHOT_ISOLATION, NoChecker, check, checker
from tests.isolation.list_append import judge, run
from tests.isolation.mutants import MUTANTS

TRANSACTIONS = 3000
ENOUGH_FOR_A_MUTANT = 1000


@pytest.fixture(scope="module", autouse=True)
def _checker() -> None:
    try:
        checker()
    except NoChecker as error:
        pytest.skip(str(error))


@pytest.fixture
def seed(capsys: pytest.CaptureFixture[str]) -> int:
    number = random.SystemRandom().randrange(1 << 32)
    with capsys.disabled():
        print(f"\n  seed {number}")
    return number


def test_histories_are_snapshot_isolation(tmp_path: Path, seed: int) -> None:
    history = run(partial(start, tmp_path / "data"), TRANSACTIONS, seed)
    judge(history, tmp_path / "history.jsonl", seed)
    assert history.outcomes["ok"] > TRANSACTIONS // 4


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_caught(tmp_path: Path, seed: int, mutant: str) -> None:
    program = ("-m", "tests.isolation.mutants", mutant)
    history = run(lambda: Daemon(":memory:", program=program), ENOUGH_FOR_A_MUTANT, seed, restarts=0)
    found = check(history.write(tmp_path / "history.jsonl"), SNAPSHOT_ISOLATION).anomalies
    print(sorted(found))
    assert found, f"seed {seed}: {mutant} is not caught"
