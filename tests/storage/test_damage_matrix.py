"""A slice of the matrix of damaged stores; `.ci/nightly` tries all of it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.integration.daemon import environment

SAMPLE = os.environ.get("SECANTUS_TEST_DAMAGES", "12")


def test_a_damaged_store_is_whole_or_refused(capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "tests.storage.damage_matrix", "--sample", SAMPLE]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    with capsys.disabled():
        print(f"\n  {(done.stdout.splitlines() or [''])[-1]}")
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert f": {SAMPLE} damages" in done.stdout
