"""Selects the commands that the profiler and the slow command log record.

https://www.mongodb.com/docs/manual/tutorial/manage-the-database-profiler/
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import field
from typing import Any

from secantus_server.clock import Clock
from secantus_server.dispatch.interceptors import Call
from secantus_server.records import record, replace
from secantus_server.wire.op_query import HELLO_NAMES

SLOW_MS = 100

# hello may block as long as the client requests, and profile configures the profiler.
NEVER_OBSERVED = HELLO_NAMES | {"profile"}


@record(frozen=True)
class Profiling:
    """The settings of the profiler. Instances are immutable, so a change replaces the whole instance.

    Arguments:
        levels: the level, 1 or 2, of each profiled database.
        filters: the profiler's filter of each database, both in the client's form and parsed. A filter replaces `slow_ms` and
            `sample_rate`.
        slow_ms: the duration above which a command is slow.
        sample_rate: the fraction of slow commands to record.
    """

    levels: dict[str, int] = field(default_factory=dict)
    filters: dict[str, tuple[dict[str, Any], Any]] = field(default_factory=dict)
    slow_ms: int = SLOW_MS
    sample_rate: float = 1.0

    def of(self, db: str, *, level: int, filter: tuple[dict[str, Any], Any] | None) -> Profiling:
        """Return a copy with a different level and filter for one database."""
        levels = {name: value for name, value in self.levels.items() if name != db}
        filters = {name: value for name, value in self.filters.items() if name != db}
        return replace(
            self, levels=levels if not level else {**levels, db: level}, filters=filters if filter is None else {**filters, db: filter}
        )


class Observer:
    """Selects the commands that the interceptors `Profiler` and `SlowLog` record.

    Arguments:
        clock: the source of the random numbers that select the sample of slow commands.
        on_change: called after each change.

    Threads: `set` replaces `profiling` as a whole, and command threads only read it.
    """

    def __init__(self, clock: Clock, on_change: Callable[[], None]) -> None:
        self._clock = clock
        self._on_change = on_change
        self.profiling = Profiling()
        self.logs_all = False
        #: Commands that took at most this long are not logged. For most commands, the comparison with it is the only cost of logging.
        self.log_threshold_s = SLOW_MS / 1000

    def set(self, profiling: Profiling) -> None:
        """Replace the profiler's settings."""
        self.profiling = profiling
        self._adjust()

    def log_all(self, wanted: bool) -> None:
        """Log every command if `wanted` is true. Otherwise log only slow commands."""
        self.logs_all = wanted
        self._adjust()

    def is_slow(self, call: Call) -> bool:
        """Return whether a command was slow and belongs to the random sample. The result is computed only once per command."""
        if call.is_slow is None:
            slow = call.seconds * 1000 > self.profiling.slow_ms
            call.is_slow = slow and self._clock.random.random() < self.profiling.sample_rate
        return call.is_slow

    def _adjust(self) -> None:
        self.log_threshold_s = -math.inf if self.logs_all else max(self.profiling.slow_ms, 0) / 1000
        self._on_change()
