"""`cases DIR`: replay recorded cases."""

from __future__ import annotations

import argparse
from pathlib import Path

from secantus_conformance.cases.replay import find_cases
from secantus_conformance.commands.options import Subparsers, add_report_option, add_server_options
from secantus_conformance.commands.run import report
from secantus_conformance.execution.servers import ExternalServer, Server, make_servers
from secantus_conformance.failures import UsageError
from secantus_conformance.report.console import make_console
from secantus_conformance.running import Plan, execute


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand and its options to the argument parser."""
    parser = subparsers.add_parser("cases", help="replay recorded cases (.jsonl) and compare strictly")
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder of .jsonl files, or one such file")
    parser.add_argument("--match", action="append", default=[], metavar="TEXT", help="run only cases whose names contain this text")
    add_server_options(parser)
    add_report_option(parser)
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Replay the cases. Return 1 if any failed. Raise UsageError if the request cannot be carried out."""
    cases = [case for case in find_cases(arguments.folder) if not arguments.match or any(text in case.id for text in arguments.match)]
    if not cases:
        raise UsageError(f"No case in {arguments.folder} has a name containing {' or '.join(arguments.match)}.")
    console = make_console()
    result = execute(Plan("Recorded cases", {"name": arguments.folder.name}, cases, _servers(arguments), arguments.timeout), console)
    return report(console, result, arguments.report)


def _servers(arguments: argparse.Namespace) -> list[Server]:
    """Return the servers for the workers. Several workers can share one server, because each case has its own database."""
    if len(arguments.uri) == 1:
        return [ExternalServer(arguments.uri[0]) for _ in range(arguments.workers)]
    return make_servers(arguments.uri, arguments.server, arguments.workers)
