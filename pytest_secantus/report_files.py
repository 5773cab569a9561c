"""The report's files: one HTML page that loads nothing from elsewhere, and the same data as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).with_name("report_page.html")
PLACE = "/*DATA*/null"


def page_text(summary: dict[str, Any]) -> str:
    """Return the HTML page with its data."""
    # In a script, only `</` and `<!--` could end the data before their end.
    data = json.dumps(summary, ensure_ascii=True).replace("<", "\\u003c")
    head, _, tail = TEMPLATE.read_text(encoding="utf-8").partition(PLACE)
    return head + data + tail


def write_report(summary: dict[str, Any], page: Path) -> None:
    """Write the page and the JSON file next to it.

    Raises:
        OSError: a file cannot be written.
    """
    page.write_text(page_text(summary), encoding="utf-8")
    page.with_suffix(".json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
