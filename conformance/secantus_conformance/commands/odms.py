"""`odms NAME`: run the test suite of an object-document mapper or framework against a server."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from secantus_conformance.commands.options import Subparsers, add_report_option, seconds
from secantus_conformance.commands.run import report
from secantus_conformance.drivers.base import read_junit
from secantus_conformance.environment import discover
from secantus_conformance.execution.servers import is_bundled, make_servers
from secantus_conformance.failures import UsageError
from secantus_conformance.model import Run
from secantus_conformance.odms.base import OdmSuite, hold, known_differences
from secantus_conformance.odms.registry import SUITES
from secantus_conformance.report.console import make_console
from secantus_conformance.running import named
from secantus_conformance.suites.sources import cache_folder


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("odms", help="run the test suite of an object-document mapper against a server")
    parser.add_argument("name", metavar="NAME", help=", ".join(sorted(SUITES)))
    parser.add_argument("--source", type=Path, metavar="DIR", help="a checkout, for a suite that its package does not contain")
    parser.add_argument("--uri", action="append", default=[], metavar="URI", help="a running server")
    parser.add_argument("--server", metavar="COMMAND", help="a command that starts a server on port {port}; default: the bundled server")
    parser.add_argument("--timeout", type=seconds, default=3600.0, metavar="SECONDS", help="time limit of the whole suite (default: 3600)")
    add_report_option(parser)
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Run a suite. Returns 1 if tests failed, or if one that passed before does not pass; raises UsageError."""
    if arguments.name not in SUITES:
        raise UsageError(f"Unknown suite {arguments.name!r}; the suites are {', '.join(sorted(SUITES))}.")
    suite, console = SUITES[arguments.name], make_console()
    console.print(f"Preparing the suite of {suite.name} {suite.version} …")
    source = arguments.source.resolve() if arguments.source else None
    folder = suite.prepare(cache_folder().resolve() / "odms", source)
    return report(console, _run(suite, folder, arguments), arguments.report)


def _run(suite: OdmSuite, folder: Path, arguments: argparse.Namespace) -> Run:
    server = make_servers(arguments.uri, arguments.server, 1, suite.port)[0]
    bundled, start = is_bundled(server), time.monotonic()
    try:
        uri = server.start()
        environment = discover(uri)
        with tempfile.TemporaryDirectory() as scratch:
            junit = Path(scratch, "junit.xml")
            suite.run(folder, uri, junit, arguments.timeout)
            results = read_junit(junit, suite, known_differences(arguments.name) if bundled else [])
        died = server.exit_reason()
    finally:
        server.stop()
    return Run(
        f"Suite of {suite.name}",
        {"name": suite.name, "version": suite.version},
        named(environment.describe(), server),
        tuple(hold(arguments.name, results) if bundled else results),
        time.monotonic() - start,
        (f"In this run {died}.",) if died else (),
    )
