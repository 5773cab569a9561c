"""Drivers' suites: reading their results, and distinguishing failures of the server from those of the environment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from secantus_conformance.differences import read_differences
from secantus_conformance.drivers.base import Environmental, read_junit
from secantus_conformance.drivers.go_events import Events, write_junit_of_go
from secantus_conformance.drivers.process import call
from secantus_conformance.drivers.recorded import RecordedSuite, write_junit_of_record
from secantus_conformance.drivers.recorded import pytest_suite as suite_of_pytest
from secantus_conformance.drivers.registry import SUITES
from secantus_conformance.failures import UsageError
from secantus_conformance.model import Verdict


class Suite:
    """A suite whose tests in the module `alone` do not need a server."""

    name, version, port, auth = "fake", "1", 0, False
    environmental: Sequence[Environmental] = (
        Environmental("needs the public DNS", words="dns query"),
        Environmental("needs a secondary", test="secondary"),
    )

    def prepare(self, cache: Path, source: Path | None) -> Path:
        """Do nothing."""
        return cache

    def run(self, folder: Path, uri: str, junit: Path, timeout: float) -> None:
        """Do nothing."""

    def needs_server(self, test: str) -> bool:
        """Return whether a test needs a server."""
        return not test.startswith("alone")


JUNIT = """<testsuites><testsuite>
<testcase classname="alone" name="a" time="0.5"/>
<testcase classname="m" name="b"><failure message="1 != 2">trace</failure></testcase>
<testcase classname="m" name="c"><failure message="The DNS Query failed">trace</failure></testcase>
<testcase classname="m" name="secondary"><error message="no server">trace</error></testcase>
<testcase classname="m" name="d"><skipped message="not here"/></testcase>
<testcase classname="m" name="e"><failure message="an error">x is not there</failure></testcase>
<testcase classname="m" name="secondary_passes"/>
</testsuite></testsuites>"""


def test_results_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text(JUNIT, encoding="utf-8")
    known = tmp_path / "differences.toml"
    known.write_text('[[difference]]\nreason = "no x"\nsays = ["x is not there"]\n', encoding="utf-8")
    results = {result.id: result for result in read_junit(path, Suite(), read_differences(known))}
    assert {name: (result.verdict, result.kind) for name, result in results.items()} == {
        "alone::a": (Verdict.PASSED, ""),
        "m::b": (Verdict.FAILED, "failure"),
        "m::c": (Verdict.SKIPPED, "environment"),
        "m::secondary": (Verdict.SKIPPED, "environment"),
        "m::d": (Verdict.SKIPPED, "suite"),
        "m::e": (Verdict.KNOWN, "failure"),
        "m::secondary_passes": (Verdict.PASSED, ""),
    }
    assert results["alone::a"].category == "fake: driver only"
    assert results["m::b"].category == "fake: needs a server"


def test_no_results(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="left no readable results"):
        read_junit(tmp_path / "none.xml", Suite(), [])


def event(action: str, test: str | None = None, **more: Any) -> str:
    return json.dumps({"Action": action, "Package": "p", **({"Test": test} if test else {}), **more})


def read_go(tmp_path: Path, *runs: list[str]) -> list[tuple[str, str, str]]:
    events = Events()
    for number, run in enumerate(runs):
        assert events.take(run) is (number < len(runs) - 1)
    write_junit_of_go([events], tmp_path / "junit.xml")
    return [(result.id, result.verdict.value, result.reason) for result in read_junit(tmp_path / "junit.xml", Suite(), [])]


def test_of_nested_go_tests_the_innermost_count(tmp_path: Path) -> None:
    lines = [
        event("run", "TestA"),
        event("output", "TestA/one", Output="    x.go:1: wanted 1\n"),
        event("fail", "TestA/one", Elapsed=0.5),
        event("skip", "TestA/two"),
        event("fail", "TestA"),
        event("pass", "TestB"),
        event("fail"),
        "not json",
    ]
    assert read_go(tmp_path, lines) == [
        ("p::TestA/one", "failed", "x.go:1: wanted 1"),
        ("p::TestA/two", "skipped", ""),
        ("p::TestB", "passed", ""),
    ]


def test_a_panic_costs_one_go_test(tmp_path: Path) -> None:
    first = [
        event("run", "TestA"),
        event("run", "TestA/in (1)"),
        event("pass", "TestA/in (1)"),
        event("run", "TestA/in"),
        event("run", "TestA/in/deep"),
        event("run", "TestBeside"),
        event("output", "TestA", Output="panic: nil\n"),
        event("fail", "TestA/in/deep"),
        event("fail", "TestA/in"),
        event("fail", "TestA"),
        event("fail"),
    ]
    events = Events()
    assert events.take(first)
    assert events.pattern_of_done() == r"^TestA$/^in\ \(1\)$|^TestA$/^in$/^deep$"
    second = [event("run", "TestA"), event("run", "TestA/in"), event("pass", "TestA/in/other"), event("pass", "TestA/in")]
    second += [event("pass", "TestA"), event("pass", "TestBeside")]
    assert read_go(tmp_path, first, second) == [
        ("p::TestA/in (1)", "passed", ""),
        ("p::TestA/in/deep", "failed", "panic: nil"),
        ("p::TestA/in/other", "passed", ""),
        ("p::TestBeside", "passed", ""),
    ]


def test_a_panic_before_any_test_is_counted_and_no_end() -> None:
    events = Events()
    for number in range(2):
        assert events.take([event("run", f"Test{number}"), event("output", f"Test{number}", Output="panic: nil\n")])
        assert events.fruitless == 0
        for fruitless in (1, 2):
            assert events.take([event("output", Output="panic: no topology\n"), event("fail")])
            assert (events.fruitless, events.complaint) == (fruitless, "panic: no topology")
    assert not events.take([event("run", "TestC"), event("pass", "TestC"), event("pass")])
    assert {name: fate.action for name, fate in events.done.items()} == {"Test0": "fail", "Test1": "fail", "TestC": "pass"}


@pytest.mark.parametrize("last", [[event("output", "TestB", Output="fatal error: concurrent map writes\n")], []])
def test_a_go_process_that_ends_otherwise_costs_one_test_too(tmp_path: Path, last: list[str]) -> None:
    first = [event("run", "TestA"), event("pass", "TestA"), event("run", "TestB"), *last]
    second = [event("run", "TestC"), event("pass", "TestC"), event("pass")]
    words = "fatal error: concurrent map writes" if last else "panic: the process ended"
    assert read_go(tmp_path, first, second) == [("p::TestA", "passed", ""), ("p::TestB", "failed", words), ("p::TestC", "passed", "")]


def test_go_tests_that_did_not_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot find package"):
        read_go(tmp_path, ["cannot find package"])


@pytest.mark.parametrize(
    ("command", "timeout", "words"),
    [
        (["sh", "-c", "echo wrong; exit 3"], 10.0, "it failed: wrong"),
        (["/nowhere/at/all"], 10.0, "cannot be run"),
        (["sh", "-c", "sleep 60"], 0.2, "took longer than 0.2 seconds"),
    ],
)
def test_commands_that_fail(tmp_path: Path, command: list[str], timeout: float, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        call(command, tmp_path, timeout, "it failed")


def test_nothing_goes_on_after_an_interruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen[bytes]):
        """A process whose wait is interrupted."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

        def wait(self, timeout: float | None = None) -> int:
            """Raise an interrupt, unless the process has been killed."""
            if timeout is not None:
                raise KeyboardInterrupt
            return super().wait()

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        call(["sh", "-c", "sleep 60 & wait"], tmp_path, 10.0, None)
    assert [process.returncode for process in started] == [-signal.SIGKILL]


