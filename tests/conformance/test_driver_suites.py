"""Drivers' suites that are obtained from a checkout: the checkout, and how the outcomes of tests are read."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from secantus_conformance.drivers import c, java, rust
from secantus_conformance.drivers.alone import passing_alone
from secantus_conformance.drivers.checkout import Checkout, refuse_source
from secantus_conformance.drivers.each import EachTest, Ended, why
from secantus_conformance.drivers.outcomes import Outcome, write_junit
from secantus_conformance.drivers.php import read_phpunit
from secantus_conformance.drivers.recorded import RECORDERS, RecordedSuite, write_junit_of_record
from secantus_conformance.failures import UsageError

CHECKOUT = Checkout("owner/name", "v1.2.0", "package.json", r'"version": "([^"]+)"', ("tests", "package.json"))


def checkout(folder: Path, version: str = "1.2.0") -> Path:
    (folder / "tests").mkdir(parents=True)
    (folder / "tests/one.js").write_text("one", encoding="utf-8")
    (folder / "other.txt").write_text("other", encoding="utf-8")
    (folder / "package.json").write_text(f'{{"version": "{version}"}}', encoding="utf-8")
    return folder


def test_a_checkout_is_copied_once(tmp_path: Path) -> None:
    source = checkout(tmp_path / "source")
    assert not CHECKOUT.is_copied(tmp_path, "node")
    folder = CHECKOUT.copy(source, tmp_path, "node")
    assert folder == tmp_path / "node-1.2.0"
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == ["package.json", "tests"]
    assert CHECKOUT.is_copied(tmp_path, "node")
    assert CHECKOUT.copy(None, tmp_path, "node") == folder


def test_a_wrong_checkout(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"needs --source DIR, a checkout of owner/name at v1\.2\.0"):
        CHECKOUT.copy(None, tmp_path, "node")
    with pytest.raises(UsageError, match=r"it has version 1\.3\.0\."):
        CHECKOUT.copy(checkout(tmp_path / "source", "1.3.0"), tmp_path, "node")
    with pytest.raises(UsageError, match="it has version none"):
        CHECKOUT.copy(tmp_path, tmp_path, "node")


def test_a_suite_that_is_downloaded_takes_no_checkout(tmp_path: Path) -> None:
    refuse_source("go", None)
    with pytest.raises(UsageError, match="takes no --source"):
        refuse_source("go", tmp_path)


def test_outcomes_as_junit(tmp_path: Path) -> None:
    write_junit([Outcome("g", "n", "failed", "a\x00b", "text", 0.5)], tmp_path / "junit.xml")
    text = (tmp_path / "junit.xml").read_text(encoding="utf-8")
    assert text.startswith("<testsuite>")
    assert '<testcase classname="g" name="n" time="0.500"><failure message="ab">text</failure></testcase>' in text
    with pytest.raises(UsageError, match="ran no tests"):
        write_junit([], tmp_path / "junit.xml")


PROGRAM = """
import os, subprocess, sys, time
test = sys.argv[1]
if test == "dies": os.kill(os.getpid(), 9)
if test == "leaves": subprocess.Popen(["sleep", "60"])
if test == "hangs": time.sleep(60)
print("said " + test)
sys.exit(test == "fails")
"""


def run_each(folder: Path, tests: list[str], test_timeout: float = 20.0) -> list[Outcome]:
    def judge(test: str, ended: Ended) -> Outcome:
        return Outcome("g", test, "passed" if ended.code == 0 else "failed", why(ended))

    suite = EachTest(folder, os.environ, lambda test: [sys.executable, "-c", PROGRAM, test], judge, test_timeout)
    return list(suite.run(tests, 600))


def test_a_process_for_each_test(tmp_path: Path) -> None:
    outcomes = run_each(tmp_path, ["passes", "fails", "dies"])
    assert [(each.verdict, each.reason) for each in outcomes] == [
        ("passed", "said passes"),
        ("failed", "said fails"),
        ("failed", "The test's process was ended by signal 9: no output"),
    ]


def test_a_test_that_does_not_end(tmp_path: Path) -> None:
    (hung,) = run_each(tmp_path, ["hangs"], 0.2)
    assert (hung.verdict, hung.reason[:20]) == ("failed", "The test took longer")
    assert [each.name for each in run_each(tmp_path, ["leaves", "passes"], 2.0)] == ["leaves", "passes"], "a left process does not block"


def test_the_time_limit_of_all(tmp_path: Path) -> None:
    suite = EachTest(tmp_path, os.environ, lambda _: ["true"], lambda test, _: Outcome("g", test, "passed"), 1.0)
    with pytest.raises(UsageError, match="timed out at a"):
        list(suite.run(["a"], -1.0))
    with pytest.raises(UsageError, match="cannot be run"):
        list(EachTest(tmp_path, os.environ, lambda _: ["/nowhere"], suite.judge, 1.0).run(["a"], 9.0))


def test_libmongoc() -> None:
    ended = [Ended(0, "", 1.0), Ended(0, "@@ctest-skipped@@\n", 1.0), Ended(-6, "precondition failed\n", 1.0), Ended(None, "", 120.0)]
    assert [(each.verdict, each.reason) for each in (c.judge("/a", one) for one in ended)] == [
        ("passed", ""),
        ("skipped", "the test does not apply to this server or environment"),
        ("failed", "The test's process was ended by signal 6: precondition failed"),
        ("failed", "The test took longer than its time limit of 120 seconds."),
    ]
    suite = c.CSuite()
    suite._alone = frozenset({"/unit"})
    assert (suite.needs_server("libmongoc::/unit"), suite.needs_server("libmongoc::/live")) == (False, True)


PHPUNIT = """<?xml version="1.0"?><testsuites><testsuite name="all"><testsuite name="Some\\Test">
<testcase name="testA" class="Some\\Test" time="0.25"/>
<testcase name="testB with data set #1" class="Some\\Test"><failure type="F">Some\\Test::testB with data set #1
Failed asserting that 1 is 2.

