"""`drivers NAME --retry`: the failed tests of a suite run once more."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from secantus_conformance.commands.suite_runs import second
from secantus_conformance.drivers.each import EachTest
from secantus_conformance.drivers.go_events import pattern
from secantus_conformance.drivers.outcomes import Outcome
from secantus_conformance.drivers.recorded import pytest_suite, write_junit_of_record
from secantus_conformance.model import Group, Result, Verdict

SUITE = """
import os
def test_passes(): open("count", "a").write("x")
def test_fails_once():
    assert os.path.exists("second")
"""


def result(name: str, verdict: Verdict, reason: str = "") -> Result:
    return Result(name, "suite", Group.SERVER, verdict, reason=reason)


def test_results_of_a_second_run() -> None:
    first = [result("a", Verdict.PASSED), result("b", Verdict.FAILED, "slow"), result("c", Verdict.FAILED), result("d", Verdict.ERROR)]
    notes = ["before"]
    merged = second(first, [result("a", Verdict.FAILED), result("b", Verdict.PASSED), result("c", Verdict.SKIPPED)], notes)
    assert [each.verdict for each in merged] == [Verdict.PASSED, Verdict.PASSED, Verdict.SKIPPED, Verdict.ERROR]
    assert notes == ["before", "Passed only on a second run: b (before: slow)"]


def test_a_recorded_suite_runs_some_tests_again(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SUITE, encoding="utf-8")
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--rootdir", str(tmp_path)]
    command = [sys.executable, "-m", "pytest", *options, "test_it.py"]
    suite, record, junit = pytest_suite(command, tmp_path, dict(os.environ), 60.0), tmp_path / "record.jsonl", tmp_path / "junit.xml"
    suite.run(record, 120)
    write_junit_of_record(record, junit)
    assert "<failure" in junit.read_text(encoding="utf-8")
    (tmp_path / "second").touch()
    suite.run(record, 120, frozenset(["test_it::test_fails_once"]))
    write_junit_of_record(record, junit)
    assert "<failure" not in junit.read_text(encoding="utf-8")
    assert (tmp_path / "count").read_text(encoding="utf-8") == "x", "the test that passed does not run again"


def test_a_process_for_each_of_some_tests(tmp_path: Path) -> None:
    def command(test: str) -> list[str]:
        return [sys.executable, "-c", "", test]

    suite = EachTest(tmp_path, os.environ, command, lambda test, _ended: Outcome("g", test, "passed"), 20.0, {"b"})
    assert [outcome.name for outcome in suite.run(["a", "b"], 60.0)] == ["b"]


def test_go_is_told_the_tests() -> None:
    assert pattern(["TestA/b.c", "TestD"]) == r"^TestA$/^b\.c$|^TestD$"
