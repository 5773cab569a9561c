"""The page of evidence is the generator's output, and its figures are those of reports."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from secantus_conformance.cli import main
from secantus_conformance.commands.evidence import FIGURES
from secantus_conformance.drivers.pymongo import PymongoSuite
from secantus_conformance.execution.servers import NULL, CommandServer
from secantus_conformance.model import Group, Result, Run, Verdict
from secantus_conformance.peers import run_pymongo
from secantus_conformance.report.evidence import evidence_page, figures, peers_table, read_figures, record
from secantus_conformance.report.files import write_reports

from tests.conformance.interpreters import give_interpreter

PAGE = Path(__file__).parents[2] / "docs" / "evidence.md"
VERDICTS = (Verdict.PASSED, Verdict.PASSED, Verdict.KNOWN, Verdict.FAILED, Verdict.SKIPPED)


def run(product: str, *verdicts: Verdict, name: str = "pymongo") -> Run:
    category = f"{name}: needs a server"
    results = tuple(Result(f"t{n}", category, Group.SERVER, verdict, reason="no x (said)") for n, verdict in enumerate(verdicts))
    return Run(f"Suite of {name}", {"name": name, "version": "4"}, {"product": product}, results, 12.6)


def test_the_page_is_the_output_for_the_recorded_figures() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == evidence_page(read_figures(FIGURES)), "Run secantus-conformance evidence -o docs/evidence.md"


def test_figures_of_a_report() -> None:
    ours = figures(run("Secantus 1, as MongoDB 8.2.4", *VERDICTS), "2026-01-02")
    assert (ours.eligible, ours.passed, ours.failed, ours.skipped, ours.known) == (4, 2, 1, 1, {"no x": 1})
    assert (ours.needed, ours.needed_passed, ours.is_ours, ours.command, ours.seconds) == (4, 2, True, "drivers pymongo", 13)


def test_tests_that_pass_on_a_second_run_are_counted() -> None:
    again = replace(run("Secantus 1", *VERDICTS), notes=("Passed only on a second run: t0 (before: slow)", "In this run it died."))
    ours = figures(again, "2026-01-02")
    assert (ours.second, ours.notes) == (1, ["In this run it died."])
    assert "| 2 (50.0 %); 1 only on a second run |" in evidence_page([ours])


def test_another_server_is_measured_by_the_tests_of_ours() -> None:
    ours = run("Secantus 1", *VERDICTS)
    peer = figures(run("peer", Verdict.PASSED, Verdict.SKIPPED, Verdict.PASSED), "2026-01-02", ours)
    assert (peer.eligible, peer.of_ours, peer.of_ours_passed, peer.is_ours) == (2, 4, 2, False)
    table = peers_table([ours, run("peer", Verdict.PASSED, Verdict.SKIPPED, Verdict.PASSED)])
    assert "| pymongo 4 | Secantus 1 | 4 | 2 | 4 | 2 (50.0 %) |" in table
    assert "| pymongo 4 | peer | 2 | 2 | 4 | 2 (50.0 %) |" in table


@pytest.mark.parametrize(
    ("name", "command"), [("odmantic", "odms odmantic --source DIR"), ("langgraph-checkpoint-mongodb", "odms langgraph")]
)
def test_the_command_of_a_mapper(name: str, command: str) -> None:
    assert figures(run("Secantus 1", Verdict.PASSED, name=name), "").command == command


def test_a_report_replaces_the_earlier_one(tmp_path: Path) -> None:
    for folder, each in (
        ("old", run("Secantus 1", Verdict.FAILED)),
        ("new", run("Secantus 2", Verdict.PASSED)),
        ("peer", run("p", Verdict.PASSED)),
    ):
        write_reports(each, tmp_path / folder)
    kept, page = tmp_path / "figures.json", tmp_path / "page.md"
    for reports in (["old"], ["new", "peer"], []):
        paths = [str(tmp_path / name / "report.json") for name in reports]
        assert main(["evidence", *paths, "--figures", str(kept), "-o", str(page)]) == 0
    assert [(each.server, each.passed, each.of_ours) for each in read_figures(kept)] == [("Secantus 2", 1, 0), ("p", 1, 1)]
    assert page.read_text(encoding="utf-8") == evidence_page(read_figures(kept))


def test_a_report_that_skips_nothing_is_compared_with_earlier_ones_of_peers() -> None:
    peer = figures(run("p", Verdict.PASSED, Verdict.FAILED), "2026-01-02")
    assert "| pymongo 4 | p | 2 | 1 | – | – |" in evidence_page([peer])
    (_, compared) = record([peer, figures(run("Secantus 1", Verdict.PASSED, Verdict.PASSED), "2026-01-02")], [])
    assert (compared.of_ours, compared.of_ours_passed) == (2, 1)
    assert record([peer, figures(run("Secantus 1", Verdict.PASSED, Verdict.SKIPPED), "2026-01-02")], [])[1] == peer


def test_figures_that_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "figures.json").write_text('[{"x": 1}]', encoding="utf-8")
    assert main(["evidence", "--figures", str(tmp_path / "figures.json"), "-o", str(tmp_path / "page.md")]) == 2
    assert "does not contain recorded figures" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="the interpreter is a shell script here")
def test_each_file_of_a_suite_gets_a_server(tmp_path: Path) -> None:
    give_interpreter(tmp_path)
    (tmp_path / "test").mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = mine\n", encoding="utf-8")
    head = "import os, pytest\npytestmark = pytest.mark.mine\n"
    (tmp_path / "test/test_a.py").write_text(head + "def test_port(): assert int(os.environ['DB_PORT']) > 0\n", encoding="utf-8")
    (tmp_path / "test/test_broken.py").write_text("import nothing_of_this_name\n", encoding="utf-8")
    (tmp_path / "test/test_c.py").write_text(head + "def test_fails(): assert 0\n", encoding="utf-8")
    done = run_pymongo(PymongoSuite("fake", "mine"), tmp_path, CommandServer(NULL))
    assert [(each.id, each.verdict) for each in done.results] == [
        ("test.test_a::test_port", Verdict.PASSED),
        ("test.test_c::test_fails", Verdict.FAILED),
    ]
    assert len(done.notes) == 1
    assert done.notes[0].startswith("test_broken.py: The suite ends before all tests have run")
