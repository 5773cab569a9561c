"""What a driver's own test suite is to this runner: something that can be prepared, run against a server, and read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from xml.etree import ElementTree

from secantus_conformance.differences import Difference, apply_differences
from secantus_conformance.failures import UsageError
from secantus_conformance.model import Group, Result, Skip, Verdict
from secantus_conformance.report.summary import NEEDS_SERVER


@dataclass(frozen=True)
class Environmental:
    """Failures that say nothing about the server: another topology is needed, the public DNS, an encryption library.

    A failure is meant if `test` is in its test's name and `words` are in what it said, in whatever case.
    """

    reason: str
    test: str = ""
    words: str = ""

    def covers(self, test: str, said: str) -> bool:
        """Whether a failure is meant."""
        return self.test in test and self.words.lower() in said.lower()


class DriverSuite(Protocol):
    """A driver's own test suite, unmodified."""

    name: str
    version: str
    environmental: Sequence[Environmental]

    def prepare(self, cache: Path) -> Path:
        """Brings the suite and its environment into the cache. Returns the working folder; raises UsageError."""

    def run(self, folder: Path, uri: str, junit: Path, timeout: float) -> None:
        """Runs the suite against a server and writes JUnit XML. Raises UsageError if it cannot be run to its end."""

    def needs_server(self, test: str) -> bool:
        """Whether a test needs a server at all."""


def read_junit(path: Path, suite: DriverSuite, differences: list[Difference]) -> list[Result]:
    """The results in a JUnit file, those of the environment and known differences told apart. Raises UsageError if there is none."""
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise UsageError(f"The suite of {suite.name} left no readable results: {error}") from error
    return [apply_differences(_result(case, suite), differences) for case in root.iter("testcase")]


def _result(case: ElementTree.Element, suite: DriverSuite) -> Result:
    name = f"{case.get('classname', '')}::{case.get('name', '')}"
    group = Group.SERVER if suite.needs_server(name) else Group.DRIVER
    category = f"{suite.name}{NEEDS_SERVER}" if group is Group.SERVER else f"{suite.name}: driver only"
    verdict, kind, reason, actual = _verdict(case)
    outside = next((each for each in suite.environmental if each.covers(name, f"{reason} {actual}")), None)
    if verdict.is_bad and outside is not None:
        verdict, kind, reason, actual = Verdict.SKIPPED, Skip.ENVIRONMENT.value, outside.reason, f"{reason}\n{actual}"
    return Result(name, category, group, verdict, kind, reason, "", actual, float(case.get("time") or 0))


def _verdict(case: ElementTree.Element) -> tuple[Verdict, str, str, str]:
    for tag, verdict, kind in (
        ("failure", Verdict.FAILED, "failure"),
        ("error", Verdict.ERROR, "error"),
        ("skipped", Verdict.SKIPPED, Skip.SUITE.value),
    ):
        found = case.find(tag)
        if found is not None:
            return verdict, kind, (found.get("message") or "").strip()[:1000], (found.text or "")[-4000:]
    return Verdict.PASSED, "", "", ""
