"""The report's summary for the terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from secantus_server.diagnostics.plurals import counted

#: How many entries of a list the terminal shows. The page shows all.
MOST = 5
WIDTH = 110


def summary_lines(summary: dict[str, Any], page: Path) -> list[str]:
    """Return the lines of a report's summary.

    Arguments:
        summary: the result of `summary_of`.
        page: the HTML file.
    """
    totals = summary["totals"]
    head = (
        f"{counted(totals['commands'], 'command')} in {counted(totals['tests'], 'test')}: {totals['database_ms'] / 1000:.2f} s "
        f"of {totals['seconds']:.2f} s in the database ({100 * totals['share']:.1f} %)"
    )
    by_time = sorted(summary["tests"], key=lambda test: -test["ms"])
    lists: list[tuple[str, list[Any], Callable[[Any], str]]] = [
        ("slowest shapes", summary["shapes"], _shape),
        ("scans of whole collections", summary["scans"], _scan),
        ("tests with the most commands", [test for test in summary["tests"] if test["commands"]], _commands),
        ("tests with the most time in the database", [test for test in by_time if test["commands"]], _time),
        ("indexes that no test reads", summary["unused_indexes"], _index),
        ("advice", summary["advice"], _advice),
    ]
    lines = [head]
    for title, entries, line in lists:
        if entries:
            lines += ["", f"{title}:", *(f"  {line(entry)}" for entry in entries[:MOST])]
            if len(entries) > MOST:
                lines.append(f"  and {len(entries) - MOST} more")
    return [*lines, "", f"report: {page} and {page.with_suffix('.json').name}"]


def _cut(text: str) -> str:
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."


def _shape(shape: dict[str, Any]) -> str:
    return _cut(f"{shape['ms']:9.2f} ms {shape['count']:6,} x  {shape['namespace']}: {shape['shape']}")


def _scan(shape: dict[str, Any]) -> str:
    documents = counted(shape["docs"], "document")
    return _cut(f"{documents:>19} for {shape['returned']:,}, {shape['count']:,} x  {shape['namespace']}: {shape['shape']}")


def _commands(test: dict[str, Any]) -> str:
    return f"{counted(test['commands'], 'command'):>18}  {test['id']}"


def _time(test: dict[str, Any]) -> str:
    return f"{test['ms']:9.2f} ms  {test['id']}"


def _index(row: dict[str, Any]) -> str:
    return f"{row['namespace']}: {row['name']} {row['key']}"


def _advice(advice: dict[str, Any]) -> str:
    remedy = " ".join(line.strip() for line in advice["remedy"].splitlines())
    place = f", at {advice['places'][0]}" if advice["places"] else ""
    return f"{advice['check']}: {_cut(advice['shape'])} ({advice['count']:,} x{place})\n      {remedy}"
