"""A directory with a damaged file: the server names the unreadable data and serves the rest, or refuses to start."""

from __future__ import annotations

from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer
from tests.integration.daemon import Daemon
from tests.server.test_daemon import complaint

COUNT = 3000


def fill(path: Path) -> None:
    """Create two collections with a distinct text in every document, and a third with an index."""
    with SecantusDBServer(storage_path=str(path), port=0) as server, MongoClient(server.uri) as client:
        for name in ("first", "second"):
            client.test[name].insert_many([{"_id": number, "text": name * 30} for number in range(COUNT)])
        client.test.third.insert_many([{"_id": number, "key": f"third {number:06}"} for number in range(COUNT)])
        client.test.third.create_index("key", name="by_key")


def damage(path: Path, text: bytes) -> None:
    """Change a byte of the middle one of a text's occurrences."""
    content = bytearray(path.read_bytes())
    middle = (content.index(text) + content.rindex(text)) // 2
    content[content.index(text, middle)] ^= 1
    path.write_bytes(content)


def test_the_error_names_the_collection_and_the_rest_is_served(tmp_path: Path) -> None:
    fill(tmp_path)
    damage(tmp_path / "records.wt", b"second" * 30)
    with SecantusDBServer(storage_path=str(tmp_path), port=0) as server, MongoClient(server.uri) as client:
        test = client.test
        for _ in range(2):
            with pytest.raises(OperationFailure, match=r"the collection test\.second cannot be read: the data file records\.wt") as caught:
                list(test.second.find())
            assert caught.value.code == 301
            assert caught.value.details is not None
            assert caught.value.details["codeName"] == "DataCorruptionDetected"
        with pytest.raises(OperationFailure, match=r"the collection test\.second"):
            list(test.first.aggregate([{"$lookup": {"from": "second", "pipeline": [], "as": "all"}}]))
        assert len(list(test.first.find())) == COUNT
        test.first.insert_one({"_id": "new"})
        test.second.drop()
        test.second.insert_one({"_id": 1})
        assert list(test.second.find()) == [{"_id": 1}]
    with SecantusDBServer(storage_path=str(tmp_path), port=0) as server, MongoClient(server.uri) as client:
        assert client.test.first.count_documents({}) == COUNT + 1
        assert list(client.test.second.find()) == [{"_id": 1}]


def test_the_error_names_the_index_which_can_be_made_again(tmp_path: Path) -> None:
    fill(tmp_path)
    damage(tmp_path / "index_entries.wt", b"third 0")
    with SecantusDBServer(storage_path=str(tmp_path), port=0) as server, MongoClient(server.uri) as client:
        third = client.test.third
        with pytest.raises(OperationFailure, match=r"the index by_key of the collection test\.third cannot be read"):
            list(third.find({"key": {"$gte": "third"}}, hint="by_key"))
        assert len(list(third.find())) == COUNT
        third.drop_index("by_key")
        third.create_index("key", name="by_key")
        assert len(list(third.find({"key": {"$gte": "third"}}, hint="by_key"))) == COUNT


def test_a_damaged_log_is_refused(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path)
    with daemon.client() as client:
        for number in range(200):
            client.test.c.insert_one({"_id": number, "text": "x" * 200})
    daemon.kill()
    log = max(tmp_path.glob("WiredTigerLog.*"))
    damage(log, b"x" * 200)
    assert "is damaged at byte" in complaint("--port", "0", "--storage-path", tmp_path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "records.wt").unlink()
    assert complaint("--port", "0", "--storage-path", tmp_path).endswith("without records.wt: restore the directory from a backup.")