file.php:3</failure></testcase>
<testcase name="testC" class="Some\\Test"><error type="E">Some\\Test::testC
Error: no</error></testcase>
<testcase name="testD" class="Some\\Test"><skipped/></testcase>
<testcase name="testE" class="Some\\Test"><warning type="W">Some\\Test::testE
assertOld() is deprecated and will be removed in PHPUnit 10.
objectOld() is deprecated and will be removed in PHPUnit 10.</warning></testcase>
<testcase name="testF" class="Some\\Test"><warning type="W">Some\\Test::testF
No tests found in class "F".</warning></testcase>
</testsuite></testsuite></testsuites>"""


def test_phpunit(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text(PHPUNIT, encoding="utf-8")
    assert [(each.name, each.verdict, each.reason, each.seconds) for each in read_phpunit(path)] == [
        ("testA", "passed", "", 0.25),
        ("testB with data set #1", "failed", "Failed asserting that 1 is 2. file.php:3", 0.0),
        ("testC", "error", "Error: no", 0.0),
        ("testD", "skipped", "the test does not apply to this server or environment", 0.0),
        ("testE", "passed", "", 0.0),
        ("testF", "error", 'No tests found in class "F".', 0.0),
    ]
    path.write_text(PHPUNIT[:200], encoding="utf-8")
    with pytest.raises(UsageError, match="ended before all tests had run"):
        list(read_phpunit(path))


RECORDING = """
import json, os, sys
known = [json.loads(line) for line in open(os.environ["RECORD"])] if os.path.exists(os.environ["RECORD"]) else []
with open(os.environ["RECORD"], "a") as file:
    def write(*line): file.write(json.dumps(line) + "\\n")
    if not known:
        write("started", "f::a", "f", "a")
        write("outcome", "f::a", "f", "a", "passed", "", "", 0.5)
    if len(known) < 5:
        write("started", "f::b", "f", "b")
        sys.exit(1)
    write("finished", 0)
