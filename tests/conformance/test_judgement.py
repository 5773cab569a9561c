"""The reclassification of results: known differences, the ratchet, a baseline, and the mutants of the self-check."""

from __future__ import annotations

import copy
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from secantus_conformance import baseline, ratchet
from secantus_conformance.differences import apply_differences, read_differences, unused
from secantus_conformance.failures import SkipTest, UsageError
from secantus_conformance.model import Group, Result, Run, TestCase, Verdict
from secantus_conformance.selfcheck import checks as selfcheck_checks
from secantus_conformance.selfcheck.mutants import MUTATIONS, mutants
from secantus_conformance.toml import read_toml
from secantus_conformance.unified.limits import check_limits


def result(name: str, verdict: Verdict, seconds: float = 0.1) -> Result:
    return Result(name, "crud.find", Group.SERVER, verdict, "kind", "why", seconds=seconds)


def run(*results: Result) -> Run:
    return Run("title", {}, {"product": "MongoDB"}, results, 1.0)


def differences(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "differences.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_listed_failure_is_a_known_difference(tmp_path: Path) -> None:
    entries = read_differences(differences(tmp_path, '[[difference]]\nreason = "no x"\ntests = ["a::*"]\n'))
    results = [result("a::1", Verdict.FAILED), result("b::1", Verdict.FAILED), result("a::2", Verdict.TIMEOUT)]
    judged = [apply_differences(each, entries) for each in results]
    assert [each.verdict for each in judged] == [Verdict.KNOWN, Verdict.FAILED, Verdict.KNOWN]
    assert judged[0].reason == "no x (why)"


def test_a_listed_pass_is_a_failure(tmp_path: Path) -> None:
    entries = read_differences(differences(tmp_path, '[[difference]]\nreason = "no x"\ncategories = ["crud.find"]\n'))
    judged = [apply_differences(result(name, verdict), entries) for name, verdict in [("a::1", Verdict.PASSED), ("a::2", Verdict.SKIPPED)]]
    assert [each.verdict for each in judged] == [Verdict.FAILED, Verdict.SKIPPED]
    assert "remove its line" in judged[0].reason


def test_all_conditions_must_hold(tmp_path: Path) -> None:
    text = '[[difference]]\nreason = "no x"\ntests = ["a::*"]\ngroups = ["fault injection"]\n'
    entries = read_differences(differences(tmp_path, text))
    judged = result("a::1", Verdict.FAILED)
    assert apply_differences(judged, entries) == judged
    assert unused([judged], entries) == entries


def test_a_failure_of_another_kind_is_no_known_difference(tmp_path: Path) -> None:
    entries = read_differences(differences(tmp_path, '[[difference]]\nreason = "no x"\nsays = ["who", "why"]\ntests = ["a::*"]\n'))
    known, other = result("a::1", Verdict.FAILED), replace(result("a::1", Verdict.FAILED), reason="something else")
    assert apply_differences(known, entries).verdict is Verdict.KNOWN
    assert apply_differences(other, entries) == other
    assert apply_differences(result("a::1", Verdict.PASSED), entries).verdict is Verdict.PASSED
    named = read_differences(differences(tmp_path, '[[difference]]\nreason = "no x"\nsays = ["why"]\ntests = ["a::1"]\n'))
    assert "remove its line" in apply_differences(result("a::1", Verdict.PASSED), named).reason


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[difference]]\ntests = []\n", "needs a reason"),
        ('[[difference]]\nreason = "x"\n', "needs a reason and says, tests"),
        ('[[difference]]\nreason = "x"\nnames = []\n', "unknown: names"),
        ('[[difference]]\nreason = "x"\ngroups = ["nope"]\n', "nope"),
        ("[[", "not a readable TOML file"),
    ],
)
def test_broken_differences(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_differences(differences(tmp_path, text))


def case(name: str) -> TestCase:
    return TestCase(name, Path("x"), 0, "crud.find", Group.SERVER, "unified")


def test_the_ratchet_only_grows(tmp_path: Path) -> None:
    path = tmp_path / "ratchet.txt"
    assert ratchet.grow(path, run(result("b", Verdict.PASSED), result("a", Verdict.PASSED), result("c", Verdict.FAILED)), 1.0) == 2
    assert ratchet.grow(path, run(result("a", Verdict.FAILED), result("d", Verdict.PASSED, 2.0), result("e", Verdict.PASSED)), 1.0) == 1
    assert ratchet.read_ratchet(path) == ["a", "b", "e"]


RATCHET = Path(__file__).parents[2] / "conformance" / "ratchet.txt"


def test_the_tree_s_own_ratchet_has_not_shrunk() -> None:
    names = ratchet.read_ratchet(RATCHET)
    assert names == sorted(set(names))
    assert len(names) >= 1487, "conformance/ratchet.txt only grows: what has passed must keep passing"


def test_no_name_has_ever_left_the_tree_s_own_ratchet() -> None:
    command = ["git", "-C", str(RATCHET.parent), "log", "--format=", "-p", "--", RATCHET.name]
    try:
        history = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this tree is no git checkout: it has no history to compare with")
    added = {line[1:] for line in history.splitlines() if line.startswith("+") and not line.startswith(("+++", "+#"))}
    assert sorted(added - set(ratchet.read_ratchet(RATCHET))) == []


def test_the_ratchet_selects_its_tests(tmp_path: Path) -> None:
    path = tmp_path / "ratchet.txt"
    path.write_text("# head\na\n", encoding="utf-8")
    assert [each.id for each in ratchet.select_ratchet([case("a"), case("b")], path)] == ["a"]
    with pytest.raises(UsageError, match="names 1 tests that do not exist"):
        ratchet.select_ratchet([case("b")], path)
    path.write_text("# head\n", encoding="utf-8")
    with pytest.raises(UsageError, match="names no tests"):
        ratchet.select_ratchet([case("b")], path)
    with pytest.raises(UsageError, match="cannot be read"):
        ratchet.select_ratchet([], tmp_path / "nowhere")


def test_the_ratchet_takes_no_excuse() -> None:
    judged = [ratchet.demand(result(verdict.value, verdict)) for verdict in Verdict]
    assert {each.id: each.verdict for each in judged} == {
        "passed": Verdict.PASSED,
        "failed": Verdict.FAILED,
        "error": Verdict.ERROR,
        "timeout": Verdict.TIMEOUT,
        "skipped": Verdict.FAILED,
        "known difference": Verdict.FAILED,
    }


def test_a_baseline_is_compared_test_by_test() -> None:
    mine = run(result("a", Verdict.PASSED), result("b", Verdict.FAILED), result("c", Verdict.SKIPPED), result("d", Verdict.PASSED))
    theirs = run(result("a", Verdict.PASSED), result("b", Verdict.PASSED), result("c", Verdict.PASSED))
    assert baseline.compare(mine, theirs) == ("Agreement with MongoDB: 1 of 2 tests that both ran.", "b: failed here, passed there")


FULL: dict[str, Any] = {
    "description": "everything",
    "operations": [
        {"name": "find", "object": "c", "expectResult": [{"a": 1}]},
        {"name": "find", "object": "c", "expectResult": []},
        {
            "name": "insertOne",
            "object": "c",
            "expectError": {
                "isClientError": False,
                "isTimeoutError": False,
                "errorCode": 1,
                "errorCodeName": "A",
                "errorContains": "a",
                "errorLabelsContain": ["L"],
                "errorLabelsOmit": ["M"],
            },
        },
    ],
    "expectEvents": [{"client": "c", "events": [{"commandStartedEvent": {"commandName": "find", "command": {"find": "c"}}}]}],
    "outcome": [{"collectionName": "c", "databaseName": "d", "documents": [{"_id": 1}]}],
    "expectLogMessages": [{"client": "c", "messages": [{"level": "debug"}]}],
}


def test_every_mutation_changes_a_copy() -> None:
    before = copy.deepcopy(FULL)
    made = mutants(FULL)
    assert before == FULL
    assert [mutant.mutation for mutant in made] == list(MUTATIONS)
    assert all(mutant.test != FULL for mutant in made)


@pytest.mark.parametrize(
    "test",
    [
        {"operations": [{"name": "find", "object": "c", "expectResult": {"$$unsetOrMatches": {"a": 1}}}]},
        {"operations": [], "expectEvents": [{"client": "c", "ignoreExtraEvents": True, "events": [{"commandStartedEvent": {}}]}]},
        {"operations": [], "expectEvents": [{"client": "c", "events": []}]},
    ],
)
def test_changes_that_would_mean_nothing_are_not_made(test: dict[str, Any]) -> None:
    assert [mutant.mutation for mutant in mutants(test)] in ([], ["error expected of an operation that succeeds"])


def test_the_pinned_reasons_can_be_read() -> None:
    kinds = read_toml(Path(selfcheck_checks.__file__).with_name("pins.toml"))["kinds"]
    assert len(kinds) == 27
    assert set(kinds.values()) <= {
        "assertion",
        "result",
        "unexpected-error",
        "missing-argument",
        "bad-argument",
        "undefined-entity",
        "unsupported-argument",
        "unsupported-operation",
        "schema-version",
    }


def test_the_limits_can_be_read() -> None:
    with pytest.raises(SkipTest, match="needs a secondary"):
        check_limits("transactions/unified/read-pref::secondary readPreference")
    check_limits("crud/unified/find::find")
