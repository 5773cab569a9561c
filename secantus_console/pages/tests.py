"""The page for the test at which a pytest run is paused: its writes, its commands, the snapshots, and the seeds."""

from __future__ import annotations

from typing import Any, Final

from secantus_console.errors import InputError, NotThere
from secantus_console.page import Answer, Call, Moved, Page, posted, shown


def paused(call: Call) -> Answer:
    """Show the paused test."""
    if call.console.test_view is None:
        raise NotThere("This console does not belong to a run of tests: start one with pytest --secantus-console.")
    state: dict[str, Any] | None = call.console.test_view.state
    return Page("test.html", "Paused test", {"test": state})


def resume(call: Call) -> Answer:
    """Resume the pytest run."""
    if call.console.test_view is None or not call.console.test_view.resume():
        raise InputError("No test is paused.")
    return Moved("/test", "The run goes on.")


ROUTES: Final = (shown("/test", paused), posted("/test/resume", resume, writes=False))
