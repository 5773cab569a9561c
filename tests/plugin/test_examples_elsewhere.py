"""Runs of the projects under examples/ in other languages, if their tools are installed and their packages are available."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DAEMON = Path(sys.executable).with_name("secantusdb")
#: Directories that may contain a tool but are not on the PATH.
ELSEWHERE = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/go/bin"])
TIMEOUT_S = 300


def run(directory: Path, *line: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a project, so that it starts the daemon of this Python."""
    program = shutil.which(line[0], path=ELSEWHERE)
    if program is None:
        pytest.skip(f"{line[0]} is not installed")
    environment = {**os.environ, "PATH": ELSEWHERE, "SECANTUSDB": str(DAEMON), "NO_COLOR": "1"}
    command = [program, *line[1:]]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)


@pytest.mark.parametrize(
    ("name", "install", "test", "passed"),
    [
        ("vitest", ["npm", "ci"], ["npm", "test"], r"Tests +5 passed"),
        ("go", ["go", "mod", "download"], ["go", "test", "-count=1", "-v", "./..."], r"(?s)(?:--- PASS: \w+ .*){5}\nok "),
        ("java", ["mvn", "--batch-mode", "dependency:resolve"], ["mvn", "--batch-mode", "test"], r"Tests run: 6, Failures: 0, Errors: 0"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() else "",
)
def test_example(tmp_path: Path, name: str, install: list[str], test: list[str], passed: str) -> None:
    if not DAEMON.exists():
        pytest.skip("secantusdb is not installed: the tests run in the tree alone")
    project = tmp_path / name
    shutil.copytree(EXAMPLES / name, project, ignore=shutil.ignore_patterns("node_modules", "target"))
    installed = run(project, *install)
    if installed.returncode:
        pytest.skip(f"the packages of {name} cannot be had: {(installed.stderr or installed.stdout).strip()[-300:]}")
    done = run(project, *test)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(passed, done.stdout), done.stdout
