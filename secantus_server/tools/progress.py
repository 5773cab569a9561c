"""A progress bar on a terminal."""

from __future__ import annotations

import sys
from typing import Final

_WIDTH: Final = 40
_MEGABYTE: Final = 1 << 20


class ProgressBar:
    """A progress display on stderr, which shows the processed share of a number of bytes. It shows nothing if stderr is not a terminal.

    Arguments:
        what: the activity to show in the line.
        total: the number of bytes, or 0 if it is not known.
    """

    def __init__(self, what: str, total: int = 0) -> None:
        self._what = what
        self.total = total
        self._done = 0
        self._shown = ""
        self._is_terminal = sys.stderr.isatty()

    def begin(self, total: int) -> None:
        """Set the total number of bytes, and reset the progress to 0."""
        self.total = total

    def advance(self, size: int) -> None:
        """Add a number of bytes to the progress."""
        self._done += size
        text = self.text()
        if self._is_terminal and text != self._shown:
            self._shown = text
            print(f"\r{text}", end="", file=sys.stderr, flush=True)

    def text(self) -> str:
        """Return the text of the progress line."""
        megabytes = self._done // _MEGABYTE
        if not self.total:
            return f"{self._what}: {megabytes} MB"
        share = min(1.0, self._done / self.total)
        filled = int(_WIDTH * share)
        return f"{self._what}: [{'#' * filled}{'.' * (_WIDTH - filled)}] {int(share * 100):3} % of {self.total // _MEGABYTE} MB"

    def end(self) -> None:
        """Terminate the progress line with a line break."""
        if self._shown:
            print(file=sys.stderr)
