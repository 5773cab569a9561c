"""`python -m tests.surface.page docs/reference/surface.md` rewrites the page's list of the rows that have a test here."""

from __future__ import annotations

import sys
from pathlib import Path

from secantus_server.config.marked import with_part
from tests.surface import (
    accounts,
    administration,
    collections,
    conditions,
    expressions,
    indexes,
    projections,
    queries,
    reads,
    sessions,
    stages,
    streams,
    updates,
    values,
    wire,
    writes,
)
from tests.surface.rows import ROWS

# Imported so that they register their rows.
MODULES = [
    accounts,
    administration,
    collections,
    conditions,
    expressions,
    indexes,
    projections,
    queries,
    reads,
    sessions,
    stages,
    streams,
    updates,
    values,
    wire,
    writes,
]


def with_rows(page: str) -> str:
    """Return a page with the current list between the marks.

    Raises:
        ValueError: the page has no marks.
    """
    sections: dict[str, list[str]] = {}
    for section, name in ROWS:
        sections.setdefault(section, []).append(name)
    lines = [
        f"### {title}\n\n{len(names)} run: {' · '.join(f'`{name}`' for name in sorted(names))}\n\n"
        for title, names in sorted(sections.items())
    ]
    return with_part(page, "rows", "\n" + "".join(lines))


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_rows(path.read_text(encoding="utf-8")), encoding="utf-8")
