"""The daemon as a process: start, errors at start, and end."""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from secantus_server.server import SecantusDBServer
from tests.integration.daemon import Daemon, command, environment, running
from tests.waiting import wait_until


def run(*arguments: str | Path, **options: Any) -> tuple[int, str, str]:
    """Run a daemon that exits without a signal; return its exit code, output and error output."""
    done = subprocess.run(command(*arguments), env=environment(), capture_output=True, text=True, timeout=60, check=False, **options)
    return done.returncode, done.stdout, done.stderr


def complaint(*arguments: str | Path, **options: Any) -> str:
    """Return the error message of a daemon that cannot start."""
    code, _, errors = run("--log-level", "warning", *arguments, **options)
    assert code == 1, errors
    assert errors.count("\n") == 1, errors
    assert errors.startswith("secantusdb: ")
    return errors.removeprefix("secantusdb: ").strip()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it(number: int, tmp_path: Path) -> None:
    with running(tmp_path) as daemon:
        with daemon.client() as client:
            client.test.c.insert_one({"_id": 1})
        assert daemon.stop(number) == (0, "")
    with running(tmp_path) as daemon, daemon.client() as client:
        assert client.test.c.find_one() == {"_id": 1}


def test_the_shutdown_command_stops_it() -> None:
    with running() as daemon, daemon.client() as client:
        with pytest.raises(PyMongoError):
            while True:
                client.admin.command("shutdown")
        daemon.process.communicate(timeout=20)
        assert daemon.process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS])
def test_a_crash_leaves_the_stacks_of_all_threads(number: int) -> None:
    with running() as daemon:
        # The stacks are written while the other threads run, which is only safe for threads that block.
        with daemon.client() as client:
            client.admin.command("ping")
        code, errors = daemon.stop(number)
    assert code == -number
    assert "Fatal Python error" in errors
    assert errors.count("hread 0x") >= 2, errors


def test_help_and_version() -> None:
    code, text, errors = run("--help")
    assert (code, errors) == (0, "")
    assert text.startswith("usage: secantusdb")
    code, text, errors = run("--version")
    assert (code, errors) == (0, "")
    assert text.startswith("secantusdb ")


def test_a_wrong_flag() -> None:
    code, _, errors = run("--prot", "5")
    assert code == 2
    assert errors.endswith("secantusdb: error: unrecognized arguments: --prot 5; did you mean --port?\n")


def test_a_wrong_key_in_the_config_file(tmp_path: Path) -> None:
    config = tmp_path / "secantusdb.toml"
    config.write_text("prot = 5\n", encoding="utf-8")
    expected = (2, "", "secantusdb: secantusdb.toml: unknown setting 'prot'; did you mean 'port'?\n")
    assert run(cwd=tmp_path) == expected
    assert run("--config", "secantusdb.toml", cwd=tmp_path) == expected


def test_a_second_process_on_the_directory(tmp_path: Path) -> None:
    with running(tmp_path) as daemon, daemon.client() as client:
        client.test.c.insert_one({"_id": 1})
        assert complaint("--port", "0", "--storage-path", tmp_path) == f"The storage directory is in use by another server. ({tmp_path})"
        assert client.test.c.find_one() == {"_id": 1}


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server:
        text = complaint("--port", str(server.port), "--storage-path", tmp_path)
    assert text == f"Port {server.port} of 127.0.0.1 is in use by another process; choose another port, or 0 for a free one."


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    path = tmp_path / "file" / "data"
    assert complaint("--port", "0", "--storage-path", path) == f"The storage directory {path} cannot be created: Not a directory."


# Root can write everywhere unless it drops that capability.
AS_ANYBODY = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []


@pytest.mark.skipif(bool(AS_ANYBODY) and shutil.which("setpriv") is None, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data):
        pass
    for path in (*data.iterdir(), data):
        path.chmod(0o555 if path.is_dir() else 0o444)
    line = [*AS_ANYBODY, *command("--port", "0", "--storage-path", data)]
    done = subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    data.chmod(0o755)
    assert (done.returncode, done.stderr) == (1, f"secantusdb: The storage directory cannot be written: permission denied. ({data})\n")


