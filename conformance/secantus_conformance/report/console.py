"""The console that everything is printed on."""

from __future__ import annotations

import sys

from rich.console import Console

_LOG_WIDTH = 120


def make_console() -> Console:
    """The terminal as it is; where output goes to a file or a log, wide enough for the tables."""
    return Console() if sys.stdout.isatty() else Console(width=_LOG_WIDTH, highlight=False)
