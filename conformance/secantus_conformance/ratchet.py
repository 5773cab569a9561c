"""The ratchet: a file with the names of tests that have passed before and must not fail again. Names are only added."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from secantus_conformance.failures import UsageError
from secantus_conformance.model import Result, Run, TestCase, Verdict

_HEAD = (
    "# Tests that pass against the bundled server and must go on passing: one name per line, sorted.\n"
    "# `secantus-conformance ratchet FILE --from REPORT.json` adds those that pass now; nothing takes one away.\n"
)
_WORDS = {Verdict.SKIPPED: "skipped", Verdict.KNOWN: "a known difference"}


def read_ratchet(path: Path) -> list[str]:
    """Return the test names in a ratchet file. Raise UsageError if it is unreadable or empty."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"The ratchet file {path} cannot be read: {error}") from error
    return [line for line in lines if line and not line.startswith("#")]


def select_ratchet(tests: Iterable[TestCase], path: Path) -> list[TestCase]:
    """Return the tests that a ratchet file lists. Raise UsageError if a listed test does not exist, for example because it was renamed."""
    names = set(read_ratchet(path))
    chosen = [test for test in tests if test.id in names]
    missing = sorted(names - {test.id for test in chosen})
    if missing:
        raise UsageError(f"{path} names {len(missing)} tests that do not exist, the first being {missing[0]!r}.")
    if not chosen:
        raise UsageError(f"{path} names no tests.")
    return chosen


def demand(result: Result) -> Result:
    """Return the result of a test that the ratchet lists. A skipped test or a known difference becomes a failure."""
    if result.verdict not in (Verdict.SKIPPED, Verdict.KNOWN):
        return result
    return result.with_verdict(Verdict.FAILED, f"has passed before and is now {_WORDS[result.verdict]}: {result.reason}")


def grow(path: Path, run: Run, slowest: float) -> int:
    """Add the tests that passed in a run and took at most `slowest` seconds to a ratchet file. Return the number of added tests."""
    before = set(read_ratchet(path)) if path.exists() else set()
    passed = {result.id for result in run.results if result.verdict is Verdict.PASSED and result.seconds <= slowest}
    names = sorted(before | passed)
    path.write_text(_HEAD + "".join(f"{name}\n" for name in names), encoding="utf-8")
    return len(names) - len(before)