"""


def test_a_recorded_suite_whose_process_ends_early(tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    RecordedSuite([sys.executable, "-c", RECORDING], tmp_path, os.environ, 60.0).run(record, 120.0)
    kinds = [json.loads(line)[0] for line in record.read_text(encoding="utf-8").splitlines()]
    assert kinds == ["started", "outcome", "started", "again", "started", "outcome", "finished"]
    write_junit_of_record(record, tmp_path / "junit.xml")
    assert 'name="b" time="0.000"><error message="The test hung or killed its process."' in (tmp_path / "junit.xml").read_text("utf-8")


def test_each_recorder_is_packaged() -> None:
    assert sorted(path.name for path in RECORDERS.iterdir() if path.suffix in {".js", ".rb"}) == ["mocha_record.js", "rspec_record.rb"]


def test_a_maven_project() -> None:
    assert java.project(["org.mongodb:bson:5.10.0"]) == (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>tests</groupId>'
        "<artifactId>tests</artifactId><version>1</version><dependencies><dependency><groupId>org.mongodb</groupId>"
        "<artifactId>bson</artifactId><version>5.10.0</version></dependency></dependencies></project>"
    )


def test_several_junit_files_become_one(tmp_path: Path) -> None:
    (tmp_path / "TEST-a.xml").write_text('<testsuite><testcase name="a"/><testcase name="b"/></testsuite>', encoding="utf-8")
    (tmp_path / "TEST-b.xml").write_text(
        '<testsuite><testcase name="x[3]"><system-out>\nunique-id: x\ndisplay-name: c\n</system-out></testcase></testsuite>',
        encoding="utf-8",
    )
    java.merge(sorted(tmp_path.glob("TEST-*.xml")), tmp_path / "junit.xml")
    cases = ElementTree.parse(tmp_path / "junit.xml").getroot().iter("testcase")
    assert [case.get("name") for case in cases] == ["a", "b", "c"]
    (tmp_path / "TEST-b.xml").write_text("<testsuite><testcase", encoding="utf-8")
    with pytest.raises(UsageError, match=r"an incomplete report, TEST-b\.xml"):
        java.merge(sorted(tmp_path.glob("TEST-*.xml")), tmp_path / "junit.xml")
    with pytest.raises(UsageError, match="left no report"):
        java.merge([], tmp_path / "junit.xml")


def test_a_cargo_workspace_without_branches(tmp_path: Path) -> None:
    (tmp_path / "driver").mkdir()
    (tmp_path / "Cargo.toml").write_text('[workspace]\nmembers = ["driver", "macros", "benchmarks"]\n', encoding="utf-8")
    (tmp_path / "driver/Cargo.toml").write_text(
        '[dependencies.bson]\nversion = "3"\ngit = "x"\nbranch = "main"\noptional = true\n', "utf-8"
    )
    rust.adapt(tmp_path)
    assert (tmp_path / "Cargo.toml").read_text("utf-8") == '[workspace]\nmembers = ["driver", "macros"]\n'
    assert (tmp_path / "driver/Cargo.toml").read_text("utf-8") == '[dependencies.bson]\nversion = "3"\noptional = true\n'


def test_the_program_that_cargo_has_built() -> None:
    other = json.dumps({"executable": None, "target": {"name": "mongodb"}})
    built = json.dumps({"executable": "/built/mongodb-1", "target": {"name": "mongodb"}})
    assert rust.program(f"   Compiling x\n{other}\n{built}\n") == "/built/mongodb-1"
    with pytest.raises(UsageError, match="no test program"):
        rust.program(other)


def test_the_tests_of_a_rust_program() -> None:
    assert rust.names("a::b: test\na::skip_ci_c: test\na::d: benchmark\n\n2 tests, 1 benchmark\n") == ["a::b"]


@pytest.mark.parametrize(
    ("code", "output", "verdict", "reason"),
    [
        (0, "test a ... ok\n", "passed", ""),
        (0, "test result: ok. 0 passed; 0 failed; 1 ignored;", "skipped", "the driver ignores the test"),
        (101, "thread 'a' panicked at src/a.rs:1:2:\nassertion failed: x\nnote: run\n", "failed", "assertion failed: x"),
        (-6, "said", "failed", "The test's process was ended by signal 6: said"),
        (None, "thread 'a' panicked at src/a.rs:1:2:\nx\n", "failed", "The test took longer than its time limit of 1 seconds."),
    ],
)
def test_outcomes_of_rust(code: int | None, output: str, verdict: str, reason: str) -> None:
    outcome = rust.judge("a", Ended(code, output, 1.0))
    assert (outcome.verdict, outcome.reason) == (verdict, reason)


def test_the_tests_that_pass_alone_are_recorded(tmp_path: Path) -> None:
    outcomes = [Outcome("g", "a", "passed"), Outcome("g", "b", "failed"), Outcome("g", "c", "skipped"), Outcome("g", "d", "passed")]
    assert passing_alone(tmp_path, lambda _timeout: outcomes) == {"a", "d"}
    assert passing_alone(tmp_path, lambda _timeout: []) == {"a", "d"}
