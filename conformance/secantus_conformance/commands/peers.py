"""`peers`: run the same complete suites (the recorded cases and pymongo's own tests) against several servers."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path

from secantus_conformance.cases.replay import find_cases
from secantus_conformance.commands.options import Subparsers, folder, positive
from secantus_conformance.drivers.pymongo import PymongoSuite
from secantus_conformance.execution.servers import BUNDLED, CommandServer
from secantus_conformance.failures import UsageError
from secantus_conformance.model import Run
from secantus_conformance.peers import run_pymongo
from secantus_conformance.report.console import make_console
from secantus_conformance.report.evidence import peers_table
from secantus_conformance.report.files import write_reports
from secantus_conformance.report.jsonout import read_json_report
from secantus_conformance.running import Plan, execute
from secantus_conformance.suites.sources import cache_folder

_CASE_SECONDS = 20.0
_PARTS = ("cases", "pymongo")


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand and its options to the argument parser."""
    parser = subparsers.add_parser("peers", help="measure several servers by recorded cases and pymongo's suite, each run whole")
    parser.add_argument("--cases", type=Path, metavar="DIR", help="a folder of recorded cases")
    parser.add_argument(
        "--server",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="a server's name, and the command that starts it on port {port}; repeat it; without any, only the bundled server",
    )
    parser.add_argument("--only", choices=_PARTS, help="run only this part")
    parser.add_argument("-n", "--workers", type=positive, default=1, metavar="N", help="workers for the cases (default: 1)")
    parser.add_argument("--report", type=folder, required=True, metavar="DIR", help="write NAME-cases/ and NAME-pymongo/ there")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the requested suites and print the table of all reports in the folder. Raise UsageError if the request cannot be carried out."""
    console = make_console()
    for each in arguments.server or [f"secantus={BUNDLED}"]:
        name, _, command = each.partition("=")
        if "{port}" not in command:
            raise UsageError(f"--server {each!r} is not NAME=COMMAND with {{port}} in the command.")
        if arguments.cases and arguments.only != "pymongo":
            servers = [CommandServer(command) for _ in range(arguments.workers)]
            what, cases = {"name": "recorded cases"}, find_cases(arguments.cases)
            done = execute(Plan("Recorded cases", what, cases, [*servers], _CASE_SECONDS, failures_matter=False), console)
            _write(done, name, command, arguments.report / f"{_slug(name)}-cases")
        if arguments.only != "cases":
            suite = PymongoSuite("pymongo", "default")
            place = suite.prepare(cache_folder() / "drivers", None)
            done = run_pymongo(suite, place, CommandServer(command, suite.port))
            _write(done, name, command, arguments.report / f"{_slug(name)}-pymongo")
    print(peers_table([read_json_report(path) for path in sorted(arguments.report.glob("*/report.json"))]))
    return 0


def _write(done: Run, name: str, command: str, place: Path) -> None:
    """Write the reports under the given name, because the replies of servers other than ours do not identify them."""
    server = done.server if command == BUNDLED else {**done.server, "product": name}
    write_reports(replace(done, server=server), place)


def _slug(name: str) -> str:
    return re.sub(r"[^\w.]+", "-", name).lower()
