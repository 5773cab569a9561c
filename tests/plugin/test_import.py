"""Loading the plugin costs next to nothing."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys, time
import pytest
started = time.perf_counter()
import pytest_secantus.plugin
elapsed = time.perf_counter() - started
heavy = {"pymongo", "bson", "secantus_server", "filelock", "yaml"} & set(sys.modules)
print(elapsed * 1e3, *heavy)
"""


def load() -> list[str]:
    """Import the plugin in a fresh interpreter; returns the milliseconds and what heavy came along."""
    return subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True).stdout.split()


def test_nothing_heavy_is_imported() -> None:
    assert load()[1:] == []


def test_a_run_that_uses_nothing_imports_nothing_heavy() -> None:
    run = "pytest.main(['--collect-only', '-q', '-p', 'pytest_secantus.plugin', '-p', 'no:cacheprovider', 'nothing_here'])"
    script = f"import pytest, sys; {run}; print('pymongo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.split()[-1] == "False"
