"""The interface of a driver's own test suite: prepare the suite, run it against a server, and read its results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable
from xml.etree import ElementTree

from secantus_conformance.differences import Difference, apply_differences
from secantus_conformance.failures import UsageError
from secantus_conformance.model import Group, Result, Skip, Verdict
from secantus_conformance.report.summary import NEEDS_SERVER


@dataclass(frozen=True)
class Environmental:
    """A pattern for failures that do not depend on the server, because the test needs a different topology, public DNS or an encryption
    library.

    It covers a failure if the test's name contains `test` and the failure's message contains `words`, ignoring case.
    """

    reason: str
    test: str = ""
    words: str = ""

    def covers(self, test: str, said: str) -> bool:
        """Return whether the pattern covers a failure."""
        return self.test in test and self.words.lower() in said.lower()


class DriverSuite(Protocol):
    """A driver's own test suite, unmodified.

    `port` is the port on which some of its tests expect the server, or 0 if no test does. `auth` is true if its tests log in. In that
    case, the bundled server runs with access control, and the URI contains a superuser.
    """

    name: str
    version: str
    port: int
    auth: bool
    environmental: Sequence[Environmental]

    def prepare(self, cache: Path, source: Path | None) -> Path:
        """Install the suite and its environment into the cache. Return the working folder. Raise UsageError on failure.

        Arguments:
            source: a checkout of the driver, for suites that are not part of a package.
        """

    def run(self, folder: Path, uri: str, junit: Path, timeout: float) -> None:
        """Run the suite against a server and write JUnit XML. Raise UsageError if it cannot be completed."""

    def needs_server(self, test: str) -> bool:
        """Return whether a test needs a running server."""


@runtime_checkable
class RunsAgain(Protocol):
    """A suite that can run selected tests again."""

    def run_again(self, folder: Path, uri: str, tests: frozenset[str], junit: Path, timeout: float) -> None:
        """Run selected tests again, and write JUnit XML that contains them to the file that `run` has written. Raise UsageError on
        failure.

        Arguments:
            tests: the tests' names as in results, "classname::name".
        """


def read_junit(path: Path, suite: DriverSuite, differences: list[Difference]) -> list[Result]:
    """Return the results in a JUnit file, with environmental failures and known differences marked. Raise UsageError if the file is
    missing.
    """
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
