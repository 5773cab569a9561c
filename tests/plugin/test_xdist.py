"""The directory shared by the processes of a run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pytest_secantus.locks import FileLock
from pytest_secantus.xdist import MAIN, Identity, RunDirectory, identify, sweep, sweep_if_there


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "base"


def run(base: Path, worker: str = "gw0", name: str = "one") -> RunDirectory:
    return RunDirectory(base, Identity(worker, name))


def test_identity() -> None:
    assert identify({"PYTEST_XDIST_WORKER": "gw3", "PYTEST_XDIST_TESTRUNUID": "abc"}) == Identity("gw3", "abc")
    alone = identify({})
    assert alone.worker == MAIN
    assert alone.run != identify({}).run


def test_workers_leave_the_directory_to_the_main_process(base: Path) -> None:
    one, other = run(base), run(base, "gw1")
    one.open()
    one.storage().mkdir()
    assert one.path == other.path
    assert one.storage() != other.storage()
    built = one.once("work", lambda _directory: None)
    one.close()
    assert not one.storage().exists()
    other.open()
    assert other.once("work", pytest.fail) == built
    other.close()
    sweep_if_there(base)
    assert not other.path.exists()


def test_a_process_alone_removes_the_directory(base: Path) -> None:
    alone = run(base, MAIN)
    alone.open()
    alone.close()
    assert not alone.path.exists()


def test_a_living_run_is_not_swept(base: Path) -> None:
    living = run(base)
    living.open()
    later = run(base, name="two")
    later.open()
    assert living.path.exists()
    later.close()
    living.close()


KILLED = """
import os, sys
from pathlib import Path
from pytest_secantus.xdist import Identity, RunDirectory
directory = RunDirectory(Path(sys.argv[1]), Identity("gw0", "killed"))
directory.open()
directory.storage().mkdir()
(directory.storage() / "data").write_text("x")
if sys.argv[2:]:
    directory.note_database(*sys.argv[2:])
os.kill(os.getpid(), 9)
"""


def kill(base: Path, *noted: str) -> Path:
    """Let a process enter a run and kill it. Return the directory that it leaves."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(base), *noted], check=False)
    assert done.returncode == -9
    return base / "run-killed"


def test_a_killed_process_is_swept_up_after(base: Path) -> None:
    left = kill(base)
    assert left.exists()
    later = run(base)
    assert later.open() == []
    assert not left.exists()
    later.close()


def test_databases_of_a_killed_process_are_handed_on(base: Path) -> None:
    left = kill(base, "mongodb://somewhere", "test_1")
    later = run(base)
    (journal,) = later.open()
    assert journal.read_text() == "mongodb://somewhere\ttest_1\n"
    journal.unlink()
    assert sweep(base) == []
    assert not left.exists()
    later.close()


def test_work_is_done_once(base: Path) -> None:
    workers = [run(base, f"gw{n}") for n in range(4)]
    built: list[str] = []
    found: list[Path] = []

    def build(directory: Path) -> None:
        built.append("once")
        (directory / "result").write_text("done")

    for worker in workers:
        worker.open()
    threads = [threading.Thread(target=lambda w=worker: found.append(w.once("work", build))) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == ["once"]
    assert {(path / "result").read_text() for path in found} == {"done"}
    for worker in workers:
        worker.close()


def test_failed_work_is_tried_again(base: Path) -> None:
    worker = run(base)
    worker.open()

    def fail(directory: Path) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        worker.once("work", fail)
    assert worker.once("work", lambda _directory: None).exists()
    worker.close()


def test_a_fork_does_not_release_the_lock_of_its_parent(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    with lock:
        child = os.fork()
        if child == 0:
            lock.release()
            os._exit(0)
        os.waitpid(child, 0)
        assert FileLock(tmp_path / "lock").is_held()
    assert not FileLock(tmp_path / "lock").is_held()
