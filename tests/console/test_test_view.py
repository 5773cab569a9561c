"""`pytest --secantus-console`: a failed test in the console."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.console.test_process import browser_of

TEST = """
import pytest

@pytest.fixture(scope="module", autouse=True)
def stock(secantus_client):
    secantus_client.secantus_test.fruit.insert_many([{"_id": "fig", "price": 3}, {"_id": "apple", "price": 1}])

def test_passes(secantus_db):
    secantus_db.fruit.insert_one({"_id": "plum"})

@pytest.mark.secantus_seed("seed.json")
def test_fails(secantus_db):
    secantus_db.fruit.update_one({"_id": "fig"}, {"$set": {"price": 4}})
    secantus_db.fruit.delete_one({"_id": "apple"})
    secantus_db.fruit.insert_one({"_id": "<script>alert(1)</script>"})
    assert secantus_db.fruit.find_one({"price": 9}), "no such fruit"

def test_fails_too(secantus_db):
    assert secantus_db.fruit.count_documents({}) == 0
"""


@contextmanager
def paused(directory: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run pytest; yield its process and the address of the console."""
    (directory / "test_it.py").write_text(TEST)
    (directory / "seed.json").write_text('{"basket": [{"_id": 1}]}')
    (directory / "pytest.ini").write_text("[pytest]\n")
    line = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--secantus-console", *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    with subprocess.Popen(line, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            output = []
            for text in process.stdout:
                output.append(text)
                if "The console shows it: " in text:
                    yield process, text.partition("The console shows it: ")[2].split()[0]
                    break
            else:
                pytest.fail("".join(output))
        finally:
            process.kill()


def test_a_failed_test_is_shown(tmp_path: Path) -> None:
    with paused(tmp_path) as (process, url):
        browser = browser_of(url)
        test = browser.data("/test")["test"]
        assert test["test"] == "test_it.py::test_fails"
        assert "no such fruit" in test["reason"]
        [changes] = test["differences"]
        assert changes["namespace"] == "secantus_test.fruit"
        assert changes["added"] == ['{ _id: "<script>alert(1)</script>" }']
        assert changes["removed"] == ['{ _id: "apple", price: 1 }']
        assert changes["changed"] == [{"before": '{ _id: "fig", price: 3 }', "after": '{ _id: "fig", price: 4 }'}]
        names = [command["text"].partition("(")[0] for command in test["commands"]]
        assert names == [f"db.fruit.{name}" for name in ("updateOne", "deleteOne", "insertOne", "find")]
        assert test["commands"][3]["plan"] == "COLLSCAN"
        assert test["commands"][0]["source"].startswith("test_it.py:")
        assert any(seed.endswith("seed.json") for seed in test["seeds"])
        assert [one["scope"].partition(":")[0] for one in test["snapshots"]] == ["module", "seed", "function"]
        assert "<script>alert" not in browser.get("/test").text
        # The other pages show the server of the tests.
        documents = browser.data("/documents", db="secantus_test", collection="fruit")["documents"]
        assert len(documents) == 2

        assert browser.post("/test/resume").status == 303
        assert process.stdout is not None
        assert any("The console shows it: " in line for line in process.stdout)
        assert browser.data("/test")["test"]["test"] == "test_it.py::test_fails_too"
        assert browser.post("/test/resume").status == 303
        assert "2 failed, 1 passed" in process.stdout.read()
        assert process.wait(30) == 1


def test_it_goes_on_when_the_console_is_gone(tmp_path: Path) -> None:
    with paused(tmp_path, "-x") as (process, url):
        browser = browser_of(url)
        assert browser.get("/test").status == 200
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), 9)
        assert process.stdout is not None
        assert "1 failed, 1 passed" in process.stdout.read()


def test_not_with_several_workers(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "pytest", "--secantus-console", "-n2"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--secantus-console cannot be combined with -n" in done.stderr


def test_a_console_that_was_killed_is_started_again(tmp_path: Path) -> None:
    with paused(tmp_path) as (process, _url):
        children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True).stdout.split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        assert process.stdout is not None
        address = next(text for text in process.stdout if "The console shows it: " in text)
        browser = browser_of(address.partition("The console shows it: ")[2].split()[0])
        assert "test_fails_too" in browser.get("/test").text
