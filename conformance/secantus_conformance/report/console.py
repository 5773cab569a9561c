"""The console to which all output is written."""

from __future__ import annotations

import sys

from rich.console import Console

_LOG_WIDTH = 120


def make_console() -> Console:
    """Return a console for the terminal. If the output goes to a file or log, make the console wide enough for the tables."""
    return Console() if sys.stdout.isatty() else Console(width=_LOG_WIDTH, highlight=False)
