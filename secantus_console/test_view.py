"""The test at which a run of pytest has paused, as its process describes it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class TestView:
    """The paused test.

    Arguments:
        resume: tells the run to go on.
    """

    def __init__(self, resume: Callable[[], None]) -> None:
        self._resume = resume
        self._lock = threading.Lock()  # guards the state
        self._state: dict[str, Any] | None = None

    @property
    def state(self) -> dict[str, Any] | None:
        """What the run says of the paused test; None while tests run."""
        with self._lock:
            return self._state

    def show(self, state: dict[str, Any] | None) -> None:
        """Show a test, or none."""
        with self._lock:
            self._state = state

    def resume(self) -> bool:
        """Tell the run to go on; return False if it is not paused."""
        with self._lock:
            if self._state is None:
                return False
            self._state = None
        self._resume()
        return True
