"""The display of progress while tests run: a live display in a terminal, or plain lines in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from secantus_conformance.model import Result, Verdict

_LOG_EVERY_SECONDS = 15.0


class Display(Protocol):
    """The interface of a progress display."""

    def __enter__(self) -> Display:
        """Start the display."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the display."""

    def add(self, result: Result) -> None:
        """Report a finished test."""


class LiveDisplay:
    """A display for terminals: a progress bar with counts and, optionally, a line for each test that did not pass."""

    def __init__(self, total: int, console: Console, each_failure: bool) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[bad]}"),
        )
        self._progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task("tests", total=total, bad="")
        self._bad, self._each_failure = 0, each_failure

    def __enter__(self) -> LiveDisplay:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()

    def add(self, result: Result) -> None:
        """Advance the progress bar."""
        self._bad += result.verdict.is_bad
        if result.verdict.is_bad and self._each_failure:
            line = Text.assemble((result.verdict.value, verdict_style(result.verdict)), " ", result.id)
            self._progress.console.print(line, no_wrap=True, overflow="ellipsis")
        shown = f"[red]{self._bad} not passed[/red]" if self._bad else ""
        self._progress.update(self._task, advance=1, bad=shown)


class LogDisplay:
    """A display for logs: a line for each test that did not pass, and a status line every fifteen seconds."""

    def __init__(self, total: int, each_failure: bool) -> None:
        self._total, self._done, self._bad, self._each_failure = total, 0, 0, each_failure
        self._last = time.monotonic()

    def __enter__(self) -> LogDisplay:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        return

    def add(self, result: Result) -> None:
        """Report a finished test. Write a line only if the test did not pass, or if a status line is due."""
        self._done += 1
        if result.verdict.is_bad:
            self._bad += 1
        if result.verdict.is_bad and self._each_failure:
            print(f"{result.verdict.value}: {result.id}: {' '.join(result.reason.split())[:300]}", flush=True)
        if time.monotonic() - self._last > _LOG_EVERY_SECONDS:
            self._last = time.monotonic()
            print(f"{self._done} of {self._total} tests, {self._bad} not passed", flush=True)


def make_display(total: int, console: Console, each_failure: bool) -> Display:
    """Return a live display in a terminal, and a log display elsewhere. `each_failure` adds a line for each failure."""
    return LiveDisplay(total, console, each_failure) if sys.stdout.isatty() else LogDisplay(total, each_failure)


def verdict_style(verdict: Verdict) -> str:
    """Return the color of a verdict."""
    return {Verdict.PASSED: "green", Verdict.SKIPPED: "dim", Verdict.KNOWN: "yellow"}.get(verdict, "red")
