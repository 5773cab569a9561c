"""The report's files: a self-contained HTML page, and the same data as JSON."""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_secantus.report_data import TestPage

TEMPLATE = Path(__file__).with_name("report_page.html")
PLACE = "/*DATA*/null"


def page_text(data: str) -> str:
    """Return the HTML page with `data`, an ASCII text in JSON format, embedded.

    The template is ASCII, too. Otherwise each character of the page would take two bytes in memory, and encoding the page would take
    longer.
    """
    head, _, tail = TEMPLATE.read_text(encoding="utf-8").partition(PLACE)
    # Within a script element, only `</` and `<!--` could end the data early.
    return head + data.replace("<", "\\u003c") + tail


def write_report(summary: dict[str, Any], page: Path) -> None:
    """Write the page and the JSON file next to it.

    Raises:
        OSError: a file cannot be written.
    """
    data = data_text(summary)
    page.write_text(page_text(data), encoding="utf-8")
    page.with_suffix(".json").write_text(data + "\n", encoding="utf-8")


def data_text(summary: dict[str, Any]) -> str:
    """Return the data of a report as JSON. The rows of its tests are JSON already."""
    # Not indented: with indentation, Python's json uses its slow encoder.
    parts = [f"{json.dumps(name)}: {tests_text(value) if name == 'tests' else json.dumps(value)}" for name, value in summary.items()]
    return f"{{{', '.join(parts)}}}"


def tests_text(tests: list[TestPage]) -> str:
    """Return the pages of tests as a JSON array."""
    return f"[{', '.join(map(test_text, tests))}]"


def test_text(test: TestPage) -> str:
    """Return the page of a test as JSON."""
    findings = json.dumps(test["findings"]) if test["findings"] else "[]"
    return (
        f'{{"id": {quoted(test["id"])}, "outcome": {quoted(test["outcome"])}, "seconds": {test["seconds"]}, '
        f'"commands": {test["commands"]}, "ms": {test["ms"]}, "keys": {test["keys"]}, "docs": {test["docs"]}, '
        f'"rows": [{", ".join(test["rows"])}], "findings": {findings}}}'
    )
