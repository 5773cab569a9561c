"""The command line interface `secantus-conformance`, with the subcommands in `_COMMANDS`.

Exit codes: 0 success, 1 tests failed, 2 the request cannot be carried out (a one-sentence message gives the reason).
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from secantus_conformance.commands import cases, docs, drivers, evidence, fetch, null, odms, peers, ratchet, run, selfcheck, twin
from secantus_conformance.failures import UsageError

_COMMANDS = (fetch, run, cases, drivers, odms, peers, twin, selfcheck, null, docs, evidence, ratchet)


class _Parser(argparse.ArgumentParser):
    """An argument parser that reports an error as one sentence."""

    def error(self, message: str) -> NoReturn:
        """Print the error message and exit with code 2."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with all subcommands."""
    parser = _Parser(
        prog="secantus-conformance", description="Run independent test suites against any server with MongoDB's wire protocol."
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_parser(subparsers)
    return parser


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """Convert SIGTERM to KeyboardInterrupt within the block, so that servers, workers and suites are also stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and run the subcommand. Return the exit code."""
    parsed = build_parser().parse_args(arguments)
    try:
        with _termination_as_interrupt():
            code: int = parsed.command(parsed)
    except UsageError as error:
        print(f"secantus-conformance: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("secantus-conformance: interrupted", file=sys.stderr)
        return 2
    return code
