"""`docs`: write the documentation page about conformance from JSON reports."""

from __future__ import annotations

import argparse
from pathlib import Path

from secantus_conformance.commands.options import Subparsers
from secantus_conformance.failures import UsageError
from secantus_conformance.free_passes import free_passes
from secantus_conformance.model import Run
from secantus_conformance.report.docs import page
from secantus_conformance.report.jsonout import read_json_report


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand and its options to the argument parser."""
    parser = subparsers.add_parser("docs", help="write docs/reference/conformance.md from JSON reports")
    parser.add_argument("report", type=Path, nargs="+", metavar="REPORT", help="report.json of `run`, `cases` or `drivers`")
    parser.add_argument(
        "--beside",
        type=Path,
        action="append",
        default=[],
        metavar="REPORT",
        help="a report of the same suite against another server, for comparison",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the page. Raise UsageError for a file that is not a report, or for a `--beside` report of a suite that is not on the page."""
    runs = [read_json_report(path) for path in arguments.report]
    others = [_other(path, {run.title for run in runs}) for path in arguments.beside]
    text = page(runs, free_passes(), others)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(text, encoding="utf-8")
    print(f"Wrote {arguments.output}.")
    return 0


def _other(path: Path, titles: set[str]) -> Run:
    run = read_json_report(path)
    if run.title not in titles:
        raise UsageError(f"{path} ({run.title}) cannot be compared with any report of the page: {', '.join(sorted(titles))}.")
    return run
