"""`docs`: writes the page of the documentation from JSON reports."""

from __future__ import annotations

import argparse
from pathlib import Path

from secantus_conformance.commands.options import Subparsers
from secantus_conformance.free_passes import free_passes
from secantus_conformance.report.docs import page
from secantus_conformance.report.jsonout import read_json_report


def add_parser(subparsers: Subparsers) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser("docs", help="write docs/reference/conformance.md from JSON reports")
    parser.add_argument("report", type=Path, nargs="+", metavar="REPORT", help="report.json of `run`, `cases` or `drivers`")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Writes the page. Raises UsageError for a file that is no report."""
    text = page([read_json_report(path) for path in arguments.report], free_passes())
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(text, encoding="utf-8")
    print(f"Wrote {arguments.output}.")
    return 0
