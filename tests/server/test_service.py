"""The daemon as a service: the pid file, status and stop, the service manager's protocol, and the drain at SIGTERM."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from pymongo.errors import NotPrimaryError

from secantus_server.cli import EXIT_INVALID, main
from secantus_server.system.notify import ServiceManager
from secantus_server.system.pid_file import PidFile, running_pid
from tests.conftest import ROOT
from tests.integration.daemon import Daemon, environment, running
from tests.waiting import wait_until


def test_status_and_stop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pid_file = tmp_path / "pid"
    assert main(["status", "--pid-file", str(pid_file)]) == 3
    assert main(["stop", "--pid-file", str(pid_file)]) == 3
    daemon = Daemon(tmp_path / "data", "--pid-file", str(pid_file))
    # The process that started the daemon must read its exit status, and `stop` waits for that.
    reaper = threading.Thread(target=daemon.process.wait)
    reaper.start()
    capsys.readouterr()
    assert main(["status", "--pid-file", str(pid_file)]) == 0
    assert capsys.readouterr().out == f"running, pid {daemon.process.pid}\n"
    config = tmp_path / "secantusdb.toml"
    config.write_text(f'[server]\npid_file = "{pid_file}"\n', encoding="utf-8")
    assert main(["stop", "--config", str(config)]) == 0
    reaper.join()
    assert daemon.process.returncode == 0
    assert not pid_file.exists()


def test_a_pid_that_a_crash_has_left_behind(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "data", "--pid-file", str(tmp_path / "pid"))
    daemon.process.kill()
    daemon.process.wait()
    assert (tmp_path / "pid").exists()
    assert main(["status", "--pid-file", str(tmp_path / "pid")]) == 3
    with_file = PidFile(tmp_path / "pid")
    assert running_pid(tmp_path / "pid") == os.getpid()
    with pytest.raises(BlockingIOError):
        PidFile(tmp_path / "pid")
    with_file.close()


def test_without_a_pid_file(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["status"]) == 2
    assert "the configuration has no pid_file" in capsys.readouterr().err


@pytest.mark.parametrize("timeout", ["soon", "nan", "-1"])
def test_a_timeout_that_cannot_be(timeout: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["stop", "--pid-file", "absent", f"--timeout={timeout}"])
    assert "is not a number of seconds" in capsys.readouterr().err


def test_a_second_daemon_with_the_pid_file(tmp_path: Path) -> None:
    daemon = Daemon(":memory:", "--pid-file", str(tmp_path / "pid"))
    try:
        with pytest.raises(AssertionError, match="is that of another daemon, which is running"):
            Daemon(":memory:", "--pid-file", str(tmp_path / "pid"))
    finally:
        daemon.process.terminate()
        assert daemon.process.wait(20) == 0


def test_the_service_manager_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        variables = {**environment(), "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "20000"}
        daemon = Daemon(":memory:", env=variables)
        ready = manager.recv(4096).decode()
        assert ready.startswith("READY=1\nSTATUS=listening on mongodb://")
        assert manager.recv(4096) == b"WATCHDOG=1"
        daemon.process.terminate()
        assert daemon.process.wait(20) == 0
        received = [manager.recv(4096)]
        while not received[-1].startswith(b"STOPPING=1"):
            received.append(manager.recv(4096))
        assert set(received[:-1]) <= {b"WATCHDOG=1"}


def test_no_manager() -> None:
    manager = ServiceManager({"WATCHDOG_USEC": "5"})
    assert manager.watchdog_s is None
    manager.ready("nobody listens")
    ServiceManager({"NOTIFY_SOCKET": "/nowhere/socket"}).alive()


def test_a_running_command_gets_the_error_of_the_shutdown(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "data")
    errors: list[int | None] = []
    with daemon.client() as client, daemon.client(retryReads=False) as other:
        client.d.create_collection("c", capped=True, size=4096)
        client.d.c.insert_one({"_id": 1})

        def wait_for_more() -> None:
            cursor = other.d.command("find", "c", tailable=True, awaitData=True)["cursor"]
            try:
                while True:
                    other.d.command("getMore", cursor["id"], collection="c", maxTimeMS=60_000)
            except NotPrimaryError as error:
                errors.append(error.details["code"])  # type: ignore[call-overload, index]

        thread = threading.Thread(target=wait_for_more)
        thread.start()
        running = lambda: any("getMore" in one.get("command", {}) for one in client.admin.command("currentOp")["inprog"])  # noqa: E731
        wait_until(running, "no getMore waits")
        daemon.process.send_signal(signal.SIGTERM)
        thread.join(20)
    assert daemon.process.wait(20) == 0
    assert errors == [11600]
    again = Daemon(tmp_path / "data")
    try:
        with again.client() as client:
            assert client.d.c.find_one() == {"_id": 1}
    finally:
        again.process.terminate()
        again.process.wait(20)


PACKAGING = ROOT / "packaging"


def test_the_unit_is_valid(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    text = (PACKAGING / "secantusdb.service").read_text(encoding="utf-8")
    unit = tmp_path / "secantusdb.service"
    # Use the program of the tests, because the installed program may not exist.
    unit.write_text(text.replace("/usr/local/bin/secantusdb", sys.executable), encoding="utf-8")
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    # A threshold of 20 means an exposure level of at most 2.0, "OK".
    exposure = ["systemd-analyze", "security", "--offline=true", "--threshold=20", unit]
    assert subprocess.run(exposure, capture_output=True, text=True).returncode == 0


def test_the_units_settings_suit_the_daemon() -> None:
    lines = (PACKAGING / "secantusdb.service").read_text(encoding="utf-8").splitlines()
    settings = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    assert settings["Type"] == "notify"
    assert int(settings["RestartPreventExitStatus"]) == EXIT_INVALID
    assert settings["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert settings["User"] != "root"


def test_the_container_file() -> None:
    """The file has only known instructions and versioned images. The server is not root, and receives the stop signal itself."""
    text = (PACKAGING / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    known = {"FROM", "RUN", "COPY", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT"}
    assert {name for name, _value in lines} <= known
    given = dict(lines)
    images = [value.split()[0] for name, value in lines if name == "FROM"]
    assert all(":" in image and not image.endswith(":latest") for image in images)
    assert given["USER"] not in ("root", "0")
    entry = json.loads(given["ENTRYPOINT"])
    assert entry[0] == "secantusdb"
    assert main([*entry[1:], "--check-config"]) == 0
    assert given["STOPSIGNAL"] == "SIGTERM"


def test_a_reload_of_a_service_without_tls_does_nothing(tmp_path: Path) -> None:
    variables = {**environment(), "NOTIFY_SOCKET": str(tmp_path / "nobody")}
    with running(env=variables) as daemon, daemon.client() as client:
        daemon.process.send_signal(signal.SIGHUP)
        client.d.c.insert_one({})
        assert daemon.process.poll() is None


def test_the_log_ends_with_the_shutdown(tmp_path: Path) -> None:
    log_file = tmp_path / "log"
    daemon = Daemon(":memory:", "--log-level", "info", "--log-file", str(log_file))
    daemon.process.terminate()
    assert daemon.process.wait(20) == 0
    assert log_file.read_text(encoding="utf-8").splitlines()[-1].endswith("shutting down")
