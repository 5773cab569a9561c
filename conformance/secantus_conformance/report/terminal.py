"""The report of a run in a terminal: the table, then each failure with the expected and the actual value side by side."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from secantus_conformance.model import Group, Result, Run, Verdict
from secantus_conformance.report.progress import verdict_style
from secantus_conformance.report.summary import Row, of_server_tests, rows, total

# Limits so that a failure fits on one screen: lines per side, and characters of the reason.
_SIDE_LINES = 30
_REASON_LENGTH = 500
_MAX_FAILURES = 20


def print_run(console: Console, run: Run, free: frozenset[str] = frozenset()) -> None:
    """Print the table of a run, its failures and its totals. Only the first twenty failures are printed in full."""
    console.print(summary_table(run, free))
    for result in run.bad[:_MAX_FAILURES]:
        print_failure(console, result)
    if len(run.bad) > _MAX_FAILURES:
        console.print(f"… and {len(run.bad) - _MAX_FAILURES} more that did not pass: --report DIR writes them all.")
    for note in run.notes:
        console.print(escape(note))
    console.print(sentence(run))


def sentence(run: Run) -> str:
    """Return a one-sentence summary of a run."""
    whole = total(rows(run.results), "all", Group.SERVER)
    known = f", {whole.counts[Verdict.KNOWN]} known differences" if whole.counts[Verdict.KNOWN] else ""
    figures = (
        f"{whole.passed} of {whole.eligible} eligible tests passed{known}, {len(run.bad)} did not; "
        f"{whole.counts[Verdict.SKIPPED]} of {whole.total} were skipped; {run.seconds:.0f} s."
    )
    return " ".join(filter(None, (figures, of_server_tests(run))))


def summary_table(run: Run, free: frozenset[str]) -> Table:
    """Return the summary table of a run, with a block for each group and a row for each category."""
    title = f"{run.title}: {run.suite.get('name', '')} {run.suite.get('version', '')} against {run.server.get('product', '')}"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1), collapse_padding=True, pad_edge=False)
    all_rows = rows(run.results, free)
    columns = _columns(total(all_rows, "", Group.SERVER), bool(free))
    table.add_column("category", overflow="fold")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for group, members in groupby(all_rows, key=lambda row: row.group):
        block = list(members)
        for row in block:
            table.add_row(row.category, *(column(row) for column in columns.values()))
        whole = total(block, "", group)
        table.add_row(f"[bold]{group.value}[/bold]", *(column(whole) for column in columns.values()), end_section=True)
    return table


def _columns(whole: Row, with_free: bool) -> dict[str, Callable[[Row], str]]:
    """Return the columns of the summary table, few enough for 80 characters.

    Errors and timeouts count as failed, because they are listed separately below the table.
    """
    columns: dict[str, Callable[[Row], str]] = {
        "passed": lambda row: str(row.passed),
        "eligible": lambda row: str(row.eligible),
        "share": lambda row: row.share,
    }
    if whole.counts[Verdict.KNOWN]:
        columns["known"] = lambda row: str(row.counts[Verdict.KNOWN])
    columns["failed"] = _failed
    columns["skipped"] = lambda row: str(row.counts[Verdict.SKIPPED])
    if with_free:
        columns["free"] = lambda row: str(row.free)
    return columns


def _failed(row: Row) -> str:
    return f"[red]{row.bad}[/red]" if row.bad else "0"


def print_failure(console: Console, result: Result) -> None:
    """Print one failure so that it fits on one screen: the reason, then the expected and the actual value side by side."""
    console.print(f"\n[{verdict_style(result.verdict)}]{result.verdict.value}[/] {escape(result.id)}")
    reason = result.reason if len(result.reason) <= _REASON_LENGTH else result.reason[:_REASON_LENGTH] + "…"
    console.print(f"  {escape(reason)}")
    if result.expected or result.actual:
        table = Table(show_lines=False, expand=True)
        table.add_column("expected", ratio=1)
        table.add_column("actual", ratio=1)
        width = (console.width - 7) // 2
        table.add_row(escape(_cut(result.expected, width)), escape(_cut(result.actual, width)))
        console.print(table)


def _cut(text: str, width: int) -> str:
    lines = [line[start : start + width] for line in text.splitlines() for start in range(0, max(len(line), 1), width)]
    return text if len(lines) <= _SIDE_LINES else "\n".join([*lines[:_SIDE_LINES], f"… {len(lines) - _SIDE_LINES} more lines"])
