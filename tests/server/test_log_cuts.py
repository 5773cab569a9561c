"""A server that starts after a power loss reports the parts of the log that it could not apply."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from secantus_server import SecantusDBServer
from tests.storage.damage import flip, last_log, reboot

WRITER = """
import os, sys
from pymongo import MongoClient
from secantus_server import SecantusDBServer

server = SecantusDBServer(port=0, storage_path=sys.argv[1], log_level="error")
server.start()
with MongoClient(server.uri) as client:
    for number in range(50):
        client.shop.orders.insert_one({"_id": number})
os._exit(0)
"""


def test_a_log_that_was_cut_off_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, log_file = tmp_path / "store", tmp_path / "server.log"
    subprocess.run([sys.executable, "-c", WRITER, str(store)], check=True)
    log = last_log(store)
    flip(log, len(log.read_bytes().rstrip(b"\0")) - 1000)
    reboot(monkeypatch)
    with (
        SecantusDBServer(port=0, storage_path=str(store), log_level="warning", log_file=str(log_file)) as server,
        MongoClient[dict[str, Any]](server.uri) as client,
    ):
        assert client.shop.orders.count_documents({}) < 50
    text = log_file.read_text(encoding="utf-8")
    assert f"The log file {log.name} was not intact from byte" in text
    assert f"They are kept in {store}/SecantusLog.cut-1." in text
