"""`drivers NAME`: run a driver's own test suite against a server."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from secantus_conformance.commands.options import Subparsers, add_report_option, seconds
from secantus_conformance.commands.run import report
from secantus_conformance.differences import read_differences
from secantus_conformance.drivers.base import DriverSuite, read_junit
from secantus_conformance.drivers.registry import SUITES
from secantus_conformance.environment import discover
from secantus_conformance.execution.servers import is_bundled, make_servers
from secantus_conformance.failures import UsageError
from secantus_conformance.model import Run
from secantus_conformance.report.console import make_console
from secantus_conformance.running import named
from secantus_conformance.suites.sources import cache_folder

# The known differences of the bundled server; in a checkout, a link to conformance/driver_differences.toml.
DIFFERENCES = Path(__file__).parents[1] / "driver_differences.toml"


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("drivers", help="run a driver's own test suite against a server")
    parser.add_argument("name", metavar="NAME", help=", ".join(sorted(SUITES)))
    parser.add_argument("--uri", action="append", default=[], metavar="URI", help="a running server")
    parser.add_argument("--server", metavar="COMMAND", help="a command that starts a server on port {port}; default: the bundled server")
    parser.add_argument("--timeout", type=seconds, default=5400.0, metavar="SECONDS", help="time limit of the whole suite (default: 5400)")
    parser.add_argument("--source", type=Path, metavar="DIR", help="a checkout of the driver, for suites that are in no package")
    add_report_option(parser)
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Run a suite. Returns 1 if tests failed for reasons other than the environment; raises UsageError."""
    if arguments.name not in SUITES:
        raise UsageError(f"Unknown driver suite {arguments.name!r}; the suites are {', '.join(sorted(SUITES))}.")
    suite, console = SUITES[arguments.name], make_console()
    console.print(f"Preparing the suite of {suite.name} {suite.version} …")
    folder = suite.prepare(cache_folder() / "drivers", arguments.source)
    result = _run(suite, folder, arguments)
    return report(console, result, arguments.report)


def _run(suite: DriverSuite, folder: Path, arguments: argparse.Namespace) -> Run:
    bundled = not arguments.uri and arguments.server is None
    server = make_servers(arguments.uri, arguments.server, 1, suite.port, auth=suite.auth and bundled)[0]
    start = time.monotonic()
    try:
        uri = server.start()
        environment = discover(uri)
        with tempfile.TemporaryDirectory() as scratch:
            junit = Path(scratch, "junit.xml")
            suite.run(folder, uri, junit, arguments.timeout)
            results = tuple(read_junit(junit, suite, read_differences(DIFFERENCES) if is_bundled(server) else []))
        died = server.exit_reason()
    finally:
        server.stop()
    notes = (f"In this run {died}.",) if died else ()
    return Run(
        f"Suite of {suite.name}",
        {"name": suite.name, "version": suite.version},
        named(environment.describe(), server),
        results,
        time.monotonic() - start,
        notes,
    )
