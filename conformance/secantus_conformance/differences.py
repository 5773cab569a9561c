"""Known differences: tests that a server does not pass, each with the reason.

The bundled server's lists are `differences.toml` and, for the drivers' own suites, `driver_differences.toml`. If a listed test passes, it
counts as a failure until its line is removed, so that the list cannot become outdated.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secantus_conformance.failures import UsageError
from secantus_conformance.model import Group, Result, Verdict
from secantus_conformance.toml import read_toml

_KEYS = {"reason", "says", "tests", "categories", "groups"}


@dataclass(frozen=True)
class Difference:
    """An entry in a list of known differences. It covers the tests that meet all of its conditions.

    Arguments:
        says: phrases. The entry covers a failure only if its message contains one of them.
        tests: test names, with * as a wildcard. A passing test is covered only by a name without a wildcard.
    """

    reason: str
    says: tuple[str, ...]
    tests: tuple[str, ...]
    categories: frozenset[str]
    groups: frozenset[Group]

    def covers(self, result: Result) -> bool:
        """Return whether the entry covers a test result."""
        if (self.categories and result.category not in self.categories) or (self.groups and result.group not in self.groups):
            return False
        if result.verdict is Verdict.PASSED:
            return result.id in self.tests or (not self.tests and bool(self.categories or self.groups))
        if self.tests and not any(result.id == name or ("*" in name and fnmatch.fnmatchcase(result.id, name)) for name in self.tests):
            return False
        return not result.verdict.is_bad or not self.says or any(words in f"{result.reason} {result.actual}" for words in self.says)


def read_differences(path: Path) -> list[Difference]:
    """Return the entries of a file. Raise UsageError if the file is malformed."""
    return [_entry(path, index, entry) for index, entry in enumerate(read_toml(path).get("difference", []), 1)]


def _entry(path: Path, index: int, entry: dict[str, Any]) -> Difference:
    unknown = sorted(entry.keys() - _KEYS)
    if unknown or not isinstance(entry.get("reason"), str) or not entry.keys() - {"reason"}:
        raise UsageError(
            f"{path}: difference {index} needs a reason and says, tests, categories or groups, and nothing else{_tail(unknown)}."
        )
    try:
        groups = frozenset(Group(name) for name in entry.get("groups", []))
    except ValueError as error:
        raise UsageError(f"{path}: difference {index}: {error}") from error
    says = tuple(entry.get("says", []))
    return Difference(entry["reason"], says, tuple(entry.get("tests", [])), frozenset(entry.get("categories", [])), groups)


def _tail(unknown: list[str]) -> str:
    return f" (unknown: {', '.join(unknown)})" if unknown else ""


def apply_differences(result: Result, differences: list[Difference]) -> Result:
    """Return a result with its verdict adjusted. A listed failure becomes a known difference, and a listed pass becomes a failure."""
    entry = next((difference for difference in differences if difference.covers(result)), None)
    if entry is None or result.verdict in (Verdict.SKIPPED, Verdict.KNOWN):
        return result
    if result.verdict is Verdict.PASSED:
        return result.with_verdict(Verdict.FAILED, f"passes, but is listed as a known difference ({entry.reason}): remove its line")
    return result.with_verdict(Verdict.KNOWN, f"{entry.reason} ({result.reason})")


def unused(results: Iterable[Result], differences: list[Difference]) -> list[Difference]:
    """Return the entries that cover no result of a run."""
    return [difference for difference in differences if not any(difference.covers(result) for result in results)]
