"""The counters that serverStatus reports."""

from __future__ import annotations

from collections import defaultdict

from secantus_server.system._threads import Lock


class Counters:
    """Named totals that only increase, such as the number of accepted connections.

    Threads: `_lock` guards `_counts`.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: defaultdict[str, int] = defaultdict(int)

    def add(self, name: str, amount: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name] += amount

    def value(self, name: str) -> int:
        """Return a counter's value."""
        with self._lock:
            return self._counts[name]
