"""The option ``--secantus-pause``: after a failure, wait with the server running so that the user can inspect it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from _pytest.capture import CaptureManager


def pause(node: pytest.Item | pytest.Collector, report: pytest.TestReport, uri: str, database: str) -> None:
    """Show the failure and the server's address, and wait until the user presses Enter or the input ends.

    Arguments:
        database: the name of the database behind `secantus_db`.
    """
    with shown_terminal(node.config) as terminal:
        terminal.section("Secantus: paused", sep="-")
        terminal.line(f"{report.nodeid} failed: {reason(report)}")
        terminal.line(f"The server runs at {uri}; secantus_db is its database {database}. Press Enter to go on.")
        with suppress(EOFError):
            input()


@contextmanager
def shown_terminal(config: pytest.Config) -> Iterator[pytest.TerminalReporter]:
    """Disable pytest's output capture within the block, and provide the terminal reporter."""
    plugins = config.pluginmanager
    terminal = cast("pytest.TerminalReporter", plugins.get_plugin("terminalreporter"))
    capture = cast("CaptureManager | None", plugins.get_plugin("capturemanager"))
    if capture is not None:
        capture.suspend(in_=True)
    try:
        terminal.ensure_newline()
        yield terminal
    finally:
        if capture is not None:
            capture.resume()


def reason(report: pytest.TestReport) -> str:
    """Return the first line of a failed test's error."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr)
    return str(text).partition("\n")[0]
