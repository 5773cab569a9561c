"""`selfcheck`: check the conformance runner itself, not a server."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.markup import escape

from secantus_conformance.commands.options import Subparsers, add_server_options, add_specs_option, positive
from secantus_conformance.execution.servers import make_servers
from secantus_conformance.model import Run, TestCase
from secantus_conformance.report.console import make_console
from secantus_conformance.running import Plan, execute
from secantus_conformance.selfcheck.checks import Part, check_invalid, check_mutants, check_valid_fail, check_valid_pass
from secantus_conformance.suites.sources import open_source


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand and its options to the argument parser."""
    parser = subparsers.add_parser("selfcheck", help="check the runner: wrong tests fail, mutants are caught")
    add_server_options(parser)
    add_specs_option(parser)
    parser.add_argument("--mutants", type=positive, default=400, metavar="N", help="the maximum number of mutants (default: 400)")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the checks of the runner. Return 1 if any of them fails."""
    console, source = make_console(), open_source(arguments.specs)

    def run_cases(title: str, cases: list[TestCase]) -> Run:
        servers = make_servers(arguments.uri, arguments.server, arguments.workers)
        return execute(Plan(title, source.describe(), cases, servers, arguments.timeout, failures_matter=False), console)

    parts = [
        check_invalid(source),
        check_valid_fail(source, run_cases),
        check_valid_pass(source, run_cases),
        check_mutants(source, run_cases, arguments.mutants),
    ]
    for part in parts:
        _show(console, part)
    return 0 if all(part.good for part in parts) else 1


def _show(console: Console, part: Part) -> None:
    share = part.held / part.total if part.total else 1.0
    colour = "green" if part.good else "red"
    console.print(f"[{colour}]{part.name}: {part.held} of {part.total} ({share:.1%})[/{colour}]")
    for complaint in part.complaints:
        console.print(f"  {escape(complaint)}")
