"""What concerns a whole run: options of the server, reports, what is left of a failure. Each test runs pytest on a project in runs/."""

import json
import os
import subprocess
import sys
from pathlib import Path

RUNS = Path(__file__).resolve().parent.parent / "runs"


def run(name, *arguments, text=""):
    """Run pytest on a project; return what it has printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "MONGO"))}
    line = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments, str(RUNS / name)]
    done = subprocess.run(line, env=environment, input=text, capture_output=True, text=True, check=False, timeout=300)
    return done.stdout + done.stderr


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
