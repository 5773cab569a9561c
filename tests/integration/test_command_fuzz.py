"""Thousands of random, mostly plausible commands. Each gets a timely and valid reply, and no rule of `fuzz_rules` is violated.

`SECANTUS_FUZZ_COMMANDS` is the number of commands, and `SECANTUS_FUZZ_SEED` the seed of the first round. Each problem is printed with the
seed of the round that found it, with which the run can be started again.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from typing import Any

import pytest

from tests.integration.daemon import running
from tests.integration.fuzz_round import Round
from tests.integration.fuzz_session import Session

COMMANDS = 9_000
COMMANDS_OF_A_ROUND = 600


def test_commands_of_every_kind(record_property: Any, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("SECANTUS_FUZZ_SEED") or random.SystemRandom().randrange(1 << 32))
    commands = int(os.environ.get("SECANTUS_FUZZ_COMMANDS") or COMMANDS)
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as log, running(":memory:", stderr=log) as daemon:
        session = Session(daemon)
        number = seed
        while session.answers.total() < commands:
            Round(session, number).run(COMMANDS_OF_A_ROUND)
            number += 1
        session.close()
        figures = (
            f"{session.answers.total()} commands in {time.monotonic() - started:.0f} s: {dict(session.answers)}; "
            f"the slowest took {session.slowest:.2f} s (seeds {seed} to {number - 1})"
        )
        code, _ = daemon.stop()
        log.seek(0)
        tracebacks = log.read().count("Traceback")
    record_property("figures", figures)
    with capsys.disabled():
        print(f"\n  command fuzz: {figures}")
    assert not session.wrong, "\n".join(line[:3000] for line in session.wrong.values())
    assert code == 0
    assert not tracebacks
