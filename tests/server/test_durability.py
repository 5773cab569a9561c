"""With `j: true` or `sync_on_commit`, each write command is on disk when it is acknowledged, according to the marks of the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from secantus_server.server import SecantusDBServer
from secantus_server.storage import log_marks

COMMANDS: list[dict[str, Any]] = [
    {"insert": "c", "documents": [{"_id": 2}]},
    {"update": "c", "updates": [{"q": {"_id": 1}, "u": {"$set": {"b": 1}}}]},
    {"delete": "c", "deletes": [{"q": {"_id": 1}, "limit": 1}]},
    {"findAndModify": "c", "query": {"_id": 1}, "remove": True},
    {"create": "new"},
    {"create": "view", "viewOn": "c", "pipeline": []},
    {"drop": "c"},
    {"dropDatabase": 1},
    {"collMod": "c", "validator": {"a": 1}},
    {"convertToCapped": "c", "size": 4096},
    {"createIndexes": "c", "indexes": [{"key": {"x": 1}, "name": "x"}]},
    {"dropIndexes": "c", "index": "a"},
    {"renameCollection": "d.c", "to": "d.e", "$db": "admin"},
    {"aggregate": "c", "pipeline": [{"$out": "e"}], "cursor": {}},
    {"aggregate": "c", "pipeline": [{"$merge": "e"}], "cursor": {}},
    {"bulkWrite": 1, "ops": [{"insert": 0, "document": {"_id": 3}}], "nsInfo": [{"ns": "d.c"}], "$db": "admin"},
    {"createRole": "r", "privileges": [], "roles": []},
    {"applyOps": [{"op": "i", "ns": "d.c", "o": {"_id": 9}}], "$db": "admin"},
]


def ends(path: Path) -> tuple[int, int]:
    """Return the end of the log, and the end of the part that was synced to disk."""
    words = log_marks._WORDS.unpack_from((path / log_marks.NAME).read_bytes(), log_marks._AT_WORDS)
    return words[0], words[2]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: next(iter(command)))
@pytest.mark.parametrize("how", ["j", "sync_on_commit"])
def test_a_write_is_on_disk_when_it_is_acknowledged(tmp_path: Path, command: dict[str, Any], how: str) -> None:
    with (
        SecantusDBServer(port=0, storage_path=str(tmp_path), sync_on_commit=how == "sync_on_commit", log_level="error") as server,
        MongoClient(server.uri, retryWrites=False) as client,
    ):
        client.d.c.insert_one({"_id": 1, "a": 1})
        client.d.c.create_index("a", name="a")
        before, _ = ends(tmp_path)
        concern = {} if how == "sync_on_commit" else {"writeConcern": {"w": 1, "j": True}}
        database = client[command.get("$db", "d")]
        database.command({**{name: value for name, value in command.items() if name != "$db"}, **concern})
        end, synced = ends(tmp_path)
        assert end > before
        assert synced >= end
