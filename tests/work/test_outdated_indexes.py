"""Tests of indexes with a collation whose entries were written with other sort keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pymongo import MongoClient

from secantus_server.index import build
from secantus_server.mql import collation
from secantus_server.server import SecantusDBServer
from secantus_server.storage import StorageError

FRENCH = {"locale": "fr", "strength": 2}


class OtherKeys:
    """Sort keys of another version."""

    def __init__(self, sort_key: Callable[[str], bytes]) -> None:
        self.sort_key = sort_key


def written_before(directory: Path, monkeypatch: pytest.MonkeyPatch, documents: list[dict[str, object]]) -> None:
    """Write a store with the sort keys of an earlier version."""
    with monkeypatch.context() as before:
        before.setattr(build, "SORT_KEYS_VERSION", 1)
        before.setattr(collation, "_sort_keys", lambda spec: OtherKeys(lambda text: text.encode()[::-1]))
        with SecantusDBServer(port=0, storage_path=str(directory), log_level="error") as server, MongoClient(server.uri) as client:
            client.d.create_collection("c", collation=FRENCH)
            client.d.c.create_index("a", unique=True)
            client.d.c.insert_many(documents)


def test_entries_are_rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written_before(tmp_path, monkeypatch, [{"_id": "ba", "a": "ba"}, {"_id": "ab", "a": "ab"}])
    for _ in range(2):
        with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, MongoClient(server.uri) as client:
            found = client.d.c
            assert [document["a"] for document in found.find({"a": {"$gte": ""}}).sort("a").hint("a_1")] == ["ab", "ba"]
            assert found.find_one({"_id": "AB"}) == {"_id": "ab", "a": "ab"}
            assert client.d.command("validate", "c", full=True)["valid"]


def test_a_unique_index_that_cannot_be_rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written_before(tmp_path, monkeypatch, [{"_id": 1, "a": "ab"}, {"_id": 2, "a": "AB"}])
    server = SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error")
    with pytest.raises(StorageError, match=r"The index a_1 of the collection d\.c .* two documents have the same key"):
        server.start()
