"""`evidence`: record the figures of JSON reports and write docs/evidence.md."""

from __future__ import annotations

import argparse
from pathlib import Path

from secantus_conformance.commands.options import Subparsers
from secantus_conformance.report.evidence import evidence_page, read_figures, record, write_figures

# The recorded figures. They belong to the documentation page, so they exist next to the package only in a checkout.
FIGURES = Path(__file__).parents[1] / "evidence.json"


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand and its options to the argument parser."""
    parser = subparsers.add_parser("evidence", help="record the figures of JSON reports and write docs/evidence.md")
    parser.add_argument("report", type=Path, nargs="*", metavar="REPORT", help="report.json of any command; default: write only the page")
    parser.add_argument(
        "--figures", type=Path, default=FIGURES, metavar="FILE", help="the recorded figures (default: those of this package)"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Record the figures and write the page. Raise UsageError for a file that is not a report."""
    recorded = record(read_figures(arguments.figures), arguments.report)
    write_figures(arguments.figures, recorded)
    arguments.output.write_text(evidence_page(recorded), encoding="utf-8")
    print(f"Wrote {arguments.output} with the figures of {len(recorded)} reports.")
    return 0
