"""Running pytest on a generated project, in this process or in another."""

from __future__ import annotations

import os
from importlib.metadata import entry_points
from textwrap import dedent

import pymongo  # noqa: F401  (what is imported before an inline run is not imported again in each)
import pytest
import trustme  # noqa: F401  (the compiled part of cryptography works with the first import of its Python part only)

import pytest_secantus.seeds  # noqa: F401
import secantus_server.server  # noqa: F401

INSTALLED = any(point.name == "secantus" for point in entry_points(group="pytest11"))
#: Arguments that load the plugin if the package is not installed.
LOAD = () if INSTALLED else ("-p", "pytest_secantus.plugin")
#: SECANTUS_TEST_PROCESS=yes runs each project's server in a child process.
PROCESS = ("--secantus-process", os.environ.get("SECANTUS_TEST_PROCESS", "auto"))
#: SECANTUS_TEST_TRANSPORT=tcp makes the clients of each project use sockets.
TRANSPORT = ("-o", f"secantus_transport={os.environ.get('SECANTUS_TEST_TRANSPORT', '')}")


class Project:
    """A project in a temporary directory."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester

    def write(self, **files: str) -> None:
        """Write Python files; names are given without the suffix."""
        for name, text in files.items():
            path = self.pytester.path / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))

    def ini(self, *lines: str) -> None:
        """Write pytest.ini."""
        (self.pytester.path / "pytest.ini").write_text("\n".join(["[pytest]", *lines]))

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run in this process, without plugins that only other tests need."""
        return self.pytester.runpytest_inprocess(*LOAD, *PROCESS, *TRANSPORT, "-p", "no:cacheprovider", "-p", "no:asyncio", *arguments)

    def run_apart(self, *arguments: str) -> pytest.RunResult:
        """Run in a child process."""
        return self.pytester.runpytest_subprocess(*LOAD, *PROCESS, *TRANSPORT, "-p", "no:cacheprovider", *arguments, timeout=60)

    def passes(self, *arguments: str, passed: int) -> pytest.RunResult:
        """Run in this process; check that `passed` tests pass and there is no other outcome."""
        result = self.run(*arguments)
        result.assert_outcomes(passed=passed)
        return result
