"""A pytest plugin that immediately appends each test's outcome to a file, so that a suite can be killed and resumed.

It runs in the driver's own environment and imports nothing from this project. The environment variable RECORD contains the path of the
file. The lines of the file are `["started", id, classname, name]`, `["outcome", id, classname, name, outcome, message, text, seconds]`
and, at the end, `["finished", code]`.

A test that the file already lists is skipped, unless the file also contains a later line `["again", id]`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_RECORD = Path(os.environ["RECORD"])


def _write(*line: object) -> None:
    with _RECORD.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Deselect the tests that an earlier run has started, according to the file, except tests that must run again."""
    lines = _RECORD.read_text(encoding="utf-8").splitlines() if _RECORD.exists() else []
    known = set()
    for line in lines:
        kind, test, *_ = json.loads(line)
        known.discard(test) if kind == "again" else known.add(test)
    items[:] = [item for item in items if item.nodeid not in known]


def pytest_runtest_logstart(nodeid: str) -> None:
    """Record that a test has started."""
    _write("started", nodeid, *_names(nodeid))


def pytest_runtest_logreport(report: Any) -> None:
    """Record the outcome of a test's body, and any failure in its setup or teardown."""
    if report.when != "call" and report.outcome == "passed":
        return
    outcome = "error" if report.when != "call" and report.outcome == "failed" else report.outcome
    text = str(report.longrepr or "")
    _write("outcome", report.nodeid, *_names(report.nodeid), outcome, _message(report), text[-4000:], report.duration)


def pytest_sessionfinish(exitstatus: int) -> None:
    """Record that all tests have run, unless the session was interrupted or failed."""
    if int(exitstatus) in (0, 1, 5):
        _write("finished", int(exitstatus))


def _names(nodeid: str) -> tuple[str, str]:
    """Return a test's class and name in the form that JUnit XML uses."""
    path, *parts = nodeid.split("::")
    return ".".join([path.removesuffix(".py").replace("/", "."), *parts[:-1]]), parts[-1]


def _message(report: Any) -> str:
    """Return a one-line reason why a test failed or was skipped."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message)[:1000]
    return str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr or "")[:1000]
