"""What a test is and what became of it: the words that the runner, the workers and the reports share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any


class Verdict(str, Enum):
    """What became of one test."""

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
    """Which of three questions a test answers, so that no kind of test drowns the others."""

    SERVER = "server behaviour"
    FAULTS = "fault injection"
    DRIVER = "driver observability"


class Skip(str, Enum):
    """Why a test was not run."""

    REQUIREMENT = "requirement"
    CLIENT = "client cannot"
    ENVIRONMENT = "environment"
    SUITE = "suite"


@dataclass(frozen=True)
class TestCase:
    """One test of a suite: where it is written and how it is filed.

    `index` is its place in the file; `text` stands in for the file where there is none, as for a mutant.
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

    `kind` names the reason as a word (see `failures`), `reason` as a sentence; `expected` and `actual`
    are the two sides of a failed assertion, as text.
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
        """The result as plain JSON values."""
        return {**self.__dict__, "group": self.group.value, "verdict": self.verdict.value, "seconds": round(self.seconds, 4)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Result:
        """The inverse of `to_json`. Raises KeyError or ValueError for data that `to_json` did not write."""
        return cls(**{**data, "group": Group(data["group"]), "verdict": Verdict(data["verdict"])})

    def with_verdict(self, verdict: Verdict, reason: str) -> Result:
        """The same result, judged again."""
        return replace(self, verdict=verdict, reason=reason)

    @property
    def eligible(self) -> bool:
        """Whether the test was one that this server and this client can take."""
        return self.verdict is not Verdict.SKIPPED


@dataclass(frozen=True)
class Run:
    """All results of one run, and what was run against what."""

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
