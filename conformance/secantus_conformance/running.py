"""Runs tests on servers and makes a `Run` of them: what `run`, `null`, `cases` and the self-check have in common."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console

from secantus_conformance.execution.pool import Pool
from secantus_conformance.execution.servers import Server, is_bundled
from secantus_conformance.model import Result, Run, TestCase
from secantus_conformance.report.progress import make_display


@dataclass(frozen=True)
class Plan:
    """What to run against what. `suite` describes the tests in reports; failures that do not matter get no line of their own."""

    title: str
    suite: dict[str, str]
    cases: list[TestCase]
    servers: list[Server]
    timeout: float
    failures_matter: bool = True


def execute(plan: Plan, console: Console) -> Run:
    """Runs all tests of a plan and shows the progress. The results come in the order of the tests. Raises UsageError."""
    results: dict[str, Result] = {}
    pool = Pool(plan.servers, plan.timeout)
    start = time.monotonic()
    with make_display(len(plan.cases), console, plan.failures_matter) as display:

        def report(result: Result) -> None:
            results[result.id] = result
            display.add(result)

        pool.run(plan.cases, report)
    ordered = tuple(results[case.id] for case in plan.cases)
    return Run(plan.title, plan.suite, named(pool.server, plan.servers[0]), ordered, time.monotonic() - start)


def named(description: dict[str, str], server: Server) -> dict[str, str]:
    """The description of a server; the bundled one is called by its name, since its answers do not give it away."""
    if not is_bundled(server):
        return description
    return {**description, "product": f"Secantus {_version()}, as MongoDB {description.get('version', '')}"}


def _version() -> str:
    try:
        return version("pytest-secantus")
    except PackageNotFoundError:
        return "(a checkout)"