def limited_files() -> None:
    """Limit the new process's files to a few megabytes; programs see the limit as a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))


def test_a_full_disk(tmp_path: Path) -> None:
    acknowledged = 0
    daemon = Daemon(tmp_path, preexec_fn=limited_files)
    with daemon.client(retryWrites=False) as client:
        message = ""
        try:
            for number in range(10_000):
                client.test.c.insert_one({"_id": number, "x": os.urandom(5000)})
                acknowledged += 1
        except PyMongoError as error:
            message = str(error)
    _, errors = daemon.process.communicate(timeout=20)
    assert "The disk is full" in message
    assert daemon.process.returncode == 1, errors
    assert errors.splitlines()[-1] == "secantusdb: The disk is full and the storage engine has stopped: make room and restart the server."
    assert "Traceback" not in errors
    with running(tmp_path) as again, again.client() as client:
        assert acknowledged > 100
        assert client.test.c.count_documents({}) in (acknowledged, acknowledged + 1)
        assert client.test.command("validate", "c", full=True)["valid"]
        client.test.c.insert_one({"_id": "room"})


def fill(daemon: Daemon, name: str, failed: threading.Event) -> None:
    """Write until a write fails because the disk is full or the daemon has ended."""
    with daemon.client(retryWrites=False, serverSelectionTimeoutMS=1000) as client:
        for number in itertools.count():
            try:
                client.test[name].insert_many([{"x": os.urandom(700)} for _ in range(100)])
                client.test[name].update_many({}, {"$set": {"y": number}})
            except PyMongoError:
                failed.set()
                return


@pytest.mark.parametrize("attempt", range(4))
def test_a_full_disk_that_several_clients_meet(tmp_path: Path, attempt: int) -> None:
    """The daemon ends although WiredTiger cannot roll back its transactions, even if a signal arrives meanwhile."""
    daemon = Daemon(tmp_path, preexec_fn=limited_files)
    failed = threading.Event()
    clients = [threading.Thread(target=fill, args=(daemon, f"c{number}", failed), daemon=True) for number in range(5)]
    for client in clients:
        client.start()
    assert failed.wait(60)
    if attempt % 2:
        daemon.process.send_signal(signal.SIGTERM)
    _, errors = daemon.process.communicate(timeout=20)
    assert daemon.process.returncode == 1, errors
    assert errors.splitlines()[-1] == "secantusdb: The disk is full and the storage engine has stopped: make room and restart the server."
    for client in clients:
        client.join(20)
    with running(tmp_path) as again, again.client() as client:
        for name in client.test.list_collection_names():
            assert client.test.command("validate", name, full=True)["valid"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 40 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(place)], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_nothing_is_acknowledged_after_another_thread_has_met_the_full_disk(small_disk: Path, tmp_path: Path) -> None:
    """WiredTiger's own threads write pages; after their failure a commit could succeed without its log record being written."""
    acknowledged = 0
    daemon = Daemon(small_disk / "data")
    with daemon.client(retryWrites=False) as client, pytest.raises(PyMongoError):
        while True:
            client.test.c.insert_many([{"_id": acknowledged + n, "x": os.urandom(700)} for n in range(100)])
            acknowledged += 100
    daemon.process.communicate(timeout=20)
    shutil.copytree(small_disk / "data", tmp_path / "data")
    with running(tmp_path / "data") as again, again.client() as client:
        assert client.test.c.count_documents({}) - acknowledged in (0, 100)
        assert client.test.command("validate", "c", full=True)["valid"]


def test_a_disk_that_is_full_from_the_start(tmp_path: Path) -> None:
    def none_at_all() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    assert "The disk is full" in complaint("--port", "0", "--storage-path", tmp_path, preexec_fn=none_at_all)
    with running(tmp_path), running(":memory:"):
        pass


PARENT = """
import subprocess, sys
server = subprocess.Popen([sys.executable, "-m", "secantus_server", "--ephemeral", "--print-uri"], stdout=subprocess.PIPE, text=True)
print(server.stdout.readline().strip(), server.pid, flush=True)
sys.stdin.read()
"""


def test_an_ephemeral_server_ends_with_its_parent() -> None:
    parent = subprocess.Popen(
        command("-c", PARENT, program=()), env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    uri, pid = parent.stdout.readline().split()
    assert uri.startswith("mongodb://127.0.0.1:")
    with MongoClient(uri, serverSelectionTimeoutMS=5000) as client:
        assert client.admin.command("secantusTest", "clock")["version"] == 1
        parent.kill()
        parent.communicate()
        wait_until(lambda: not Path(f"/proc/{pid}").exists() or is_zombie(int(pid)), "the server ends with its parent")


def is_zombie(pid: int) -> bool:
    """Return whether a process has ended but its exit status has not been read."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
