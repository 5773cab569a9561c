"""Events like those of `threading`, based on the conditions of `_threads`."""

from __future__ import annotations

from secantus_server.system._threads import Condition


class Event:
    """A flag that threads can wait for.

    Threads: `_changed` guards `_is_set`.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._is_set = False

    def is_set(self) -> bool:
        """Return whether the flag is set."""
        return self._is_set

    def set(self) -> None:
        """Set the flag and wake the waiting threads."""
        with self._changed:
            self._is_set = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Clear the flag."""
        self._is_set = False

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until the flag is set or the timeout expires, and return whether the flag is set."""
        with self._changed:
            return self._changed.wait_for(self.is_set, timeout_s)
