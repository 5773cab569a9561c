"""Tests in which the n-th sync, read, write, extension, name or allocation call fails: no acknowledged write is lost, and nothing hangs
or leaks.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.integration.daemon import environment
from tests.power.failing_calls import KINDS, SOURCE
from tests.power.file_system import compiled

# The number of failing calls of each kind to try. `.ci/nightly` tries all.
SAMPLE = os.environ.get("SECANTUS_TEST_FAILING_CALLS", "2")


def test_a_call_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    compiled(SOURCE)
    command = [sys.executable, "-m", "tests.power.failures", "--sample", SAMPLE]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    with capsys.disabled():
        print(f"\n  {(done.stdout.splitlines() or [''])[-1]}")
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert f"{int(SAMPLE) * len(KINDS)} calls failed" in done.stdout
