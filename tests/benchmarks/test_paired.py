"""Tests of the estimates from paired measurements, and of the alternating run of processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.benchmarks.paired import Estimate, estimate, run_alternately


@pytest.mark.parametrize(
    ("count", "low", "high"),
    # The known bounds of the confidence interval of a median, as ranks.
    [(1, 1, 1), (5, 1, 5), (6, 1, 6), (9, 2, 8), (15, 4, 12), (60, 22, 39)],
)
def test_the_interval_of_a_median(count: int, low: int, high: int) -> None:
    found = estimate([float(number) for number in range(count, 0, -1)])
    assert (found.low, found.high) == (low, high)
    assert found.median == (count + 1) / 2


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (Estimate(9, 8, 10), "ok"),
        (Estimate(9, 8, 11), "ok, uncertain"),
        (Estimate(11, 10, 12), "MISSED, uncertain"),
        (Estimate(12, 11, 13), "MISSED"),
    ],
)
def test_a_verdict_says_whether_the_interval_leaves_it_open(found: Estimate, verdict: str) -> None:
    assert found.verdict(10) == verdict


def test_processes_that_run_alternately_end() -> None:
    line = [sys.executable, "-c", "print(sum(range(1_000_000)))"]
    processes = [subprocess.Popen(line, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    run_alternately(processes)
    assert [process.communicate()[0] for process in processes] == ["499999500000\n"] * 2
    assert [process.returncode for process in processes] == [0, 0]
