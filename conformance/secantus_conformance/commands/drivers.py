"""`drivers NAME`: run a driver's own test suite against a server."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from secantus_conformance.commands.options import Subparsers
from secantus_conformance.commands.run import report
from secantus_conformance.commands.suite_runs import add_suite_options, find_suite, run_suite
from secantus_conformance.differences import read_differences
from secantus_conformance.drivers.registry import SUITES
from secantus_conformance.report.console import make_console
from secantus_conformance.suites.sources import cache_folder

# The known differences of the bundled server; in a checkout, a link to conformance/driver_differences.toml.
DIFFERENCES = Path(__file__).parents[1] / "driver_differences.toml"


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand and its options to the argument parser."""
    parser = subparsers.add_parser("drivers", help="run a driver's own test suite against a server")
    parser.add_argument("name", metavar="NAME", help=", ".join(sorted(SUITES)))
    parser.add_argument("--source", type=Path, metavar="DIR", help="a checkout of the driver, for suites that are in no package")
    parser.add_argument("--retry", action="store_true", help="run failed tests once more on a new server; the report names those that pass")
    add_suite_options(parser, 5400.0)
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Run a suite. Return 1 if tests failed for reasons other than the environment. Raise UsageError if the suite cannot run."""
    suite, console = find_suite(SUITES, arguments.name, "driver suite"), make_console()
    console.print(f"Preparing the suite of {suite.name} {suite.version} …")
    folder = suite.prepare(cache_folder() / "drivers", arguments.source)
    return report(console, run_suite(suite, folder, arguments, partial(read_differences, DIFFERENCES)), arguments.report)
