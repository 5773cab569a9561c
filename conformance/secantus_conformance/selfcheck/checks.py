"""The four parts of the runner's self-check: invalid files, tests that must fail, tests that must pass, and mutants."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from secantus_conformance.failures import BadTest
from secantus_conformance.model import Group, Result, Run, TestCase, Verdict
from secantus_conformance.selfcheck.mutants import mutants
from secantus_conformance.suites.catalog import discover, read_json, self_check_files
from secantus_conformance.suites.format_rules import check_structure
from secantus_conformance.suites.sources import Source
from secantus_conformance.toml import read_toml

_PINS = Path(__file__).with_name("pins.toml")
_SEED = 20260101
_REASON_LENGTH = 160
RunCases = Callable[[str, list[TestCase]], Run]


@dataclass(frozen=True)
class Part:
    """The result of one part of the self-check: the number of successful checks, and the messages of the failed ones."""

    name: str
    held: int
    total: int
    needed: float
    complaints: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether enough checks have succeeded."""
        return self.total == 0 or self.held / self.total >= self.needed


def check_invalid(source: Source) -> Part:
    """Check that the runner refuses every file of the suite `invalid` and accepts every file of the remaining suites."""
    invalid = self_check_files(source, "invalid")
    taken = [f"{path.name} is accepted although it violates the format" for path in invalid if not _refused(path)]
    valid = sorted({case.file for case in discover(source) if case.kind == "unified"}) + self_check_files(source, "valid-fail")
    refused = [f"{path.name} is rejected although it conforms to the format" for path in valid if _refused(path)]
    total = len(invalid) + len(valid)
    return Part("invalid files rejected, valid ones accepted", total - len(taken) - len(refused), total, 1.0, (*taken, *refused))


def _refused(path: Path) -> bool:
    try:
        check_structure(read_json(path))
    except BadTest:
        return True
    return False


def _suite_cases(source: Source, suite: str) -> list[TestCase]:
    cases = []
    for path in self_check_files(source, suite):
        for index, test in enumerate(read_json(path)["tests"]):
            name = f"unified-test-format/{suite}/{path.stem}::{test['description']}"
            cases.append(TestCase(name, path, index, suite, Group.SERVER, "unified"))
    return cases


def check_valid_fail(source: Source, run: RunCases) -> Part:
    """Check that every test of the suite `valid-fail` fails for the expected reason."""
    pins = read_toml(_PINS)["kinds"]
    results = [result for result in run("valid-fail", _suite_cases(source, "valid-fail")).results if result.eligible]
    complaints = [_complaint(result, pins) for result in results]
    wrong = tuple(complaint for complaint in complaints if complaint)
    return Part("valid-fail tests fail for the expected reason", len(results) - len(wrong), len(results), 1.0, wrong)


def _complaint(result: Result, pins: dict[str, str]) -> str | None:
    pinned = pins.get(result.id.removeprefix("unified-test-format/valid-fail/"))
    if pinned is None:
        return f"{result.id} has no expected reason; it is {result.verdict.value} ({result.kind}): {result.reason}"
    if not result.verdict.is_bad or result.kind != pinned:
        return f"{result.id} is {result.verdict.value} ({result.kind or 'no reason'}), expected {pinned}: {result.reason}"
    return None


def check_valid_pass(source: Source, run: RunCases) -> Part:
    """Run the tests of the suite `valid-pass`. A test that the server cannot pass is listed, but does not fail the check of the runner."""
    results = [result for result in run("valid-pass", _suite_cases(source, "valid-pass")).results if result.eligible]
    bad = tuple(f"{result.id}: {result.reason[:_REASON_LENGTH]}" for result in results if result.verdict.is_bad)
    return Part("valid-pass passes", len(results) - len(bad), len(results), 0.0, bad)


def check_mutants(source: Source, run: RunCases, count: int) -> Part:
    """Check that at least 95 % of the mutants of passing tests are caught."""
    cases = [case for case in discover(source) if case.kind == "unified" and case.group is not Group.FAULTS]
    random.Random(_SEED).shuffle(cases)
    made = _mutants_of(sorted(cases[:count], key=lambda case: (case.file, case.index)), run, count)
    results = run("mutants", made).results
    survivors = [result for result in results if result.verdict is not Verdict.FAILED]
    complaints = tuple(f"{result.id} survives ({result.verdict.value} {result.kind})" for result in survivors)
    return Part("mutants caught", len(results) - len(survivors), len(results), 0.95, complaints)


def _mutants_of(originals: list[TestCase], run: RunCases, count: int) -> list[TestCase]:
    """Return at most `count` mutants of the original tests that pass. Balance the kinds of mutants, starting with the rarest."""
    passed = {result.id for result in run("tests to mutate", originals).results if result.verdict is Verdict.PASSED}
    made = [
        (mutant.mutation, _case(case, mutant.mutation, mutant.test))
        for case in originals
        if case.id in passed
        for mutant in mutants(_test(case))
    ]
    random.Random(_SEED).shuffle(made)
    seen: Counter[str] = Counter()
    ranked = []
    for name, case in made:
        seen[name] += 1
        ranked.append((seen[name], case))
    return [case for _, case in sorted(ranked, key=lambda pair: pair[0])[:count]]


def _test(case: TestCase) -> dict[str, object]:
    test: dict[str, object] = read_json(case.file)["tests"][case.index]
    return test


def _case(case: TestCase, mutation: str, test: dict[str, object]) -> TestCase:
    file = {**read_json(case.file), "tests": [test]}
    return replace(case, id=f"{case.id} [{mutation}]", index=0, text=json.dumps(file))
