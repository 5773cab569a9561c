"""`fetch`: download the pinned suites into the cache, or check whether a checkout of the specifications can replace them."""

from __future__ import annotations

import argparse

from secantus_conformance.commands.options import Subparsers, add_specs_option
from secantus_conformance.suites.catalog import discover
from secantus_conformance.suites.sources import open_source


def add_parser(subparsers: Subparsers) -> None:
    """Add the subcommand and its options to the argument parser."""
    parser = subparsers.add_parser("fetch", help="download the suites into the cache and verify their hash")
    add_specs_option(parser)
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    """Fetch or check the suites. Raise UsageError if that fails."""
    source = open_source(arguments.specs)
    print(f"The suites of {source.name} {source.version} are in {source.root}: {len(discover(source))} tests that need a server.")
    if arguments.specs:
        print(f"A checkout is used in place: pass --specs {arguments.specs} to run, null and selfcheck as well.")
    return 0
