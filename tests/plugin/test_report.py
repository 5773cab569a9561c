"""--secantus-report: the summary, the HTML page and the JSON file."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pytest_secantus.report import merge, new_report, page_of, summary_of
from pytest_secantus.report_files import data_text, page_text
from tests.plugin.project import Project

pytest_plugins = ["pytester"]

SUITE = """
    import pytest

    @pytest.fixture(scope="module")
    def wide(secantus_client):
        secantus_client.shop.items.insert_many([{"_id": n, "kind": n % 5, "name": "</script><b>" + str(n)} for n in range(100)])
        secantus_client.shop.items.create_index("name")
        secantus_client.shop.items.create_index("kind")
        secantus_client.shop.items.create_index("code", unique=True, sparse=True)

    @pytest.fixture
    def tidied(secantus_client):
        yield
        secantus_client.shop.other.drop()

    @pytest.mark.parametrize("n", range(3))
    def test_scan(wide, tidied, secantus_client, n):
        secantus_client.shop.items.find_one({"price": n})

    def test_lookups(wide, secantus_client):
        for n in range(12):
            secantus_client.shop.items.find_one({"_id": n})
        list(secantus_client.shop.items.find({"kind": 3}))

    def test_failed(wide, secantus_client):
        secantus_client.shop.items.find_one({"_id": "</script>"})
        assert not "equal"

    @pytest.mark.skip
    def test_skipped(wide):
        pass

    @pytest.mark.xfail
    @pytest.mark.parametrize("works", [False, True])
    def test_expected_to_fail(works):
        assert works

    def test_without_commands():
        pass
"""


def data_of(project: Project, name: str = "secantus-report") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.pytester.path / f"{name}.json").read_text(encoding="utf-8"))
    return found


def data_in(page: Path) -> dict[str, Any]:
    """Return the data inside the page as the browser reads them."""
    match = re.search(r"^const data = (.*);$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert match is not None
    found: dict[str, Any] = json.loads(match[1])
    return found


@pytest.mark.parametrize("arguments", [(), ("-n", "2"), ("--secantus",), ("--secantus-process=yes",)])
def test_the_data(project: Project, arguments: tuple[str, ...]) -> None:
    project.write(test_it=SUITE)
    result = project.run_apart("-p", "no:asyncio", "--secantus-report", *arguments)
    result.assert_outcomes(passed=5, failed=1, skipped=1, xfailed=1, xpassed=1)
    data = data_of(project)
    assert data == data_in(project.pytester.path / "secantus-report.html")
    tests = {test["id"]: test for test in data["tests"]}
    assert [(name, test["outcome"], test["commands"]) for name, test in sorted(tests.items())] == [
        ("test_it.py::test_expected_to_fail[False]", "xfailed", 0),
        ("test_it.py::test_expected_to_fail[True]", "xpassed", 0),
        ("test_it.py::test_failed", "failed", 1),
        ("test_it.py::test_lookups", "passed", 13),
        *((f"test_it.py::test_scan[{n}]", "passed", 1) for n in range(3)),
        ("test_it.py::test_skipped", "skipped", 0),
        ("test_it.py::test_without_commands", "passed", 0),
    ]
    (row,) = tests["test_it.py::test_scan[1]"]["rows"]
    assert (row["text"], row["plan"], row["docs"]) == ("db.items.find({ price: 1 }).limit(1)", "COLLSCAN", 100)
    assert row["source"] == "test_it.py:18"
    scans = [(scan["shape"], scan["count"], scan["docs"], scan["places"]) for scan in data["scans"]]
    assert scans == [("db.items.find({ price: ? }).limit(?)", 3, 300, ["test_it.py:18"])]
    assert {(one["check"], one["count"], one["remedy"].splitlines()[-1].strip()) for one in data["advice"]} == {
        ("collscan", 3, "db.items.createIndex({ price: 1 })"),
        ("n_plus_one", 12, "Read them together: with $in instead of a value, or with $lookup or $graphLookup, before the loop."),
    }
    assert [(one["namespace"], one["name"]) for one in data["unused_indexes"]] == [("shop.items", "name_1")]
    totals = data["totals"]
    assert totals["tests"] == 9
    assert totals["commands"] == 17 + totals["commands_outside_tests"]
    assert totals["commands_outside_tests"] >= 4 + 3
    assert 0 < totals["share"] < 1


def test_the_summary(project: Project) -> None:
    project.write(test_it=SUITE)
    result = project.run("--secantus-report=out.html", "-q")
    result.stdout.fnmatch_lines(
        [
            "*Secantus report*",
            "* commands in 9 tests: * s of * s in the database (* %)",
            "slowest shapes:",
            "*x  shop.items: db.items.find({ _id: ? }).limit(?)",
            "scans of whole collections:",
            "* 300 documents for 0, 3 x  shop.items: db.items.find({ price: ? }).limit(?)",
            "tests with the most commands:",
            "*13 commands  test_it.py::test_lookups",
            "tests with the most time in the database:",
            "indexes that no test reads:",
            "  shop.items: name_1 { name: 1 }",
            "advice:",
            "  collscan: db.items.find({ price: ? }).limit(?) (3 x, at test_it.py:18)",
            "      An index that would have served: db.items.createIndex({ price: 1 })",
            "report: *out.html and out.json",
        ]
    )
    assert (project.pytester.path / "out.html").exists()


def test_without_the_option_there_is_no_report(project: Project) -> None:
    project.write(test_it=SUITE)
    result = project.run()
    assert "Secantus report" not in result.stdout.str()
    assert not list(project.pytester.path.glob("*.html"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--secantus-report=missing/r.html"], "--secantus-report: *missing/r.html cannot be written: No such file or directory"),
        (["--secantus-report", "test_it.py"], "--secantus-report: 'test_it.py' does not end with .html; write *"),
        (["--secantus-report=a.html"], "--secantus-report: *a.json cannot be written: Is a directory"),
        (["--secantus-report", "--secantus-uri=mongodb://h"], "--secantus-report cannot be combined with secantus_uri"),
    ],
)
def test_bad_use_is_a_usage_error(project: Project, arguments: list[str], message: str) -> None:
    project.write(test_it=SUITE)
    (project.pytester.path / "a.json").mkdir()
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()
    assert not list(project.pytester.path.glob("*.html"))


def test_a_run_without_tests_changes_no_file(project: Project) -> None:
    project.write(test_it=SUITE)
    (project.pytester.path / "r.html").write_text("before")
    result = project.run("--secantus-report=r.html", "--collect-only")
    assert "Secantus report" not in result.stdout.str()
    assert (project.pytester.path / "r.html").read_text() == "before"
    assert not (project.pytester.path / "r.json").exists()


def test_parts_are_merged() -> None:
    one, two = new_report(), new_report()
    for report, number in ((one, 1), (two, 2)):
        report["shapes"]["k"] = {
            "namespace": "a.b", "shape": "s", "count": number, "ms": number, "max_ms": number, "keys": 0, "docs": number, "returned": 0,
            "plans": ["COLLSCAN"], "places": [f"test_it.py:{number}"],
        }  # fmt: skip
        report["indexes"]["i"] = {"namespace": "a.b", "name": "i", "key": "{ i: 1 }", "uses": number - 1, "serves_otherwise": False}
        report["other_commands"], report["other_ms"] = 1, 0.5
    merge(one, two)
    summary = summary_of(one)
    assert summary["shapes"][0] | {"plans": None} == {
        "namespace": "a.b", "shape": "s", "count": 3, "ms": 3, "max_ms": 2, "keys": 0, "docs": 3, "returned": 0, "plans": None,
        "places": ["test_it.py:1", "test_it.py:2"],
    }  # fmt: skip
    assert summary["unused_indexes"] == []
    assert (summary["totals"]["commands"], summary["totals"]["database_ms"]) == (2, 1.0)


def test_the_json_of_a_test() -> None:
    """It is the same as the JSON of the page with decoded rows."""
    report = new_report()
    page = page_of(report, 'test_it.py::test_quotes["\u00e9"]')
    page["seconds"], page["ms"], page["outcome"] = 0.25, 1e-05, "failed"
    page["findings"] = ('collscan: "\n',)
    page["rows"] += [json.dumps({"text": 'db.c.find({ a: "</script>" })'}), json.dumps({"text": ""})]
    decoded = dict(page) | {"rows": [json.loads(row) for row in page["rows"]], "findings": list(page["findings"])}
    summary = summary_of(report)
    assert json.loads(data_text(summary)) == summary | {"tests": [decoded]}
    assert list(json.loads(data_text(summary))["tests"][0]) == list(page)


class _Links(HTMLParser):
    """A parser that collects the URLs that a page would load, and its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action", "data", "srcset")]
        self.scripts += tag == "script"


