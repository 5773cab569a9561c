"""The log: its levels, formats, file, and rotation."""

from __future__ import annotations

import json
import logging
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from bson import Binary, Int64, ObjectId, Timestamp
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from secantus_server import SecantusDBServer
from secantus_server.bson import RawDocument, encode
from secantus_server.bson.values import Date
from secantus_server.diagnostics.log import Log
from secantus_server.diagnostics.log_file import LogFile
from secantus_server.diagnostics.log_lines import Line, as_json, as_text
from secantus_server.storage import StorageError
from tests.integration.daemon import Daemon
from tests.waiting import wait_until

FIELDS = ["t", "s", "c", "id", "ctx", "msg"]


def log_to(path: Path, form: Any, level: str = "info") -> Log:
    return Log(level, LogFile(path, form, renames=True), lambda: 1_700_000_000_123)


def test_lines_of_text(tmp_path: Path) -> None:
    log = log_to(tmp_path / "log", as_text)
    log.info("hello")
    log.debug("not logged")
    log.error("failed", ValueError("why"))
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert text.startswith("2023-11-14T22:13:20.123+00:00 INFO hello\n2023-11-14T22:13:20.123+00:00 ERROR failed\n")
    assert text.endswith("ValueError: why\n")
    assert (log.lines, log.total) == (["hello", "failed"], 2)


def test_lines_of_json(tmp_path: Path) -> None:
    log = log_to(tmp_path / "log", as_json)
    log.info("hello 5", component="COMMAND", id=7, context="conn1", summary="hello", attributes={"number": 5, "bytes": b"x"})
    log.error("failed", ValueError("why"))
    first, second = (json.loads(line) for line in (tmp_path / "log").read_text(encoding="utf-8").splitlines())
    assert first == {
        "t": {"$date": "2023-11-14T22:13:20.123+00:00"},
        "s": "I",
        "c": "COMMAND",
        "id": 7,
        "ctx": "conn1",
        "msg": "hello",
        "attr": {"number": 5, "bytes": {"$binary": {"base64": "eA==", "subType": "00"}}},
    }
    assert list(second) == [*FIELDS, "attr"]
    assert second["s"] == "E"
    assert "ValueError: why" in second["attr"]["error"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Timestamp(1, 2), {"$timestamp": {"t": 1, "i": 2}}),
        (Binary(b"\0" * 16, 4), {"$uuid": "00000000-0000-0000-0000-000000000000"}),
        (Binary(b"\0", 4), {"$binary": {"base64": "AA==", "subType": "04"}}),
        (Date(0), {"$date": "1970-01-01T00:00:00Z"}),
        (float("nan"), {"$numberDouble": "NaN"}),
        ([Int64(5), {"a": ObjectId(b"\0" * 12)}, None], [5, {"a": {"$oid": "0" * 24}}, None]),
        (RawDocument(encode({"a": Timestamp(1, 2)})), {"a": {"$timestamp": {"t": 1, "i": 2}}}),
        (Path("a"), "a"),
    ],
)
def test_attributes_are_extended_json(value: Any, shown: Any) -> None:
    assert json.loads(as_json(Line(0, logging.INFO, "", attributes={"value": value})))["attr"] == {"value": shown}


def test_rotation(tmp_path: Path) -> None:
    log = log_to(tmp_path / "log", as_text)
    for number in range(3):
        log.info(f"line {number}")
        log.rotate()
    log.info("last")
    files = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert len(files) == 4
    assert files["log"].endswith("last\n")
    assert sorted(text.split()[-1] for name, text in files.items() if name != "log") == ["0", "1", "2"]


def test_reopening(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "log", as_text, renames=False)
    log = Log("info", file)
    log.info("one")
    (tmp_path / "log").rename(tmp_path / "moved")
    log.rotate()
    log.info("two")
    assert (tmp_path / "moved").read_text(encoding="utf-8").endswith("one\n")
    assert (tmp_path / "log").read_text(encoding="utf-8").endswith("two\n")


def test_a_server_with_a_log_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "server.log"
    caplog.set_level(logging.INFO)
    with (
        SecantusDBServer(port=0, storage_path=":memory:", log_file=str(path), log_format="json") as server,
        MongoClient(server.uri, appname="app") as client,
    ):
        client.d.command("profile", 0, slowms=-1)
        client.d.c.insert_one({"_id": 1})
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert lines[0]["msg"] == "Waiting for connections"
        [slow] = [line for line in lines if line["msg"] == "Slow query" and line["attr"]["ns"] == "d.c"]
        assert (slow["c"], slow["id"], slow["attr"]["appName"]) == ("COMMAND", 51803, "app")
        assert slow["attr"]["command"]["insert"] == "c"
        assert client.admin.command("getLog", "global")["log"][0] == path.read_text(encoding="utf-8").splitlines()[0]
        client.admin.command("logRotate", 1)
        assert len(list(tmp_path.iterdir())) == 2
        with pytest.raises(OperationFailure, match="Unknown log type"):
            client.admin.command("logRotate", "audit")
    assert not caplog.records


def test_a_log_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be opened: no such file or directory"):
        SecantusDBServer(port=0, storage_path=":memory:", log_file=str(tmp_path / "none" / "log")).start()


def test_the_daemon_begins_a_new_file_at_a_signal(tmp_path: Path) -> None:
    daemon = Daemon(":memory:", "--log-file", str(tmp_path / "log"))
    try:
        os.kill(daemon.process.pid, signal.SIGUSR1)
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2, "no new file")
        with daemon.client() as client:
            assert client.admin.command("ping")["ok"] == 1.0
    finally:
        daemon.process.terminate()
        assert daemon.process.wait(20) == 0


def test_the_daemon_logs_json_to_stderr() -> None:
    daemon = Daemon(":memory:", "--log-format", "json", "--log-level", "info")
    daemon.process.terminate()
    _, errors = daemon.process.communicate(timeout=20)
    line = json.loads(errors.splitlines()[0])
    assert (list(line)[:6], line["msg"]) == (FIELDS, "Waiting for connections")
