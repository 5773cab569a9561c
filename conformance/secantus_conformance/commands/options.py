"""Options that several subcommands share."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path
from typing import Any

Subparsers = Any


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """Add --uri, --server, -n and --timeout."""
    parser.add_argument("--uri", action="append", default=[], metavar="URI", help="a running server; once per worker")
    parser.add_argument("--server", metavar="COMMAND", help="a command that starts a server on port {port}; default: the bundled server")
    parser.add_argument(
        "-n", "--workers", type=positive, default=1, metavar="N", help="number of workers, each with its own server (default: 1)"
    )
    parser.add_argument(
        "--timeout", type=seconds, default=20.0, metavar="SECONDS", help="kill a test's worker after this time (default: 20)"
    )


def add_report_option(parser: argparse.ArgumentParser) -> None:
    """Add --report."""
    parser.add_argument("--report", type=folder, metavar="DIR", help="write report.json, junit.xml and report.html there")


def add_selection_options(parser: argparse.ArgumentParser) -> None:
    """Add --category, --match and --specs."""
    parser.add_argument(
        "--category", action="append", default=[], metavar="NAME", help="run only this category (crud stands for all crud.*)"
    )
    parser.add_argument(
        "--match",
        action="append",
        default=[],
        metavar="PATTERN",
        help="run only tests whose names contain this text; * and ? are wildcards",
    )
    add_specs_option(parser)


def add_specs_option(parser: argparse.ArgumentParser) -> None:
    """Add --specs."""
    parser.add_argument("--specs", type=Path, metavar="DIR", help="a checkout of mongodb/specifications instead of the pinned suites")


def positive(text: str) -> int:
    """Parse a positive integer for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def seconds(text: str) -> float:
    """Parse a positive number of seconds for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of seconds")
    return number


def folder(text: str) -> Path:
    """Return a writable folder for argparse. Create it if necessary, so that an error is found before the tests run."""
    path = Path(text)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not writable: {error.strerror}") from error
    if not os.access(path, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r} is not writable")
    return path
