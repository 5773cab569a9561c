"""What concerns a whole run: options of the server, reports, what is left of a failure. Most tests run pytest on a project in runs/."""

import json
import os
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from pymongo import MongoClient

RUNS = Path(__file__).resolve().parent.parent / "runs"


def run(name, *arguments, text=""):
    """Run pytest on a project; return what it has printed."""
    done = subprocess.run(line(name, *arguments), env=environment(), input=text, capture_output=True, text=True, check=False, timeout=300)
    return done.stdout + done.stderr


def line(name, *arguments):
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments, str(RUNS / name)]


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "MONGO"))}


@contextmanager
def running(command):
    """Start a program; yield its process. At the end it is killed."""
    with subprocess.Popen(command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def daemon():
    """The address of a second server, as a suite in another language starts it."""
    with running([sys.executable, "-m", "secantus_server", "--ephemeral", "--print-uri"]) as process:
        yield process.stdout.readline().strip()


def test_users_roles_and_certificates():
    assert "5 passed" in run("access")


def test_a_standalone_server_at_another_address():
    assert "3 passed" in run("existing")


def test_the_databases_of_a_failed_test_become_a_seed(tmp_path):
    output = run("failing", "-k", "price", f"--secantus-dump={tmp_path / 'kept'}")
    assert '~ { _id: "apple" } price_cents: 50 -> 0' in output
    (kept,) = (tmp_path / "kept").iterdir()
    (tmp_path / "test_again.py").write_text(
        f"import pytest\n\n@pytest.mark.secantus_seed({str(kept)!r})\n"
        "def test_it(secantus_client):\n    assert secantus_client.shop.articles.find_one({'_id': 'apple'})['price_cents'] == 0\n"
    )
    assert "1 passed" in run(tmp_path)


def test_a_pause_after_a_failure():
    output = run("failing", "-k", "price", "--secantus-pause", text="\n")
    assert "The server runs at mongodb://" in output


def test_a_thread_that_is_left_is_named():
    output = run("failing", "-k", "thread or disturbed")
    assert "the thread 'poll', which test_failing.py::test_a_thread_is_left has left running, has written to shop.polls" in output


def test_a_report_of_a_run(tmp_path):
    output = run("existing", f"--secantus-report={tmp_path / 'report.html'}")
    assert "commands in 3 tests" in output
    report = json.loads((tmp_path / "report.json").read_text())
    assert {test["outcome"] for test in report["tests"]} == {"passed"}
    assert "<html" in (tmp_path / "report.html").read_text()


def test_the_answers_of_a_second_server(daemon):
    """The second server is a replica set and allows transactions, other than the standalone server of the suite."""
    output = run("existing", f"--secantus-shadow={daemon}")
    assert "answers differ" in output
    assert "shadow: { ok: 1 }" in output


def test_a_snapshot_over_the_wire(daemon):
    """How a suite in another language undoes what a test has written."""
    with MongoClient(daemon) as client:
        snapshot = client.admin.command("secantusTest", "snapshot")["snapshot"]
        client.shop.stock.insert_one({"_id": "apple"})
        client.admin.command("secantusTest", "restore", snapshot=snapshot)
        assert client.shop.stock.count_documents({}) == 0


def test_a_failed_test_in_the_console():
    with running(line("failing", "-k", "price", "--secantus-console")) as process:
        lines = iter(process.stdout.readline, "")
        address = next(text for text in lines if "The console shows it: " in text).rpartition(": ")[2].split()[0]
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        browser.open(address).close()  # the token in the address opens a session
        with browser.open(urllib.request.Request(f"{address.partition('?')[0]}test?format=json")) as page:
            shown = json.load(page)["test"]
    # In a terminal, Enter or the page's button would continue the run.
    assert "price_cents: 0" in shown["differences"][0]["changed"][0]["after"]
