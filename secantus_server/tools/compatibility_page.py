"""Generates the tables of docs/compatibility.md from the registry of differences.

python -m secantus_server.tools.compatibility_page docs/compatibility.md     rewrites the tables between their marks
"""

from __future__ import annotations

import sys
from pathlib import Path

from secantus_server.config.marked import with_part
from secantus_server.differences import DIFFERENCES, MISSING
from secantus_server.version import Difference


def differences_table() -> str:
    """Return a Markdown text with a table of differences for each area."""
    areas: dict[str, list[Difference]] = {}
    for difference in DIFFERENCES.values():
        areas.setdefault(difference.area, []).append(difference)
    tables = [f"### {area}\n\n{_table(rows)}" for area, rows in areas.items()]
    return "\n" + "\n".join([*tables, _missing()]) + "\n"


def _table(rows: list[Difference]) -> str:
    heading = '| Since | `compat = "8.2"` | `compat = "9.0"` |\n|---|---|---|\n'
    return heading + "".join(_row(row) for row in rows)


def _missing() -> str:
    rows = "".join(f"| [{row.since}]({row.source}) | {row.what} | {row.instead} |\n" for row in MISSING)
    return f"### What MongoDB changes and this server does not\n\n| Since | MongoDB | Here |\n|---|---|---|\n{rows}"


def _row(row: Difference) -> str:
    note = f" {row.note}" if row.note else ""
    return f"| [{row.since}]({row.source}) | {row.before} | {row.after}.{note} |\n"


def with_tables(page: str) -> str:
    """Return a page with the current tables between the marks.

    Raises:
        ValueError: the page has no marks.
    """
    return with_part(page, "differences", differences_table())


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_tables(path.read_text(encoding="utf-8")), encoding="utf-8")
