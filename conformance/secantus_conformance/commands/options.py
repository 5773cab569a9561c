"""Options that several subcommands share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

Subparsers = Any


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """--uri, --server, -n, --timeout."""
    parser.add_argument("--uri", action="append", default=[], metavar="URI", help="a server that runs already; once per worker")
    parser.add_argument("--server", metavar="COMMAND", help="a command that starts a server on port {port}; default: the bundled server")
    parser.add_argument(
        "-n", "--workers", type=positive, default=1, metavar="N", help="workers, each with a server of its own (default: 1)"
    )
    parser.add_argument(
        "--timeout", type=float, default=20.0, metavar="SECONDS", help="after which a test's worker is killed (default: 20)"
    )


def add_report_option(parser: argparse.ArgumentParser) -> None:
    """--report."""
    parser.add_argument("--report", type=Path, metavar="DIR", help="write report.json, junit.xml and report.html there")


def add_selection_options(parser: argparse.ArgumentParser) -> None:
    """--category, --match, --specs."""
    parser.add_argument("--category", action="append", default=[], metavar="NAME", help="only this category (crud stands for all crud.*)")
    parser.add_argument(
        "--match", action="append", default=[], metavar="PATTERN", help="only tests with this in their name; * and ? are wildcards"
    )
    parser.add_argument("--specs", type=Path, metavar="DIR", help="a checkout of mongodb/specifications instead of the pinned suites")


def positive(text: str) -> int:
    """A whole number above zero, for argparse."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
