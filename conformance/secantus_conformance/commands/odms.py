"""`odms NAME`: run the test suite of an object-document mapper or framework against a server."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from secantus_conformance.commands.options import Subparsers
from secantus_conformance.commands.run import report
from secantus_conformance.commands.suite_runs import add_suite_options, find_suite, run_suite
from secantus_conformance.odms.base import hold, known_differences
from secantus_conformance.odms.registry import SUITES
from secantus_conformance.report.console import make_console
from secantus_conformance.suites.sources import cache_folder


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand and its options to the argument parser."""
    parser = subparsers.add_parser("odms", help="run the test suite of an object-document mapper against a server")
    parser.add_argument("name", metavar="NAME", help=", ".join(sorted(SUITES)))
    parser.add_argument("--source", type=Path, metavar="DIR", help="a checkout, for a suite that its package does not contain")
    add_suite_options(parser, 3600.0)
    parser.set_defaults(command=run, retry=False)


def run(arguments: argparse.Namespace) -> int:
    """Run a suite. Return 1 if tests failed, or if a test passed before but does not pass now. Raise UsageError if the suite cannot run."""
    suite, console = find_suite(SUITES, arguments.name, "suite"), make_console()
    console.print(f"Preparing the suite of {suite.name} {suite.version} …")
    source = arguments.source.resolve() if arguments.source else None
    folder = suite.prepare(cache_folder().resolve() / "odms", source)
    known, judge = partial(known_differences, arguments.name), partial(hold, arguments.name)
    return report(console, run_suite(suite, folder, arguments, known, judge), arguments.report)
