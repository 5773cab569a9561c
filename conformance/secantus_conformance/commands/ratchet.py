"""`ratchet`: add the tests that now pass to the ratchet file, which lists tests that must not fail again."""

from __future__ import annotations

import argparse
from pathlib import Path

from secantus_conformance.commands.options import Subparsers
from secantus_conformance.ratchet import grow
from secantus_conformance.report.jsonout import read_json_report


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand and its options to the argument parser."""
    parser = subparsers.add_parser("ratchet", help="add the tests that pass to the ratchet file")
    parser.add_argument("file", type=Path, metavar="FILE", help="the ratchet file")
    parser.add_argument("--from", dest="report", type=Path, required=True, metavar="REPORT", help="report.json of `run`")
    parser.add_argument("--slowest", type=float, default=1.0, metavar="SECONDS", help="skip tests that take longer (default: 1)")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Add the tests that pass to the ratchet file. Raise UsageError for a file that is not a report."""
    new = grow(arguments.file, read_json_report(arguments.report), arguments.slowest)
    print(f"{arguments.file}: {new} new tests.")
    return 0
