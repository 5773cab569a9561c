"""Loading the plugin is cheap."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
import pytest
before = set(sys.modules)
import pytest_secantus.plugin
print(*sorted(set(sys.modules) - before))
"""


def test_the_plugin_imports_a_few_modules_of_its_own_and_nothing_else() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True)
    names = "command_watch errors fixtures guard isolation item_hooks late_fixtures options plain_imports plugin shadowing truths worker"
    assert done.stdout.split() == ["pytest_secantus", *(f"pytest_secantus.{name}" for name in names.split())]


def test_a_run_that_uses_nothing_imports_nothing_heavy() -> None:
    run = "pytest.main(['--collect-only', '-q', '-p', 'pytest_secantus.plugin', '-p', 'no:cacheprovider', 'nothing_here'])"
    script = f"import pytest, sys; {run}; print('pymongo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.split()[-1] == "False"
