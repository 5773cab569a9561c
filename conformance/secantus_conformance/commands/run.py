"""`run`: the specification suites against a server."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from secantus_conformance import baseline, ratchet
from secantus_conformance.commands.options import Subparsers, add_report_option, add_selection_options, add_server_options
from secantus_conformance.differences import apply_differences, read_differences, unused
from secantus_conformance.execution.servers import make_servers
from secantus_conformance.free_passes import free_passes
from secantus_conformance.model import Run, TestCase
from secantus_conformance.report.console import make_console
from secantus_conformance.report.files import write_reports
from secantus_conformance.report.jsonout import read_json_report
from secantus_conformance.report.terminal import print_run
from secantus_conformance.running import Plan, execute
from secantus_conformance.suites.catalog import check_files, discover, select
from secantus_conformance.suites.sources import Source, open_source

# Beside this package in a checkout; the installed package has none.
DIFFERENCES = Path(__file__).resolve().parents[2] / "differences.toml"


def add_parser(subparsers: Subparsers) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser("run", help="run the specification suites against a server")
    add_server_options(parser)
    add_selection_options(parser)
    add_report_option(parser)
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="a report.json to compare with, for instance of a real mongod")
    parser.add_argument("--differences", type=Path, metavar="FILE", help="known differences; default: those of the bundled server")
    parser.add_argument("--ratchet", type=Path, metavar="FILE", help="run the tests that FILE names; each must pass")
    parser.add_argument("--list", action="store_true", help="only list the tests")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs. Returns 1 if tests failed; raises UsageError."""
    source = open_source(arguments.specs)
    cases = _cases(source, arguments)
    if arguments.list:
        for case in cases:
            print(f"{case.category}\t{case.group.value}\t{case.id}")
        return 0
    check_files(cases)
    before = read_json_report(arguments.baseline) if arguments.baseline else None
    console = make_console()
    servers = make_servers(arguments.uri, arguments.server, arguments.workers)
    result = execute(Plan("Specification suites", source.describe(), cases, servers, arguments.timeout), console)
    result = _judge_again(result, arguments)
    if before is not None:
        result = replace(result, notes=(*result.notes, *baseline.compare(result, before)))
    return report(console, result, arguments.report)


def _cases(source: Source, arguments: argparse.Namespace) -> list[TestCase]:
    tests = discover(source)
    if arguments.ratchet:
        tests = ratchet.select_ratchet(tests, arguments.ratchet)
    return select(tests, arguments.category, arguments.match)


def _judge_again(result: Run, arguments: argparse.Namespace) -> Run:
    """Applies known differences, and the ratchet's demand that nothing be skipped."""
    path = arguments.differences or _default_differences(arguments)
    differences = read_differences(path) if path else []
    results = apply_differences(result.results, differences)
    whole = not (arguments.category or arguments.match or arguments.ratchet)
    notes = [f"No test is meant by the known difference: {entry.reason}" for entry in unused(results, differences)] if whole else []
    if arguments.ratchet:
        results = ratchet.demand(results)
    return replace(result, results=tuple(results), notes=(*result.notes, *notes))


def _default_differences(arguments: argparse.Namespace) -> Path | None:
    bundled = not arguments.uri and not arguments.server
    return DIFFERENCES if bundled and DIFFERENCES.exists() else None


def report(console: Console, result: Run, folder: Path | None) -> int:
    """Shows a run and writes its reports. Returns the exit code."""
    free = free_passes()
    print_run(console, result, free)
    if folder is not None:
        write_reports(result, folder, free)
        console.print(f"Reports: {folder / 'report.html'}, report.json, junit.xml")
    return 1 if result.bad else 0
