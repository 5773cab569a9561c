"""Samples of the serverStatus counters, from which the charts are drawn."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

#: The number of samples kept: ten minutes at one sample per two seconds.
MAX_SAMPLES: Final = 300
#: The minimum time between samples; closer ones are dropped, so that two open pages do not distort the rates.
MIN_INTERVAL_MS: Final = 900


@dataclass(frozen=True)
class Sample:
    """The values of the counters at one point in time.

    Arguments:
        time_ms: the server's time.
        values: the values by name.
    """

    time_ms: int
    values: dict[str, float]


#: The charts: title, unit, whether the values are counters (shown as rates), and the lines with their paths in serverStatus.
CHARTS: Final[tuple[tuple[str, str, bool, dict[str, str]], ...]] = (
    ("Operations", "/s", True, {name: f"opcounters.{name}" for name in ("insert", "query", "update", "delete", "getmore", "command")}),
    ("Documents", "/s", True, {name: f"metrics.document.{name}" for name in ("inserted", "updated", "deleted", "returned")}),
    ("Network", "bytes/s", True, {"in": "network.bytesIn", "out": "network.bytesOut"}),
    ("Connections", "", False, {"open": "connections.current", "active": "connections.active"}),
    ("Memory", "MB", False, {"resident": "mem.resident"}),
    ("Cache", "bytes", False, {"used": "wiredTiger.cache.bytes currently in the cache"}),
    ("Cursors", "", False, {"open": "metrics.cursor.open.total"}),
    ("Scans", "/s", True, {"keys": "metrics.queryExecutor.scanned", "documents": "metrics.queryExecutor.scannedObjects"}),
)


class Samples:
    """A buffer of the latest samples."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the samples
        self._samples: deque[Sample] = deque(maxlen=MAX_SAMPLES)

    def add(self, status: Mapping[str, Any]) -> None:
        """Store the counters in a serverStatus reply as a sample."""
        values = {}
        for *_others, lines in CHARTS:
            for place in lines.values():
                value = _at(status, place)
                if value is not None:
                    values[place] = value
        time_ms = int(status["localTime"].timestamp() * 1000)
        with self._lock:
            if not self._samples or time_ms - self._samples[-1].time_ms >= MIN_INTERVAL_MS:
                self._samples.append(Sample(time_ms, values))

    def lines(self, place: str, rate: bool) -> list[tuple[int, float]]:
        """Return the points of a chart line. Each point is a time in milliseconds, with the value or the rate per second at that time."""
        with self._lock:
            found = [(sample.time_ms, sample.values[place]) for sample in self._samples if place in sample.values]
        if not rate:
            return found
        pairs = itertools.pairwise(found)
        return [(later, max(0.0, (new - old) * 1000 / (later - before))) for (before, old), (later, new) in pairs if later > before]


def _at(status: Mapping[str, Any], place: str) -> float | None:
    """Return the number at a dotted path, or None."""
    value: Any = status
    for name in place.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) else None
