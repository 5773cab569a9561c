"""The command replSetResizeOplog.

https://www.mongodb.com/docs/manual/reference/command/replSetResizeOplog/
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer


def test_a_size_set_in_a_directory_stays(tmp_path: Path) -> None:
    for expected in (64, 1000):
        with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as running, MongoClient(running.uri) as connected:
            assert running.services.oplog.max_bytes == expected * 1024 * 1024
            connected.admin.command("replSetResizeOplog", 1, size=1000.0, minRetentionHours=2)
            assert running.services.oplog.retention.min_hours == 2


@pytest.mark.parametrize(
    ("db", "arguments", "code"),
    [
        ("admin", {}, 72),
        ("admin", {"size": 10}, 2),
        ("admin", {"size": "x"}, 14),
        ("admin", {"minRetentionHours": -1}, 2),
        ("test", {"size": 1000}, 13),
    ],
)
def test_what_is_refused(client: MongoClient, db: str, arguments: dict[str, Any], code: int) -> None:
    with pytest.raises(OperationFailure) as caught:
        client[db].command("replSetResizeOplog", 1, **arguments)
    assert caught.value.code == code


def test_a_standalone_server_has_no_oplog() -> None:
    with (
        SecantusDBServer(port=0, storage_path=":memory:", replica_set="", log_level="error") as running,
        MongoClient(running.uri) as connected,
        pytest.raises(OperationFailure) as caught,
    ):
        connected.admin.command("replSetResizeOplog", 1, size=1000)
    assert caught.value.code == 76
