"""The interface of a mapper's test suite: the origin of its tests, their preparation, and the tests that passed in earlier runs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from secantus_conformance.differences import Difference, read_differences
from secantus_conformance.drivers.base import DriverSuite
from secantus_conformance.failures import UsageError
from secantus_conformance.model import Group, Result, Verdict
from secantus_conformance.ratchet import read_ratchet
from secantus_conformance.report.summary import NEEDS_SERVER

# For each suite, the names of the tests that pass (NAME.txt) and the known differences (NAME.toml).
LISTS = Path(__file__).parent / "lists"
_VERSION = re.compile(r"""^\s*"?version"?\s*[=:]\s*["']([^"']+)""", re.MULTILINE)


class OdmSuite(DriverSuite, Protocol):
    """A mapper's test suite, unmodified.

    `repository` is the repository of which the user must provide a checkout. It is empty if the source distribution contains the tests.
    """

    repository: str


def copy_checkout(suite: OdmSuite, source: Path | None, target: Path) -> None:
    """Copy a suite's checkout, so that the original is not modified. Raise UsageError if it is missing or has the wrong version."""
    if source is None:
        raise UsageError(
            f"The package of {suite.name} does not contain its tests. "
            f"Pass --source DIR, a checkout of {suite.repository} at version {suite.version}."
        )
    found = _version_of(source)
    if found != suite.version:
        raise UsageError(f"{source} has version {found or 'unknown'}, but the suite of {suite.name} is pinned to {suite.version}.")
    if not target.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("node_modules", ".git", "build"))


def _version_of(source: Path) -> str:
    for name in ("pyproject.toml", "package.json"):
        path = source / name
        match = _VERSION.search(path.read_text(encoding="utf-8")) if path.exists() else None
        if match:
            return match[1]
    for path in sorted(source.glob("*/__init__.py")):
        match = re.search(r"^VERSION = \((\d+), (\d+), (\d+)\)", path.read_text(encoding="utf-8"), re.MULTILINE)
        if match:
            return ".".join(match.groups())
    return ""


def known_differences(name: str) -> list[Difference]:
    """Return the known differences of the bundled server for a suite."""
    path = LISTS / f"{name}.toml"
    return read_differences(path) if path.exists() else []


def hold(name: str, results: Iterable[Result], path: Path | None = None) -> list[Result]:
    """Apply the ratchet (the list of tests that must pass) to results. A listed test that does not pass becomes a failure, even if it did
    not run.

    Arguments:
        path: the ratchet file; by default the suite's file in this package.
    """
    path = path or LISTS / f"{name}.txt"
    names = set(read_ratchet(path)) if path.exists() else set()
    results = list(results)
    # A suite may contain several tests with the same name.
    passed = {result.id for result in results if result.verdict is Verdict.PASSED}
    held = [_demand(result) if result.id in names - passed else result for result in results]
    missing = sorted(names - {result.id for result in held})
    reason = "has passed before and did not run"
    return held + [Result(each, f"{name}{NEEDS_SERVER}", Group.SERVER, Verdict.ERROR, "missing", reason) for each in missing]


def _demand(result: Result) -> Result:
    if result.verdict.is_bad:
        return result
    return replace(result, verdict=Verdict.FAILED, reason=f"has passed before and is now {result.verdict.value}: {result.reason}")
