"""Execution of tests on servers, with the results in a `Run`. The commands `run`, `null`, `cases` and `selfcheck` share this module."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console

from secantus_conformance.execution.pool import Pool
from secantus_conformance.execution.servers import Server, is_bundled
from secantus_conformance.model import SECOND_RUN, Result, Run, TestCase, Verdict
from secantus_conformance.report.progress import make_display


@dataclass(frozen=True)
class Plan:
    """The plan of a run: its tests, its servers, and how to judge and report the results.

    Arguments:
        suite: describes the tests in reports.
        failures_matter: whether each failure gets a separate line.
        judge: makes the final adjustment of each result.
        retry: whether tests that fail in parallel run once more in isolation.
    """

    title: str
    suite: dict[str, str]
    cases: list[TestCase]
    servers: list[Server]
    timeout: float
    failures_matter: bool = True
    judge: Callable[[Result], Result] = lambda result: result
    retry: bool = False


def execute(plan: Plan, console: Console) -> Run:
    """Run all tests of a plan and show the progress. Return the results in the order of the tests. Raise UsageError on failure."""
    results: dict[str, Result] = {}
    pool = Pool(plan.servers, plan.timeout)
    start = time.monotonic()
    with make_display(len(plan.cases), console, plan.failures_matter) as display:

        def report(result: Result) -> None:
            new, results[result.id] = result.id not in results, plan.judge(result)
            if new:
                display.add(results[result.id])

        pool.run(plan.cases, report)
    notes = _run_again(plan, results) if plan.retry else ()
    ordered = tuple(results[case.id] for case in plan.cases)
    return Run(plan.title, plan.suite, named(pool.server, plan.servers[0]), ordered, time.monotonic() - start, notes)


def _run_again(plan: Plan, results: dict[str, Result]) -> tuple[str, ...]:
    """Run the failed tests again one at a time, each on a new server. Return notes on the tests that now pass."""
    bad = [case for case in plan.cases if results[case.id].verdict.is_bad]
    notes: list[str] = []

    def report(result: Result) -> None:
        again = plan.judge(result)
        if again.verdict is Verdict.PASSED:
            notes.append(f"{SECOND_RUN} in isolation: {result.id} (before: {results[result.id].reason})")
        results[result.id] = replace(again, seconds=results[result.id].seconds + again.seconds)

    for case in bad:
        Pool(plan.servers[:1], plan.timeout).run([case], report)
    return tuple(notes)


def named(description: dict[str, str], server: Server) -> dict[str, str]:
    """Return the description of a server, with an explicit name for the bundled server, because its replies do not identify it."""
    if not is_bundled(server):
        return description
    return {**description, "product": f"Secantus {_version()}, as MongoDB {description.get('version', '')}"}


def _version() -> str:
    try:
        return version("pytest-secantus")
    except PackageNotFoundError:
        return "(a checkout)"
