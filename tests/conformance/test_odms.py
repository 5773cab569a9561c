"""Mappers' suites: their sources, their ratchets, and the processing of their results."""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from secantus_conformance.cli import main
from secantus_conformance.differences import read_differences
from secantus_conformance.drivers.base import read_junit
from secantus_conformance.failures import UsageError
from secantus_conformance.model import Group, Result, Verdict
from secantus_conformance.odms import mongoose
from secantus_conformance.odms.base import LISTS, copy_checkout, hold
from secantus_conformance.odms.python_suite import PythonSuite
from secantus_conformance.odms.registry import SUITES
from secantus_conformance.ratchet import read_ratchet

from tests.conformance.interpreters import give_interpreter

TESTS = "def test_good(): pass\ndef test_bad(): assert 1 == 2\n"
MOCHA = """<testsuite><testcase classname="a" name="b" time="0.1"/>
<testcase classname="a" name="c" time="0.1"><failure>Error: x
    at y</failure></testcase><testcase classname="a" name="d"><skipped/></testcase></testsuite>"""


def suite(requirements: Sequence[str] = ()) -> PythonSuite:
    return PythonSuite("fake", "1.2.3", requirements, ("tests",), {"WHERE": "{uri}/db"}, repository="https://example.com/fake")


def checkout(folder: Path, text: str = '[project]\nversion = "1.2.3"\n') -> Path:
    (folder / "tests").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    (folder / "tests/test_it.py").write_text(TESTS, encoding="utf-8")
    return folder


def test_a_suite_without_its_checkout(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Pass --source DIR, a checkout of https://example\.com/fake at version 1\.2\.3"):
        copy_checkout(suite(), None, tmp_path / "copy")


@pytest.mark.parametrize(("text", "found"), [('version = "1.2.4"', "version 1.2.4"), ("", "version unknown")])
def test_a_checkout_of_another_version(tmp_path: Path, text: str, found: str) -> None:
    with pytest.raises(UsageError, match=found):
        copy_checkout(suite(), checkout(tmp_path / "source", text), tmp_path / "copy")


def test_the_version_of_a_package_that_names_it_in_python(tmp_path: Path) -> None:
    source = checkout(tmp_path / "source", "")
    (source / "fake").mkdir()
    (source / "fake/__init__.py").write_text("VERSION = (1, 2, 3)\n", encoding="utf-8")
    copy_checkout(suite(), source, tmp_path / "copy")
    assert (tmp_path / "copy/tests/test_it.py").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="the interpreter is a shell script here")
def test_a_suite_runs_unchanged(tmp_path: Path) -> None:
    give_interpreter(tmp_path / "fake-1.2.3")
    (tmp_path / "fake-1.2.3/installed").touch()
    fake = suite()
    source = checkout(tmp_path / "source")
    (source / "tests/test_where.py").write_text(
        "import os\ndef test_where(): assert os.environ['WHERE'] == 'mongodb://127.0.0.1:9/db'\n", encoding="utf-8"
    )
    folder = fake.prepare(tmp_path, source)
    fake.run(folder, "mongodb://127.0.0.1:9/", tmp_path / "junit.xml", 60)
    results = {result.id: result.verdict for result in read_junit(tmp_path / "junit.xml", fake, [])}
    assert results == {
        "tests.test_it::test_good": Verdict.PASSED,
        "tests.test_it::test_bad": Verdict.FAILED,
        "tests.test_where::test_where": Verdict.PASSED,
    }


def result(name: str, verdict: Verdict) -> Result:
    return Result(name, "fake: needs a server", Group.SERVER, verdict, reason="why")


def test_the_ratchet_sees_each_loss(tmp_path: Path) -> None:
    path = tmp_path / "fake.txt"
    path.write_text("# head\ngood\nskipped\nknown\ngone\nbad\n", encoding="utf-8")
    verdicts = {"good": Verdict.PASSED, "skipped": Verdict.SKIPPED, "known": Verdict.KNOWN, "bad": Verdict.ERROR, "new": Verdict.SKIPPED}
    held = {each.id: each for each in hold("fake", [result(*each) for each in verdicts.items()], path)}
    assert {name: each.verdict for name, each in held.items()} == {
        "good": Verdict.PASSED,
        "skipped": Verdict.FAILED,
        "known": Verdict.FAILED,
        "bad": Verdict.ERROR,
        "new": Verdict.SKIPPED,
        "gone": Verdict.ERROR,
    }
    assert held["gone"].reason == "has passed before and did not run"
    assert held["known"].reason == "has passed before and is now known difference: why"


def test_results_of_mocha(tmp_path: Path) -> None:
    raw, junit = tmp_path / "raw", tmp_path / "junit.xml"
    raw.write_text(MOCHA, encoding="utf-8")
    mongoose._rewrite(raw, junit)
    found = [(each.id, each.verdict, each.reason) for each in read_junit(junit, suite(), [])]
    assert found == [("a::b", Verdict.PASSED, ""), ("a::c", Verdict.FAILED, "Error: x"), ("a::d", Verdict.SKIPPED, "")]


def test_mocha_that_ends_early_is_no_pass(tmp_path: Path) -> None:
    (tmp_path / "raw").write_text(MOCHA.removesuffix("</testsuite>"), encoding="utf-8")
    with pytest.raises(UsageError, match="mocha ended before"):
        mongoose._rewrite(tmp_path / "raw", tmp_path / "junit.xml")


def test_an_unknown_suite(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["odms", "unknown"]) == 2
    assert "beanie, django" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(SUITES))
def test_the_lists_of_a_suite(name: str) -> None:
    """Check that each suite has a ratchet, and that no test is both in the ratchet and a known difference."""
    passing = set(read_ratchet(LISTS / f"{name}.txt"))
    assert passing
    differences = LISTS / f"{name}.toml"
    for entry in read_differences(differences) if differences.exists() else []:
        for pattern in entry.tests:
            assert not fnmatch.filter(passing, pattern)
