"""Reports: they can be read back, show both sides of a failure, and escape their content."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console
from secantus_conformance.cli import main
from secantus_conformance.failures import UsageError
from secantus_conformance.model import Group, Result, Run, Verdict
from secantus_conformance.report.docs import page
from secantus_conformance.report.files import write_reports
from secantus_conformance.report.jsonout import read_json_report
from secantus_conformance.report.progress import LiveDisplay
from secantus_conformance.report.summary import rows, share_of, skips, total
from secantus_conformance.report.terminal import print_failure, print_run, sentence, summary_table

RUN = Run(
    "Suites",
    {"name": "pymongo", "version": "4"},
    {"product": "secantus", "version": "8.2.0", "topology": "replicaset"},
    (
        Result("crud/find::a", "crud.find", Group.SERVER, Verdict.PASSED, seconds=0.1),
        Result("crud/find::free", "crud.find", Group.SERVER, Verdict.PASSED),
        Result("crud/find::b", "crud.find", Group.SERVER, Verdict.FAILED, "result", "wanted <1>, got 2\x00", '{"a": 1}', "[red]2"),
        Result("crud/find::c", "crud.find", Group.SERVER, Verdict.KNOWN, "result", "no x (why)"),
        Result("crud/find::d", "crud.find", Group.SERVER, Verdict.SKIPPED, "requirement", "needs | MongoDB 9"),
        Result("csot/e::e", "timeouts", Group.FAULTS, Verdict.TIMEOUT, "timeout", "too long"),
        Result("csot/e::f", "timeouts", Group.DRIVER, Verdict.ERROR, "runner", "broke"),
    ),
    12.34,
    ("a note",),
)
FREE = frozenset({"crud/find::free"})


def test_rows_and_totals() -> None:
    table = rows(RUN.results, FREE)
    assert [(row.group, row.category, row.passed, row.eligible, row.share, row.free) for row in table] == [
        (Group.SERVER, "crud.find", 2, 4, "50.0%", 1),
        (Group.FAULTS, "timeouts", 0, 1, "0.0%", 0),
        (Group.DRIVER, "timeouts", 0, 1, "0.0%", 0),
    ]
    assert total(table, "all", Group.SERVER).total == 7
    assert skips(RUN) == [("requirement", "needs | MongoDB 9", 1)]


def test_only_a_suite_that_passes_has_the_share_of_100() -> None:
    assert [share_of(passed, 10_000) for passed in (10_000, 9_999, 9_985, 0)] == [100.0, 99.9, 99.8, 0.0]


def test_the_sentence() -> None:
    assert sentence(RUN) == "2 of 6 eligible tests passed, 1 known differences, 3 did not; 1 of 7 were skipped; 12 s."


def test_json_comes_back_as_it_was(tmp_path: Path) -> None:
    write_reports(RUN, tmp_path, FREE)
    assert read_json_report(tmp_path / "report.json").results == RUN.results


def test_what_is_no_report(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"results": [{}]}', encoding="utf-8")
    with pytest.raises(UsageError, match="is not a JSON report"):
        read_json_report(path)


def test_junit(tmp_path: Path) -> None:
    write_reports(RUN, tmp_path)
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    suite = root.find("testsuite[@name='crud.find']")
    assert suite is not None
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5",
        "failures": "1",
        "errors": "0",
        "skipped": "2",
    }
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.text == 'expected:\n{"a": 1}\n\nactual:\n[red]2'


def test_html_stands_alone_and_is_escaped(tmp_path: Path) -> None:
    write_reports(RUN, tmp_path, FREE)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "wanted &lt;1&gt;" in text
    assert "{&quot;a&quot;: 1}" in text
    assert not re.search(r"<(script|link|img)|https?://", text)


def test_html_folds_known_differences_by_their_feature_and_shows_failures(tmp_path: Path) -> None:
    known = [Result(f"t::{n}", "crud.find", Group.SERVER, Verdict.KNOWN, "", f"no {'xy'[n % 2]} (test {n})") for n in range(5)]
    write_reports(replace(RUN, results=(*RUN.results[:3], *known)), tmp_path, FREE)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<summary>no x: 3</summary>" in text
    assert "<summary>no y: 2</summary>" in text
    assert text.count("<details open>") == 1
    assert 'aria-label="2 passed, 5 known differences, 1 not passed"' in text


def test_the_terminal_shows_both_sides() -> None:
    console = Console(width=120, record=True, file=None, quiet=False)
    with console.capture() as captured:
        print_run(console, RUN, FREE)
    text = captured.get()
    assert '{"a": 1}' in text
    assert "[red]2" in text
    assert "a note" in text
    assert "fault injection" in text


def test_the_table_fits_into_eighty_characters() -> None:
    output = io.StringIO()
    many = [
        Result(f"t{verdict.value}{number}", "crud.client-bulk-write", Group.SERVER, verdict, seconds=0.1)
        for verdict in Verdict
        for number in range(1000 if verdict is Verdict.PASSED else 10)
    ]
    Console(file=output, width=80, color_system=None).print(summary_table(replace(RUN, results=tuple(many)), FREE))
    assert ["crud.client-bulk-write", "1000", "1040", "96.2%", "10", "30", "10", "0"] in map(str.split, output.getvalue().splitlines())


def test_a_live_display_names_what_fails() -> None:
    output = io.StringIO()
    console = Console(file=output, width=60, force_terminal=True, color_system=None)
    with LiveDisplay(2, console, each_failure=True) as display:
        display.add(Result("crud/[find]::good", "crud.find", Group.SERVER, Verdict.PASSED))
        display.add(Result("crud/[find]::bad" + "x" * 100, "crud.find", Group.SERVER, Verdict.TIMEOUT))
    assert "timeout crud/[find]::badxxx" in output.getvalue()
    assert "1 not passed" in output.getvalue()
    assert "good" not in output.getvalue()


def test_the_page_names_the_frequent_reasons_of_a_driver_s_suite() -> None:
    results = [
        Result(f"t{number}.{each}", "go: needs a server", Group.SERVER, Verdict.SKIPPED, "suite", f"reason {number}")
        for number in range(20)
        for each in range(20 - number)
    ]
    results.append(Result("t", "go: needs a server", Group.SERVER, Verdict.PASSED))
    text = page([replace(RUN, results=tuple(results))], frozenset())
    assert "| suite | reason 11 | 9 |" in text
    assert "reason 12" not in text
    assert "| suite | 8 other reasons of the suite's own | 36 |" in text
    assert "Of the tests that need a server, 1 of 1 pass." in text


def test_the_page_shows_other_servers_beside_ours(tmp_path: Path) -> None:
    def run(product: str, passed: int) -> Run:
        tests = [
            *(Result(f"t::{number}", "go: needs a server", Group.SERVER, Verdict.PASSED) for number in range(passed)),
            Result("t::bad", "go: needs a server", Group.SERVER, Verdict.FAILED),
            Result("t::alone", "go: driver only", Group.DRIVER, Verdict.PASSED),
        ]
        return replace(RUN, title="Suite of go", server={"product": product}, results=tuple(tests))

    for name, product, passed in (("ours", "Secantus", 1), ("theirs", "other", 3)):
        write_reports(run(product, passed), tmp_path / name)
    reports = {name: str(tmp_path / name / "report.json") for name in ("ours", "theirs")}
    assert main(["docs", reports["ours"], "--beside", reports["theirs"], "-o", str(tmp_path / "page.md")]) == 0
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    table = ["| server | tests that need a server | passed | share |", "|---|--:|--:|--:|", "| Secantus | 2 | 1 | 50.0% |"]
    assert "\n".join([*table, "| other | 4 | 3 | 75.0% |"]) in text
    assert "for free" not in text.split("##", 1)[1]
    assert "Comparison with other servers" not in page([RUN], FREE)
    assert "| for free |" in page([RUN], FREE)


def test_what_cannot_stand_beside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_reports(RUN, tmp_path / "a")
    write_reports(replace(RUN, title="Suite of go"), tmp_path / "b")
    report, other = str(tmp_path / "a/report.json"), str(tmp_path / "b/report.json")
    assert main(["docs", report, "--beside", other, "-o", str(tmp_path / "page.md")]) == 2
    assert "(Suite of go) cannot be compared with any report of the page: Suites." in capsys.readouterr().err


def test_a_failure_takes_no_more_than_a_screen() -> None:
    output = io.StringIO()
    long = Result("a::b", "crud.find", Group.SERVER, Verdict.FAILED, "result", "x" * 10_000, "y" * 20_000, "z\n" * 500)
    print_failure(Console(file=output, width=100, color_system=None), long)
    assert len(output.getvalue().splitlines()) < 45
    assert "more lines" in output.getvalue()


def test_the_page() -> None:
    text = page([RUN], FREE)
    assert "| crud.find | 2 | 4 | 50.0% | 1 | 1 | 1 | 1 |" in text
    assert "- no x: 1 test" in text
    assert "needs \\| MongoDB 9" in text
