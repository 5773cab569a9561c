"""The code shared by the commands `drivers` and `odms`: run a third-party suite against one server."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from secantus_conformance.commands.options import add_report_option, seconds
from secantus_conformance.differences import Difference
from secantus_conformance.drivers.base import DriverSuite, RunsAgain, read_junit
from secantus_conformance.environment import discover
from secantus_conformance.execution.servers import is_bundled, make_servers
from secantus_conformance.failures import UsageError
from secantus_conformance.model import SECOND_RUN, Result, Run, Verdict
from secantus_conformance.running import named

Suite = TypeVar("Suite", bound=DriverSuite)


def add_suite_options(parser: argparse.ArgumentParser, timeout: float) -> None:
    """Add the command-line options for the server and for the report.

    Arguments:
        timeout: the default time limit in seconds.
    """
    parser.add_argument("--uri", action="append", default=[], metavar="URI", help="a running server")
    parser.add_argument("--server", metavar="COMMAND", help="a command that starts a server on port {port}; default: the bundled server")
    limit = f"time limit of the whole suite (default: {timeout:.0f})"
    parser.add_argument("--timeout", type=seconds, default=timeout, metavar="SECONDS", help=limit)
    add_report_option(parser)


def find_suite(suites: Mapping[str, Suite], name: str, kind: str) -> Suite:
    """Return the suite with the given name. Raise UsageError if no such suite exists.

    Arguments:
        kind: the word for the kind of suite in the error message.
    """
    if name not in suites:
        raise UsageError(f"Unknown {kind} {name!r}; the suites are {', '.join(sorted(suites))}.")
    return suites[name]


def run_suite(
    suite: DriverSuite,
    folder: Path,
    arguments: argparse.Namespace,
    differences: Callable[[], list[Difference]],
    hold: Callable[[list[Result]], list[Result]] | None = None,
) -> Run:
    """Run a prepared suite against a server. Raise UsageError if it cannot be completed.

    Arguments:
        arguments: the parsed command line, with the options of `add_suite_options`.
        differences: reads the known differences of the bundled server.
        hold: adjusts the results of the bundled server after the known differences have been applied.
    """
    again = _check_again(suite) if arguments.retry else None
    auth = suite.auth and not arguments.uri and arguments.server is None
    server = make_servers(arguments.uri, arguments.server, 1, suite.port, auth=auth)[0]
    bundled, start = is_bundled(server), time.monotonic()
    try:
        uri = server.start()
        environment = discover(uri)
        with tempfile.TemporaryDirectory() as scratch:
            junit = Path(scratch, "junit.xml")
            suite.run(folder, uri, junit, arguments.timeout)
            known = differences() if bundled else []
            results, died = read_junit(junit, suite, known), server.exit_reason()
            notes = [f"In this run {died}."] if died else []
            if (bad := _bad(results)) and again is not None:
                again.run_again(folder, server.start(), bad, junit, arguments.timeout)
                results = second(results, read_junit(junit, suite, known), notes)
    finally:
        server.stop()
    return Run(
        f"Suite of {suite.name}",
        {"name": suite.name, "version": suite.version},
        named(environment.describe(), server),
        tuple(hold(results) if bundled and hold is not None else results),
        time.monotonic() - start,
        tuple(notes),
    )


def _check_again(suite: DriverSuite) -> RunsAgain:
    """Return the suite if it can run single tests again. Otherwise raise UsageError."""
    if not isinstance(suite, RunsAgain):
        raise UsageError(f"The suite of {suite.name} cannot run single tests again; leave out --retry.")
    return suite


def _bad(results: Iterable[Result]) -> frozenset[str]:
    return frozenset(result.id for result in results if result.verdict.is_bad)


def second(results: list[Result], again: Iterable[Result], notes: list[str]) -> list[Result]:
    """Return results in which failed tests are replaced by their results in a second run. Add notes on tests that passed only the second
    time.
    """
    new = {result.id: result for result in again}
    merged = [new.get(result.id, result) if result.verdict.is_bad else result for result in results]
    notes += [
        f"{SECOND_RUN}: {after.id} (before: {before.reason})"
        for before, after in zip(results, merged, strict=True)
        if before.verdict.is_bad and after.verdict is Verdict.PASSED
    ]
    return merged
