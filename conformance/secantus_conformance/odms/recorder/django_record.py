"""A Django test runner that appends each test's outcome to the file in the variable RECORD, like `pytest_record` for pytest."""

from __future__ import annotations

import json
import os
import time
import unittest
from pathlib import Path
from typing import Any

from django.test.runner import DiscoverRunner


class Record(unittest.TextTestResult):
    """A test result that writes `["outcome", id, classname, name, outcome, message, text, seconds]` for each test and each failed
    subtest.
    """

    def startTest(self, test: Any) -> None:
        """Record the start time."""
        super().startTest(test)
        self._started = time.monotonic()

    def addSuccess(self, test: Any) -> None:
        """Record a test that passed."""
        super().addSuccess(test)
        self._write(test, "passed")

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        """Record a test that failed as its authors expect. It counts as skipped."""
        super().addExpectedFailure(test, err)
        self._write(test, "skipped", "expected to fail")

    def addUnexpectedSuccess(self, test: Any) -> None:
        """Record a test that passed although its authors expect it to fail."""
        super().addUnexpectedSuccess(test)
        self._write(test, "failed", "passes, but is expected to fail")

    def addSkip(self, test: Any, reason: str) -> None:
        """Record a skipped test."""
        super().addSkip(test, reason)
        self._write(test, "skipped", reason)

    def addFailure(self, test: Any, err: Any) -> None:
        """Record a failed test."""
        super().addFailure(test, err)
        self._write(test, "failed", str(err[1]), self.failures[-1][1])

    def addError(self, test: Any, err: Any) -> None:
        """Record a test that raised an unexpected error."""
        super().addError(test, err)
        self._write(test, "error", f"{err[0].__name__}: {err[1]}", self.errors[-1][1])

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        """Record a failed subtest as a failure of its test."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._write(test, "failed", f"{subtest}: {err[1]}")

    def _write(self, test: Any, outcome: str, message: str = "", text: str = "") -> None:
        classname, _, name = test.id().rpartition(".")
        seconds = time.monotonic() - getattr(self, "_started", time.monotonic())
        _append("outcome", test.id(), classname, name, outcome, message.strip()[:1000], text[-4000:], seconds)


class Runner(DiscoverRunner):  # type: ignore[misc]
    """Django's test runner, with the test result that records outcomes."""

    def get_resultclass(self) -> type[Record]:
        """Return the class of the test result."""
        return Record

    def run_suite(self, suite: Any, **options: Any) -> Any:
        """Run the tests, then record that all tests have run."""
        result = super().run_suite(suite, **options)
        _append("finished", 0)
        return result


def _append(*line: object) -> None:
    with Path(os.environ["RECORD"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
