"""The test at which a pytest run has paused, as described by the run's process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class TestView:
    """The paused test.

    Arguments:
        resume: resumes the run.
    """

    def __init__(self, resume: Callable[[], None]) -> None:
        self._resume = resume
        self._lock = threading.Lock()  # guards the state
        self._state: dict[str, Any] | None = None

    @property
    def state(self) -> dict[str, Any] | None:
        """The description of the paused test; None while tests run."""
        with self._lock:
            return self._state

    def show(self, state: dict[str, Any] | None) -> None:
        """Set the test to show; None for no test."""
        with self._lock:
            self._state = state

    def resume(self) -> bool:
        """Resume the run; return False if it is not paused."""
        with self._lock:
            if self._state is None:
                return False
            self._state = None
        self._resume()
        return True
