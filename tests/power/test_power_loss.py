"""Tests that the store survives power losses: no acknowledged durable write is lost, and any other write is present completely or not at
all.

See docs/disaster-recovery.md.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.power.losses import lose_power

LOSSES = int(os.environ.get("SECANTUS_TEST_POWER_LOSSES", "20"))


def test_power_losses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    figures = lose_power(LOSSES, seed, tmp_path)
    with capsys.disabled():
        print(f"\n  power: seed {seed}: {figures}")
    assert figures.losses == LOSSES
    assert not figures.problems, figures.problems[:3]
