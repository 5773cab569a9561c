"""A pytest plugin that appends the outcome of each test to the file that the environment variable OUTCOMES names.

Each outcome is written immediately, so that the outcomes of an interrupted run are kept. The plugin imports nothing from this project,
because the suite runs in a separate environment.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Append `[name, outcome, text]`. Setup and teardown are recorded only if they fail or skip."""
    if report.when != "call" and report.outcome == "passed":
        return
    expected = hasattr(report, "wasxfail")
    text = "" if report.outcome == "passed" else str(report.longrepr)[-1000:]
    with Path(os.environ["OUTCOMES"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps([report.nodeid, "passed" if expected else report.outcome, text]) + "\n")
