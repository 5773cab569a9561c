"""`null`: run the suites against a server that stores nothing and reports success."""

from __future__ import annotations

import argparse

from secantus_conformance.commands.options import Subparsers, add_report_option, add_selection_options, positive, seconds
from secantus_conformance.execution.servers import NULL, CommandServer, Server
from secantus_conformance.free_passes import PATH, write_free_passes
from secantus_conformance.report.console import make_console
from secantus_conformance.report.files import write_reports
from secantus_conformance.report.terminal import sentence, summary_table
from secantus_conformance.running import Plan, execute
from secantus_conformance.suites.catalog import discover, select
from secantus_conformance.suites.sources import open_source


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand and its options to the argument parser."""
    parser = subparsers.add_parser(
        "null", help="run the suites against a server that stores nothing, to find the tests that any server passes"
    )
    add_selection_options(parser)
    add_report_option(parser)
    parser.add_argument("-n", "--workers", type=positive, default=1, metavar="N")
    parser.add_argument("--timeout", type=seconds, default=5.0, metavar="SECONDS")
    parser.add_argument("--keep", action="store_true", help=f"write the passing tests to {PATH.name}, which the other reports read")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the suites. The exit code is 0, because failures are expected."""
    source = open_source(arguments.specs)
    cases = select(discover(source), arguments.category, arguments.match)
    servers: list[Server] = [CommandServer(NULL) for _ in range(arguments.workers)]
    console = make_console()
    result = execute(Plan("Null server", source.describe(), cases, servers, arguments.timeout, failures_matter=False), console)
    console.print(summary_table(result, frozenset()))
    console.print(sentence(result))
    if arguments.report:
        write_reports(result, arguments.report)
    if arguments.keep:
        write_free_passes(result)
    return 0
