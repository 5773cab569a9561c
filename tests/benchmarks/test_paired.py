"""Tests of the estimates from paired measurements, and of the alternating run of processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.benchmarks.paired import Estimate, estimate, run_alternately


@pytest.mark.parametrize(
    ("count", "low", "high", "confidence"),
    # The known bounds of the confidence interval of a median, as ranks.
    [(1, 1, 1, 0), (5, 1, 5, 0.9375), (6, 1, 6, 0.96875), (9, 2, 8, 0.961), (15, 4, 12, 0.965), (60, 22, 39, 0.973)],
)
def test_the_interval_of_a_median(count: int, low: int, high: int, confidence: float) -> None:
    found = estimate([float(number) for number in range(count, 0, -1)])
    assert (found.low, found.high) == (low, high)
    assert found.median == (count + 1) / 2
    assert found.confidence == pytest.approx(confidence, abs=0.001)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (Estimate(9, 8, 10, 0.96), "ok"),
        (Estimate(9, 8, 10, 0.5), "ok, uncertain"),
        (Estimate(9, 8, 11, 0.96), "ok, uncertain"),
        (Estimate(11, 10, 12, 0.96), "MISSED, uncertain"),
        (Estimate(12, 11, 13, 0.96), "MISSED"),
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
