"""Which commands the profiler and the log of slow commands observe.

https://www.mongodb.com/docs/manual/tutorial/manage-the-database-profiler/
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from secantus_server.clock import Clock
from secantus_server.dispatch.interceptors import Call

SLOW_MS = 100

# hello waits as long as the client likes, and profile concerns the profiler itself.
NEVER_OBSERVED = frozenset(["hello", "isMaster", "ismaster", "profile"])


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
    """Which commands of a server are profiled and logged; the interceptors `Profiler` and `SlowLog` do it.

    Arguments:
        clock: draws the sample of slow commands.
        on_change: called after each change.

    Threads: `profiling` is replaced whole by `set`; the commands' threads only read.
    """

    def __init__(self, clock: Clock, on_change: Callable[[], None]) -> None:
        self._clock = clock
        self._on_change = on_change
        self.profiling = Profiling()
        self.logs_all = False
        #: A command that took no longer than this is not logged: usually that comparison is all that logging costs.
        self.log_threshold_s = SLOW_MS / 1000

    def set(self, profiling: Profiling) -> None:
        """Replace what is profiled."""
        self.profiling = profiling
        self._adjust()

    def log_all(self, wanted: bool) -> None:
        """Log every command, or only slow ones."""
        self.logs_all = wanted
        self._adjust()

    def is_slow(self, call: Call) -> bool:
        """Return whether a command was slow and is in the sample; drawn once per command."""
        if call.is_slow is None:
            slow = call.seconds * 1000 > self.profiling.slow_ms
            call.is_slow = slow and self._clock.random.random() < self.profiling.sample_rate
        return call.is_slow

    def _adjust(self) -> None:
        self.log_threshold_s = -math.inf if self.logs_all else max(self.profiling.slow_ms, 0) / 1000
        self._on_change()
