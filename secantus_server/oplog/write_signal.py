"""Lets a tailable cursor wait for the next write."""

from __future__ import annotations

from secantus_server.system.conditions import Condition


class WriteSignal:
    """Counts commits and wakes who waits for one.

    Threads: `_condition` guards `_waiting` and `_count`.
    """

    def __init__(self) -> None:
        self._condition = Condition()
        self._waiting = 0
        self._count = 0
        self._closed = False

    def notify(self) -> None:
        """A commit happened. Costs nothing where nobody waits."""
        if self._waiting:
            with self._condition:
                self._count += 1
                self._condition.notify_all()

    def wait(self, timeout_s: float) -> None:
        """Wait for the next commit, for so long at most."""
        with self._condition:
            seen = self._count
            self._waiting += 1
            self._condition.wait_for(lambda: self._closed or self._count != seen, min(timeout_s, 0.05))
            self._waiting -= 1

    def close(self) -> None:
        """Wake everybody for good."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
