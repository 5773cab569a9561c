"""`fetch`: brings the pinned suites into the cache."""

from __future__ import annotations

import argparse

from secantus_conformance.commands.options import Subparsers
from secantus_conformance.suites.catalog import discover
from secantus_conformance.suites.sources import PYMONGO_VERSION, open_source


def add_parser(subparsers: Subparsers) -> None:
    """Adds the subcommand."""
    parser = subparsers.add_parser("fetch", help="bring the suites into the cache, checked by their hash")
    parser.set_defaults(command=run)


def run(_: argparse.Namespace) -> int:
    """Fetches. Raises UsageError if that fails."""
    source = open_source(None)
    print(f"The suites of pymongo {PYMONGO_VERSION} lie in {source.root}: {len(discover(source))} tests that need a server.")
    return 0
