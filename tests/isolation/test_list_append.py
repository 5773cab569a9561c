"""Transactions on lists, as clients see them, are snapshot isolation: no more, no less."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import pytest

from tests.crash.test_kill import start
from tests.isolation.adya import NoChecker, checker
from tests.isolation.list_append import judge, run

TRANSACTIONS = 3000


def test_histories_are_snapshot_isolation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        checker()
    except NoChecker as error:
        pytest.skip(str(error))
    seed = random.SystemRandom().randrange(1 << 32)
    history = run(partial(start, tmp_path / "data"), TRANSACTIONS, seed)
    with capsys.disabled():
        print(f"\n  list-append: {history.outcomes} (seed {seed})")
    judge(history, tmp_path / "history.jsonl", seed)
    assert history.outcomes["ok"] > TRANSACTIONS // 4
