"""Each registered row of the interface, and the page that lists the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from tests.surface.page import with_rows
from tests.surface.rows import ROWS, Row

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "surface.md"


# A function that checks several rows runs once.
@pytest.mark.parametrize(
    "checked", {row.check: row for row in ROWS.values()}.values(), ids=lambda row: f"{row.section}: {row.check.__name__}"
)
def test_row(checked: Row, db: Database[dict[str, Any]]) -> None:
    checked.check(db)


def test_the_page_is_current() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_rows(page), "Run python -m tests.surface.page docs/reference/surface.md"
