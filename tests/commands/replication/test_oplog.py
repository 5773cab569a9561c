"""replSetResizeOplog and appendOplogNote.

https://www.mongodb.com/docs/manual/reference/command/replSetResizeOplog/
"""

from __future__ import annotations

from typing import Any

import pytest
from bson.timestamp import Timestamp
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer
from tests.one_server import client, db, server

__all__ = ["client", "db", "server"]


def test_a_note_is_an_entry_that_changes_nothing(client: MongoClient) -> None:
    client.admin.command("appendOplogNote", 1, data={"msg": "hello"})
    newest = next(client.local["oplog.rs"].find({"op": "n"}).sort("$natural", -1).limit(1))
    assert (newest["ns"], newest["o"]) == ("", {"msg": "hello"})


def test_a_size_set_in_a_directory_stays(tmp_path: Any) -> None:
    for expected in (64, 1000):
        with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as running, MongoClient(running.uri) as connected:
            assert running.services.oplog.max_bytes == expected * 1024 * 1024
            connected.admin.command("replSetResizeOplog", 1, size=1000.0, minRetentionHours=2)
            assert running.services.oplog.retention.min_hours == 2


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"replSetResizeOplog": 1}, 72),
        ({"replSetResizeOplog": 1, "size": 10}, 2),
        ({"replSetResizeOplog": 1, "size": "x"}, 14),
        ({"replSetResizeOplog": 1, "minRetentionHours": -1}, 2),
        ({"appendOplogNote": 1}, 4),
        ({"appendOplogNote": 1, "data": 1}, 14),
        ({"appendOplogNote": 1, "data": {}, "maxClusterTime": 1}, 14),
        ({"appendOplogNote": 1, "data": {}, "maxClusterTime": Timestamp(1, 1)}, 209),
    ],
)
def test_what_is_refused(client: MongoClient, command: dict[str, Any], code: int) -> None:
    with pytest.raises(OperationFailure) as caught:
        client.admin.command(command)
    assert caught.value.code == code


def test_only_in_the_admin_database(db: Any) -> None:
    for command in ({"replSetResizeOplog": 1, "size": 1000}, {"appendOplogNote": 1, "data": {}}):
        with pytest.raises(OperationFailure) as caught:
            db.command(command)
        assert caught.value.code == 13
