"""The estimate of a difference or a ratio from paired measurements, and the alternating run of two processes.

A machine that others use changes its speed by a factor of two, within minutes or within seconds. Two measurements of a pair must
therefore be made as close together as possible, and the result is the median over the pairs, which a few disturbed pairs hardly move.
"""

from __future__ import annotations

import math
import signal
import statistics
import subprocess
import time
from collections.abc import Sequence
from typing import NamedTuple

#: How long one of two processes runs before the other one continues. Refilling the caches takes about a millisecond.
SLICE_S = 0.05
#: The least probability with which the interval of an estimate should contain the true median.
CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """A median with its confidence interval, of which each bound is one of the measured values.

    `confidence` is the probability with which the interval contains the true median.
    """

    median: float
    low: float
    high: float
    confidence: float

    def verdict(self, bar: float) -> str:
        """Say whether the median is at most `bar`, and whether the interval leaves that open."""
        found = "ok" if self.median <= bar else "MISSED"
        return f"{found}, uncertain" if self.low <= bar < self.high or self.confidence < CONFIDENCE else found


def estimate(values: Sequence[float]) -> Estimate:
    """Return the median of independent values, with the interval between order statistics, which assumes no distribution.

    Each value is above or below the true median with the same probability, so the number of values below it is binomially distributed.
    The confidence is at least `CONFIDENCE`, except with fewer than six values, whose interval is that between the least and the greatest.
    """
    found, count = sorted(values), len(values)
    left_out, below = 0, 0.5**count
    while left_out < (count - 1) // 2 and 2 * (below + math.comb(count, left_out + 1) * 0.5**count) <= 1 - CONFIDENCE:
        left_out += 1
        below += math.comb(count, left_out) * 0.5**count
    return Estimate(statistics.median(found), found[left_out], found[-1 - left_out], 1 - 2 * below)


def run_alternately(processes: Sequence[subprocess.Popen[str]]) -> None:
    """Let processes that have just started run in turn, each for a short time while the others are stopped, until all have ended."""
    try:
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        while waiting := [process for process in processes if process.poll() is None]:
            for process in waiting:
                process.send_signal(signal.SIGCONT)
                time.sleep(SLICE_S)
                if process.poll() is None:
                    process.send_signal(signal.SIGSTOP)
    finally:
        # After an interruption, no process may stay behind stopped.
        for process in processes:
            process.kill()
