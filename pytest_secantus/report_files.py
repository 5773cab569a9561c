"""The report's files: a self-contained HTML page, and the same data as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).with_name("report_page.html")
PLACE = "/*DATA*/null"


def page_text(data: str) -> str:
    """Return the HTML page with `data`, an ASCII text in JSON format, embedded."""
    head, _, tail = TEMPLATE.read_text(encoding="utf-8").partition(PLACE)
    # Within a script element, only `</` and `<!--` could end the data early.
    return head + data.replace("<", "\\u003c") + tail


def write_report(summary: dict[str, Any], page: Path) -> None:
    """Write the page and the JSON file next to it.

    Raises:
        OSError: a file cannot be written.
    """
    # Not indented: with indentation, Python's json uses its slow encoder.
    data = json.dumps(summary)
    page.write_text(page_text(data), encoding="utf-8")
    page.with_suffix(".json").write_text(data + "\n", encoding="utf-8")
