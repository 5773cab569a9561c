"""The gate: a server that refuses commands, and still lets drivers connect."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server.server import SecantusDBServer
from tests.failing import failure


def test_block(server: SecantusDBServer, db: Database[dict[str, Any]]) -> None:
    server.block("not now")
    try:
        for command in ({"ping": 1}, {"insert": "c", "documents": [{}]}, {"endSession": 1}):
            assert failure(db, command)["code"] in (20, 59)
        assert failure(db, {"find": "c"})["errmsg"] == "not now"
        with MongoClient(server.uri, serverSelectionTimeoutMS=5000) as client:
            assert client.admin.command("hello")["isWritablePrimary"]
            assert failure(client.admin, {"ping": 1})["codeName"] == "IllegalOperation"
    finally:
        server.block(None)
    assert db.command("ping")["ok"]


def test_a_server_that_is_not_running() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        SecantusDBServer(port=0, storage_path=":memory:").block(None)


def test_a_reason_that_is_none(server: SecantusDBServer) -> None:
    with pytest.raises(TypeError, match=r"block\(5\): pass the reason as a string"):
        server.block(5)  # type: ignore[arg-type]
