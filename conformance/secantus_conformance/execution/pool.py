"""The pool that assigns tests to workers. It enforces each test's timeout, and replaces a worker or server that hangs or dies."""

from __future__ import annotations

import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from secantus_conformance.execution.judge import ended_early
from secantus_conformance.execution.servers import Server
from secantus_conformance.execution.worker import serve
from secantus_conformance.failures import UsageError
from secantus_conformance.model import Result, TestCase, Verdict

# The time that a starting worker may take to examine its server.
_START_SECONDS = 60.0
_JOB_SIZE = 40
# The interval for checking the timeout and the server of a silent worker.
_LOOK_SECONDS = 0.25
Report = Callable[[Result], None]


class _Slot:
    """A place in the pool: one worker with its server and the tests assigned to it."""

    def __init__(self, server: Server, timeout: float) -> None:
        self.server, self.timeout = server, timeout
        self.cases: list[TestCase] = []
        self.current: TestCase | None = None
        self.before: Result | None = None
        self.deadline = 0.0
        self.started = 0.0
        self.uri = server.start()
        self._start_worker()

    def _start_worker(self) -> None:
        ours, theirs = _CONTEXT.Pipe()
        self.connection: Connection = ours
        self.process: BaseProcess = _CONTEXT.Process(target=serve, args=(theirs, self.uri), daemon=True)
        self.process.start()
        theirs.close()
        self.current = None
        self.deadline = time.monotonic() + _START_SECONDS

    def give(self, cases: list[TestCase]) -> None:
        """Assign tests to the worker."""
        self.cases = cases
        self.connection.send(cases)
        self.deadline = time.monotonic() + _START_SECONDS

    def begin(self, index: int) -> None:
        """Record that the worker has started a test, and start the test's timeout."""
        self.current = self.cases[index]
        self.started = time.monotonic()
        self.deadline = self.started + self.timeout

    def rest(self) -> list[TestCase]:
        """Return the assigned tests that the worker has not started."""
        return self.cases[self.cases.index(self.current) + 1 :] if self.current is not None else self.cases

    def replace(self, new_server: bool) -> None:
        """Kill the worker and start a new one. If `new_server` is true, also start a new server."""
        self.end()
        if new_server:
            self.uri = self.server.start()
        self._start_worker()

    def end(self) -> None:
        """Kill the worker."""
        self.process.kill()
        self.process.join()
        self.connection.close()


_CONTEXT: Any = multiprocessing.get_context("spawn")


class Pool:
    """A pool of workers that run tests.

    `timeout` is the time limit of one test in seconds. When it is exceeded, the worker is killed.
    """

    def __init__(self, servers: list[Server], timeout: float) -> None:
        self._servers, self._timeout = servers, timeout
        self.server: dict[str, str] = {}
        # Tests that found their server dead, each with the result of the test before it. Each is run again, to find out which of the two
        # tests killed the server.
        self._suspects: dict[str, Result | None] = {}

    def run(self, cases: list[TestCase], report: Report) -> None:
        """Run all tests and report each result as it arrives. If a test later turns out to have killed the server, report it a second
        time.

        Raise UsageError if a server cannot be reached at the start.
        """
        jobs = deque(_jobs(cases))
        slots: list[_Slot] = []
        try:
            for server in self._servers[: max(1, len(jobs))]:
                slots.append(_Slot(server, self._timeout))
            self._loop(slots, jobs, report, len(cases))
        finally:
            for slot in slots:
                slot.end()
            for server in self._servers:
                server.stop()

    def _loop(self, slots: list[_Slot], jobs: deque[list[TestCase]], report: Report, left: int) -> None:
        while left:
            ready = wait([slot.connection for slot in slots], _LOOK_SECONDS)
            for slot in slots:
                if slot.connection in ready:
                    left -= self._receive(slot, jobs, report)
                elif slot.current is not None and slot.server.exit_reason() is not None:
                    left -= self._give_up(slot, jobs, report, Verdict.FAILED, "server-died", "The server did not survive this test.")
                elif time.monotonic() > slot.deadline:
                    left -= self._give_up(slot, jobs, report, Verdict.TIMEOUT, "timeout", f"The test took longer than {self._timeout:g} s.")

    def _receive(self, slot: _Slot, jobs: deque[list[TestCase]], report: Report) -> int:
        """Handle one message from a worker. Return the number of results in the message."""
        try:
            message = slot.connection.recv()
        except (EOFError, ConnectionResetError):
            return self._give_up(slot, jobs, report, Verdict.ERROR, "worker", "The worker died.")
        if message[0] == "unreachable":
            raise UsageError(message[1])
        if message[0] == "ready":
            self.server = message[1]
        elif message[0] == "started":
            slot.begin(message[1])
        elif message[0] == "result":
            return self._finish(slot, message[2], jobs, report)
        else:
            self._next(slot, jobs)
        return 0

    def _finish(self, slot: _Slot, result: Result, jobs: deque[list[TestCase]], report: Report) -> int:
        died = slot.server.exit_reason() if result.verdict.is_bad else None
        if died is None:
            slot.before = result
            report(result)
            self._blame(result, report)
            return 1
        return self._give_up(slot, jobs, report, Verdict.FAILED, "server-died", f"During this test {died}; {result.reason}")

    def _blame(self, result: Result, report: Report) -> None:
        """If a test failed because the server was dead, but passes on a new server, report that the previous test killed the server."""
        guilty = self._suspects.pop(result.id, None)
        if guilty is not None:
            reason = "The server exited after this test, before the next one."
            report(replace(guilty, verdict=Verdict.FAILED, kind="server-died", reason=reason))

    def _next(self, slot: _Slot, jobs: deque[list[TestCase]]) -> None:
        slot.current, slot.cases = None, []
        if jobs:
            slot.give(jobs.popleft())
        else:
            slot.deadline = float("inf")

    def _give_up(self, slot: _Slot, jobs: deque[list[TestCase]], report: Report, verdict: Verdict, kind: str, reason: str) -> int:
        """Report that the current test ended early, and put the remaining tests of its batch back into the queue.

        Return the number of results.
        """
        case, rest = slot.current, slot.rest()
        if case is None and not rest:
            raise UsageError(f"A worker could not start against {slot.uri}: {slot.server.exit_reason() or reason}")
        if case is None:
            case, rest = rest[0], rest[1:]
        died = slot.server.exit_reason()
        if kind == "server-died" and case.id not in self._suspects:
            self._suspects[case.id] = slot.before
            return self._start_again(slot, jobs, [case, *rest], 0)
        report(
            ended_early(
                case,
                verdict,
                kind,
                f"{reason} {died[0].upper()}{died[1:]}." if died and died not in reason else reason,
                time.monotonic() - slot.started,
            )
        )
        return self._start_again(slot, jobs, rest, 1)

    def _start_again(self, slot: _Slot, jobs: deque[list[TestCase]], rest: list[TestCase], results: int) -> int:
        """Start a new worker and server, and requeue the remaining tests. Return the number of results."""
        if rest:
            jobs.appendleft(rest)
        slot.cases, slot.before = [], None
        slot.replace(new_server=True)
        return results


def _jobs(cases: list[TestCase]) -> Iterator[list[TestCase]]:
    """Yield the tests in batches. All tests of a file are in one batch, so that a worker reads the file only once."""
    job: list[TestCase] = []
    for case in cases:
        if job and (job[-1].file != case.file or len(job) >= _JOB_SIZE):
            yield job
            job = []
        job.append(case)
    if job:
        yield job
