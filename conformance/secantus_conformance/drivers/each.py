"""Execution of each test of a suite in a separate process, so that a crash or a hang fails only that test."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from secantus_conformance.drivers.outcomes import Outcome
from secantus_conformance.failures import UsageError


@dataclass(frozen=True)
class Ended:
    """The way in which a test's process ended. `code` is None if it was killed because it exceeded the time limit."""

    code: int | None
    output: str
    seconds: float


@dataclass(frozen=True)
class EachTest:
    """A test suite with a program that runs a single test by name.

    Arguments:
        command: returns the command line for a test.
        judge: returns the outcome of a test, given how its process ended.
        test_timeout: the time limit of one test in seconds.
        only: the tests to run; None for all.
    """

    folder: Path
    environment: Mapping[str, str]
    command: Callable[[str], list[str]]
    judge: Callable[[str, Ended], Outcome]
    test_timeout: float
    only: Container[str] | None = None

    def run(self, tests: Sequence[str], timeout: float) -> Iterator[Outcome]:
        """Run the tests one after the other and yield their outcomes. Raise UsageError if the suite exceeds its time limit."""
        deadline = time.monotonic() + timeout
        for test in tests if self.only is None else [each for each in tests if each in self.only]:
            if time.monotonic() > deadline:
                raise UsageError(f"The suite timed out at {test}.")
            yield self.judge(test, self._run_one(test))

    def _run_one(self, test: str) -> Ended:
        start = time.monotonic()
        try:
            process = subprocess.Popen(
                self.command(test),
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise UsageError(f"The test {test} cannot be run: {error}") from error
        try:
            output, _ = process.communicate(timeout=self.test_timeout)
            code: int | None = process.returncode
        except subprocess.TimeoutExpired:
            code = process.poll()
            _end_session(process.pid)
            output, _ = process.communicate()
        finally:
            _end_session(process.pid)
        return Ended(code, output.decode(errors="replace"), time.monotonic() - start)


def _end_session(leader: int) -> None:
    """Kill all processes in a test's session.

    Child processes may outlive the test and keep its output open.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def why(ended: Ended) -> str:
    """Return a one-line reason why a test failed: the last line of its output, or the signal or time limit that ended its process."""
    if ended.code is None:
        return f"The test took longer than its time limit of {ended.seconds:.0f} seconds."
    lines = [line.strip() for line in ended.output.splitlines() if line.strip()]
    said = lines[-1] if lines else "no output"
    return f"The test's process was ended by signal {-ended.code}: {said}" if ended.code < 0 else said
