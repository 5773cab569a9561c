"""The report of a run as JUnit XML, which continuous integration systems read."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree

from secantus_conformance.model import Result, Run, Verdict

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(run: Run, path: Path) -> None:
    """Write a run as JUnit XML, with a suite for each category and a case for each test. A known difference counts as skipped."""
    root = ElementTree.Element("testsuites", name=run.title, time=f"{run.seconds:.3f}")
    ordered = sorted(run.results, key=lambda result: result.category)
    for category, members in groupby(ordered, key=lambda result: result.category):
        root.append(_suite(category, list(members)))
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _suite(category: str, results: list[Result]) -> ElementTree.Element:
    counts = {
        "tests": len(results),
        "failures": sum(result.verdict in (Verdict.FAILED, Verdict.TIMEOUT) for result in results),
        "errors": sum(result.verdict is Verdict.ERROR for result in results),
        "skipped": sum(result.verdict in (Verdict.SKIPPED, Verdict.KNOWN) for result in results),
    }
    seconds = sum(result.seconds for result in results)
    suite = ElementTree.Element(
        "testsuite", {"name": category, "time": f"{seconds:.3f}", **{key: str(value) for key, value in counts.items()}}
    )
    suite.extend(_case(result) for result in results)
    return suite


def _case(result: Result) -> ElementTree.Element:
    file, _, name = result.id.partition("::")
    case = ElementTree.Element("testcase", classname=_text(file.replace("/", ".")), name=_text(name), time=f"{result.seconds:.3f}")
    if result.verdict is Verdict.PASSED:
        return case
    tag = {Verdict.SKIPPED: "skipped", Verdict.KNOWN: "skipped", Verdict.ERROR: "error"}.get(result.verdict, "failure")
    detail = ElementTree.SubElement(case, tag, type=result.kind or result.verdict.value, message=_text(result.reason))
    if result.expected or result.actual:
        detail.text = _text(f"expected:\n{result.expected}\n\nactual:\n{result.actual}")
    return case


def _text(text: str) -> str:
    """Return text without the characters that XML does not allow."""
    return _NOT_XML.sub("�", text)
