"""Which commands are looked at after they ran: for the profiler, and for the log's lines about slow ones.

https://www.mongodb.com/docs/manual/tutorial/manage-the-database-profiler/
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

SLOW_MS = 100


@dataclass(frozen=True)
class Profiling:
    """What is observed; replaced whole.

    Arguments:
        levels: the databases whose profiler is on, with the level 1 or 2.
        filters: the databases with a filter in the place of the two numbers: the filter as it was given, and parsed.
        slow_ms: a command that takes longer is slow.
        sample_rate: the share of slow commands that is written.
    """

    levels: dict[str, int] = field(default_factory=dict)
    filters: dict[str, tuple[dict[str, Any], Any]] = field(default_factory=dict)
    slow_ms: int = SLOW_MS
    sample_rate: float = 1.0

    def of(self, db: str, *, level: int, filter: tuple[dict[str, Any], Any] | None) -> Profiling:
        """Return the same with another level and filter for a database."""
        levels = {name: value for name, value in self.levels.items() if name != db}
        filters = {name: value for name, value in self.filters.items() if name != db}
        return replace(
            self, levels=levels if not level else {**levels, db: level}, filters=filters if filter is None else {**filters, db: filter}
        )


class Observer:
    """What is observed of a server's commands; `profiler.observe` does it.

    A command that took less than `threshold_s` is not observed: while nobody looks, that comparison is all it costs.

    Threads: `profiling` is replaced whole by `set`; the commands' threads only read.
    """

    def __init__(self) -> None:
        self.profiling = Profiling()
        self.logs_all = False
        self.threshold_s = 0.0
        self._adjust()

    def set(self, profiling: Profiling) -> None:
        """Observe from now on what this says."""
        self.profiling = profiling
        self._adjust()

    def log_all(self, wanted: bool) -> None:
        """Log every command, or slow ones alone."""
        self.logs_all = wanted
        self._adjust()

    def _adjust(self) -> None:
        slow_s = max(self.profiling.slow_ms, 0) / 1000
        self.threshold_s = -math.inf if self.profiling.levels or self.logs_all else slow_s