def test_a_command_may_fail_if_nobody_minds(tmp_path: Path) -> None:
    call(["sh", "-c", "exit 1"], tmp_path, 10.0, None)


def test_the_register_names_each_suite() -> None:
    assert {name: suite.name for name, suite in SUITES.items()} == {name: name for name in SUITES}


SUITE = """
import os, time, pytest

def test_passes(): pass
def test_fails(): assert 1 == 2, "wrong"
def test_hangs(): time.sleep(60)
def test_kills(): os._exit(3)
def test_kills_once():
    if not os.path.exists("killed"):
        open("killed", "w").close()
        os._exit(3)
@pytest.mark.skip(reason="not here")
def test_skipped(): pass
@pytest.fixture
def broken(): raise ValueError("broken")
def test_errors(broken): pass
class TestClass:
    def test_inside(self): pass
"""


def pytest_suite(folder: Path, source: str) -> RecordedSuite:
    (folder / "test_it.py").write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--rootdir", str(folder), "test_it.py"]
    return suite_of_pytest(command, folder, dict(os.environ), silence=8)


def test_a_suite_comes_to_its_end_whatever_its_tests_do(tmp_path: Path) -> None:
    pytest_suite(tmp_path, SUITE).run(tmp_path / "record.jsonl", 120)
    assert (tmp_path / "record.txt").exists(), "what pytest prints lies beside the record: two runs do not share it"
    write_junit_of_record(tmp_path / "record.jsonl", tmp_path / "junit.xml")
    results = {result.id: result for result in read_junit(tmp_path / "junit.xml", Suite(), [])}
    assert {name.removeprefix("test_it"): result.verdict.value for name, result in results.items()} == {
        "::test_passes": "passed",
        "::test_fails": "failed",
        "::test_hangs": "error",
        "::test_kills": "error",
        "::test_kills_once": "passed",
        "::test_skipped": "skipped",
        "::test_errors": "error",
        ".TestClass::test_inside": "passed",
    }
    assert "wrong" in results["test_it::test_fails"].reason
    assert "hung" in results["test_it::test_hangs"].reason
    assert results["test_it::test_skipped"].reason == "Skipped: not here"


def test_a_suite_that_cannot_begin(tmp_path: Path) -> None:
    suite = suite_of_pytest([sys.executable, "-m", "pytest", "--nonsense"], tmp_path, dict(os.environ), silence=8)
    with pytest.raises(UsageError, match="ends before all tests have run"):
        suite.run(tmp_path / "record.jsonl", 60)


def test_a_suite_that_takes_too_long(tmp_path: Path) -> None:
    suite = pytest_suite(tmp_path, "import time\ndef test_hangs(): time.sleep(60)\n")
    with pytest.raises(UsageError, match=r"timed out at (its start|test_it\.py::test_hangs)\."):
        suite.run(tmp_path / "record.jsonl", 1.5)
