"""The paused test of a pytest run, as described by the pytest process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class TestView:
    """The test at which a pytest run is paused.

    Arguments:
        resume: resumes the test run.
    """

    def __init__(self, resume: Callable[[], None]) -> None:
        self._resume = resume
        self._lock = threading.Lock()  # guards the state
        self._state: dict[str, Any] | None = None

    @property
    def state(self) -> dict[str, Any] | None:
        """The description of the paused test, or None while tests are running."""
        with self._lock:
            return self._state

    def show(self, state: dict[str, Any] | None) -> None:
        """Show the state of the paused test, or nothing if `state` is None because no test is paused."""
        with self._lock:
            self._state = state

    def resume(self) -> bool:
        """Resume the test run. Return False if it is not paused."""
        with self._lock:
            if self._state is None:
                return False
            self._state = None
        self._resume()
        return True
