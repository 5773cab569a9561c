"""The model of tests and their results, shared by the runner, the workers and the reports."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any


class Verdict(str, Enum):
    """The outcome of one test."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    TIMEOUT = "timeout"
    SKIPPED = "skipped"
    KNOWN = "known difference"

    @property
    def is_bad(self) -> bool:
        """Whether this verdict makes the run fail."""
        return self in (Verdict.FAILED, Verdict.ERROR, Verdict.TIMEOUT)


class Group(str, Enum):
    """What a test measures. Groups are reported separately, because they differ in size."""

    SERVER = "server behaviour"
    FAULTS = "fault injection"
    DRIVER = "driver observability"


class Skip(str, Enum):
    """The reason for not running a test."""

    REQUIREMENT = "requirement"
    CLIENT = "client cannot"
    ENVIRONMENT = "environment"
    SUITE = "suite"


#: How the notes begin that name tests which failed in the first run and passed in a second one.
SECOND_RUN = "Passed only on a second run"


@dataclass(frozen=True)
class TestCase:
    """One test of a suite: where it is defined, and its category and group.

    `index` is its position in the file. For a test without a file, such as a mutant, `text` contains what the file would contain.
    """

    __test__ = False

    id: str
    file: Path
    index: int
    category: str
    group: Group
    kind: str
    text: str | None = None


@dataclass(frozen=True)
class Result:
    """The verdict of one test.

    `kind` is the reason in one word (see `failures`), and `reason` is a sentence. `expected` and `actual` are the two values of a failed
    assertion, as text.
    """

    id: str
    category: str
    group: Group
    verdict: Verdict
    kind: str = ""
    reason: str = ""
    expected: str = ""
    actual: str = ""
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the result as a dictionary of JSON values."""
        return {**self.__dict__, "group": self.group.value, "verdict": self.verdict.value, "seconds": round(self.seconds, 4)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Result:
        """Build a result from JSON values. Raise KeyError or ValueError for data in a form that `to_json` does not write."""
        return cls(**{**data, "group": Group(data["group"]), "verdict": Verdict(data["verdict"])})

    def with_verdict(self, verdict: Verdict, reason: str) -> Result:
        """Return a copy of the result with a different verdict and reason."""
        return replace(self, verdict=verdict, reason=reason)

    @property
    def eligible(self) -> bool:
        """Whether this server and this client can run the test."""
        return self.verdict is not Verdict.SKIPPED


@dataclass(frozen=True)
class Run:
    """The results of a test run, with the names of its suite and its server."""

    title: str
    suite: dict[str, str]
    server: dict[str, str]
    results: tuple[Result, ...]
    seconds: float
    notes: tuple[str, ...] = field(default=())

    @property
    def bad(self) -> list[Result]:
        """The results that make the run fail."""
        return [result for result in self.results if result.verdict.is_bad]
