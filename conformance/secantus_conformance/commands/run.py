"""`run`: run the specification suites against a server."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from secantus_conformance import baseline, ratchet
from secantus_conformance.commands.options import Subparsers, add_report_option, add_selection_options, add_server_options
from secantus_conformance.differences import Difference, apply_differences, read_differences, unused
from secantus_conformance.execution.servers import make_servers
from secantus_conformance.free_passes import free_passes
from secantus_conformance.model import Result, Run, TestCase
from secantus_conformance.report.console import make_console
from secantus_conformance.report.files import write_reports
from secantus_conformance.report.jsonout import read_json_report
from secantus_conformance.report.terminal import print_run
from secantus_conformance.running import Plan, execute
from secantus_conformance.suites.catalog import check_files, discover, select
from secantus_conformance.suites.sources import Source, open_source

# The known differences of the bundled server; in a checkout, a link to conformance/differences.toml.
DIFFERENCES = Path(__file__).parents[1] / "differences.toml"


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand and its options to the argument parser."""
    parser = subparsers.add_parser("run", help="run the specification suites against a server")
    add_server_options(parser)
    add_selection_options(parser)
    add_report_option(parser)
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="a report.json to compare with, for example of a real mongod")
    parser.add_argument("--differences", type=Path, metavar="FILE", help="known differences; default: those of the bundled server")
    parser.add_argument("--ratchet", type=Path, metavar="FILE", help="run the tests that FILE names; each must pass")
    parser.add_argument("--auth", action="store_true", help="start the bundled server with access control, and log in as a superuser")
    parser.add_argument("--direct", action="store_true", help="start the bundled server in the workers, whose clients use no sockets")
    parser.add_argument("--retry", action="store_true", help="run each failed test once more in isolation on a new server")
    parser.add_argument("--list", action="store_true", help="list the tests without running them")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the suites. Return 1 if tests failed. Raise UsageError if the request cannot be carried out."""
    source = open_source(arguments.specs)
    cases = _cases(source, arguments)
    if arguments.list:
        for case in cases:
            print(f"{case.category}\t{case.group.value}\t{case.id}")
        return 0
    check_files(cases)
    before = read_json_report(arguments.baseline) if arguments.baseline else None
    console = make_console()
    differences = _differences(arguments)

    def judge(result: Result) -> Result:
        result = apply_differences(result, differences)
        return ratchet.demand(result) if arguments.ratchet else result

    servers = make_servers(arguments.uri, arguments.server, arguments.workers, auth=arguments.auth, direct=arguments.direct)
    plan = Plan("Specification suites", source.describe(), cases, servers, arguments.timeout, judge=judge, retry=arguments.retry)
    result = execute(plan, console)
    whole = not (arguments.category or arguments.match or arguments.ratchet)
    idle = unused(result.results, differences) if whole else []
    notes = [f"The known difference covers no test: {entry.reason}" for entry in idle]
    if before is not None:
        notes += baseline.compare(result, before)
    return report(console, replace(result, notes=(*result.notes, *notes)), arguments.report)


def _cases(source: Source, arguments: argparse.Namespace) -> list[TestCase]:
    tests = discover(source)
    if arguments.ratchet:
        tests = ratchet.select_ratchet(tests, arguments.ratchet)
    return select(tests, arguments.category, arguments.match)


def _differences(arguments: argparse.Namespace) -> list[Difference]:
    """Return the known differences of the tested server. Only the bundled server has a default list."""
    bundled = not arguments.uri and not arguments.server
    path = arguments.differences or (DIFFERENCES if bundled else None)
    return read_differences(path) if path else []


def report(console: Console, result: Run, folder: Path | None) -> int:
    """Print the results of a run and write its reports. Return the exit code."""
    free = free_passes().intersection(each.id for each in result.results)
    print_run(console, result, free)
    if folder is not None:
        write_reports(result, folder, free)
        console.print(f"Reports: {folder / 'report.html'}, report.json, junit.xml")
    return 1 if result.bad else 0
