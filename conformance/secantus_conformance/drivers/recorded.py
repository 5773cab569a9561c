"""Execution of a suite to completion, even if tests hang or crash it. A test that was running at that time is tried once more, then
recorded as failed.

A small plugin for the suite's test framework, in `recorder/`, appends each outcome to a file and skips the tests that the file already
lists.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from secantus_conformance.drivers.outcomes import Outcome, printable, write_junit
from secantus_conformance.drivers.process import end_group
from secantus_conformance.failures import UsageError

RECORDERS = Path(__file__).parent / "recorder"
_LOOK_SECONDS = 0.5


@dataclass
class RecordedSuite:
    """A command that runs a test suite with a recorder. `silence` is the maximum time in seconds between two finished tests."""

    command: list[str]
    folder: Path
    environment: Mapping[str, str]
    silence: float

    def run(self, record: Path, timeout: float, again: Container[str] | None = None) -> None:
        """Run all tests, in as many processes as necessary, and append each outcome to `record`.

        Raise UsageError if the suite exceeds its time limit, or ends without running a test.

        Arguments:
            again: the tests, as "classname::name", to run again after an earlier run has written `record`; None for a first run.
        """
        _forget(record, again) if again is not None else record.write_text("", encoding="utf-8")
        deadline = time.monotonic() + timeout
        before = 0
        while not self._run_once(record, deadline):
            lines = _lines(record)
            if len(lines) == before:
                raise UsageError(f"The suite ends before all tests have run: {self._last_line(record)}")
            before = len(lines)
            if lines[-1][0] == "started":
                _give_up(record, lines)

    def _run_once(self, record: Path, deadline: float) -> bool:
        """Run the remaining tests. Return whether the recorder reports that all tests are done."""
        environment = {**self.environment, "RECORD": str(record)}
        with _output(record).open("wb") as output:
            process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                self._watch(process, record, deadline)
            finally:
                end_group(process)
        if time.monotonic() > deadline:
            raise UsageError(f"The suite timed out at {_last_test(record)}.")
        lines = _lines(record)
        return bool(lines) and lines[-1][0] == "finished"

    def _watch(self, process: subprocess.Popen[bytes], record: Path, deadline: float) -> None:
        """Wait until the process ends, exceeds `silence`, or exceeds the suite's time limit."""
        while process.poll() is None and time.monotonic() <= deadline:
            if time.time() - record.stat().st_mtime > self.silence:
                return
            time.sleep(_LOOK_SECONDS)

    def _last_line(self, record: Path) -> str:
        lines = _output(record).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "no output"


def pytest_suite(command: list[str], folder: Path, environment: Mapping[str, str], silence: float) -> RecordedSuite:
    """Return a recorded suite whose tests a pytest command runs."""
    path = f"{RECORDERS}{os.pathsep}{environment.get('PYTHONPATH', '')}"
    return RecordedSuite([*command, "-p", "pytest_record"], folder, {**environment, "PYTHONPATH": path}, silence)


def _output(record: Path) -> Path:
    """Return the path of the file for the suite's output. It is next to the record, so that two runs of a suite use different files."""
    return record.with_suffix(".txt")


def _last_test(record: Path) -> str:
    started = [str(line[1]) for line in _lines(record) if line[0] == "started"]
    return started[-1] if started else "its start"


def _lines(record: Path) -> list[list[object]]:
    return [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]


def _give_up(record: Path, lines: list[list[object]]) -> None:
    """Record that the last started test did not finish. The first time, allow it to run again, because another test may be at fault."""
    _, test, classname, name = lines[-1]
    if ["again", test] not in lines:
        with record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(["again", test]) + "\n")
        return
    line = ["outcome", test, classname, name, "error", "The test hung or killed its process.", "", 0.0]
    with record.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _forget(record: Path, tests: Container[str]) -> None:
    """Remove the outcomes of some tests and the end marks from a record, so that the next run repeats these tests."""
    kept = [line for line in _lines(record) if line[0] != "finished"]
    gone = {line[1] for line in kept if line[0] == "outcome" and f"{printable(str(line[2]))}::{printable(str(line[3]))}" in tests}
    record.write_text("".join(json.dumps(line) + "\n" for line in kept if line[1] not in gone), encoding="utf-8")


def write_junit_of_record(record: Path, junit: Path) -> None:
    """Write a record as JUnit XML. If a test has several outcomes, use the worst one."""
    worst: dict[str, list[str]] = {}
    order = ["passed", "skipped", "failed", "error"]
    for kind, test, *rest in _lines(record):
        said = [str(part) for part in rest]
        if kind == "outcome" and (str(test) not in worst or order.index(said[2]) > order.index(worst[str(test)][2])):
            worst[str(test)] = said
    outcomes = (
        Outcome(group, name, verdict, reason, output, float(taken)) for group, name, verdict, reason, output, taken in worst.values()
    )
    write_junit(outcomes, junit)
