"""The outcomes of a suite's tests, and their output as JUnit XML."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from secantus_conformance.failures import UsageError

_TAGS = {"failed": "failure", "error": "error", "skipped": "skipped"}


@dataclass(frozen=True)
class Outcome:
    """The outcome of one test ("passed", "failed", "error" or "skipped"), with a one-line reason and the test's output."""

    group: str
    name: str
    verdict: str
    reason: str = ""
    output: str = ""
    seconds: float = 0.0


def write_junit(outcomes: Iterable[Outcome], path: Path) -> None:
    """Write outcomes as JUnit XML. Raise UsageError if there are none."""
    root = ElementTree.Element("testsuite")
    for outcome in outcomes:
        case = ElementTree.SubElement(
            root, "testcase", classname=printable(outcome.group), name=printable(outcome.name), time=f"{outcome.seconds:.3f}"
        )
        if outcome.verdict in _TAGS:
            ElementTree.SubElement(case, _TAGS[outcome.verdict], message=printable(outcome.reason)).text = printable(outcome.output)[-4000:]
    if not len(root):
        raise UsageError("The suite ran no tests.")
    ElementTree.ElementTree(root).write(path, encoding="utf-8")


def printable(text: str) -> str:
    """Remove the characters that XML cannot contain from a text."""
    return "".join(character for character in text if character.isprintable() or character in "\n\t")