def test_the_page_loads_nothing() -> None:
    text = page_text(json.dumps({"text": "</script><script src=http://x>", "more": "<!-- <script>"}))
    parser = _Links()
    parser.feed(text)
    assert text.isascii()
    assert parser.links == ["data:,"]
    assert parser.scripts == 1
    assert not re.search(r"https?://|@import|url\(", text.replace("http://x", ""))


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
def test_the_page_in_a_browser(project: Project, tmp_path: Path) -> None:
    project.write(test_it=SUITE)
    project.run("--secantus-report")
    page = (project.pytester.path / "secantus-report.html").as_uri()
    overview, test = (shown(page + hash, tmp_path) for hash in ("", "#test/test_it.py%3A%3Atest_lookups"))
    for text in ("<h1>Secantus report</h1>", "db.items.createIndex({ price: 1 })", "name_1", 'href="#test/test_it.py%3A%3Atest_lookups"'):
        assert text in overview, text
    for text in ("<h1>test_it.py::test_lookups</h1>", "db.items.find({ _id: 11 }).limit(1)", "n_plus_one: ", "IXSCAN { kind: 1 }"):
        assert text in test, text
    failed = shown(f"{page}#test/test_it.py%3A%3Atest_failed", tmp_path)
    assert "&lt;/script&gt;" in failed
    assert "<b>" not in failed.partition("<tbody>")[2].partition("</tbody>")[0]


def shown(url: str, directory: Path) -> str:
    """Return the document that a browser shows, as HTML."""
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
    line = [str(BROWSER), "--headless", "--no-sandbox", *quiet, "--disable-sync", f"--user-data-dir={directory}/profile", "--dump-dom", url]
    return subprocess.run(line, capture_output=True, text=True, check=True, timeout=60).stdout
