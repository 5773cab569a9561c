"""The output of the results, one line per row or probe, printed as soon as it is measured."""

from __future__ import annotations

from tests.benchmarks.inprocess import Probe
from tests.benchmarks.table import FLOOR, OURS, PEER, Figures

HEADING = f"{'operation':<46}{'floor':>10}{'ours':>11}{'peer':>12}  {'x floor':>8} {'bar':>5}  {'x peer':>8} {'bar':>5}"


def number(value: float | None, digits: int = 2) -> str:
    """Return a figure as text, or a dash if it is None."""
    return "-" if value is None else f"{value:.{digits}f}"


def verdict(holds: bool | None) -> str:
    """Return the word at the end of a line that says whether the bar is met."""
    return {True: "ok", False: "MISSED", None: ""}[holds]


def table_line(figures: Figures) -> str:
    """Return the output line of one row. Times are in microseconds, per document if the row has documents."""
    floor, ours, peer = (number(figures.microseconds.get(name)) for name in (FLOOR, OURS, PEER))
    over = f"{number(figures.over_floor()):>8} {number(figures.floor_bar, 1):>5}"
    under = f"{number(figures.under_peer(), 1):>8} {number(figures.peer_bar, 0):>5}"
    line = f"{figures.name:<46}{floor:>10}{ours:>11}{peer:>12}  {over}  {under}  {verdict(figures.holds())}"
    return line.rstrip() + (f"\n    {figures.note}" if figures.note else "")


def probe_line(probe: Probe) -> str:
    """Return the output line of a probe: its name, its figure, and the required bound (bar)."""
    bar = "" if probe.bar is None else f"{'<=' if probe.at_most else '>='} {probe.bar:g}"
    return f"{probe.name:<64}{number(probe.value, 3):>12} {bar:<11}{probe.unit:<5}{verdict(probe.holds())}".rstrip()
