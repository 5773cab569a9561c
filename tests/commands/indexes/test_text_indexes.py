"""Text indexes: their definitions are stored and listed as by MongoDB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server.index.kinds.text import Text
from secantus_server.server import SecantusDBServer
from secantus_server.storage import StorageError
from tests.failing import code

STORED = {"weights": {"a": 1}, "default_language": "english", "language_override": "language", "textIndexVersion": 3}


def listed(db: Database, collection: str = "c") -> list[dict[str, Any]]:
    return [index.to_dict() for index in db[collection].list_indexes()][1:]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"key": {"a": "text"}}, {"key": {"_fts": "text", "_ftsx": 1}, **STORED}),
        ({"key": {"x": 1, "a": "text", "y": -1}}, {"key": {"x": 1, "_fts": "text", "_ftsx": 1, "y": -1}, **STORED}),
        ({"key": {"b": "text", "a": "text"}}, {"key": {"_fts": "text", "_ftsx": 1}, **STORED, "weights": {"a": 1, "b": 1}}),
        ({"key": {"a": "text"}, "weights": {"b": 5.0}}, {"key": {"_fts": "text", "_ftsx": 1}, **STORED, "weights": {"a": 1, "b": 5}}),
        ({"key": {"$**": "text"}}, {"key": {"_fts": "text", "_ftsx": 1}, **STORED, "weights": {"$**": 1}}),
        ({"key": {"a": "text"}, "default_language": "spanish", "language_override": "lang", "textIndexVersion": 2},
         {"key": {"_fts": "text", "_ftsx": 1}, "weights": {"a": 1}, "default_language": "spanish", "language_override": "lang",
          "textIndexVersion": 2}),
        ({"key": {"_fts": "text", "_ftsx": 1}, **STORED}, {"key": {"_fts": "text", "_ftsx": 1}, **STORED}),
        ({"key": {"a": "text"}, "hidden": True, "partialFilterExpression": {"b": 1}},
         {"key": {"_fts": "text", "_ftsx": 1}, "hidden": True, "partialFilterExpression": {"b": 1}, **STORED}),
    ],
)  # fmt: skip
def test_definitions(db: Database, given: dict[str, Any], shown: dict[str, Any]) -> None:
    for _ in range(2):
        reply = db.command({"createIndexes": "c", "indexes": [{"name": "t", **given}]})
    assert (reply["numIndexesBefore"], reply["numIndexesAfter"]) == (2, 2)
    assert listed(db) == [{"v": 2, "name": "t", **shown}]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"key": {"a": "text", "b": 1, "c": "text"}}, 67),
        ({"key": {"a": "text", "b": "2dsphere"}}, 67),
        ({"key": {"a": "text"}, "default_language": "klingon"}, 67),
        ({"key": {"a": "text"}, "default_language": 1}, 14),
        ({"key": {"a": "text"}, "language_override": ""}, 67),
        ({"key": {"a": "text"}, "language_override": None}, 14),
        ({"key": {"a": "text"}, "weights": "b"}, 67),
        ({"key": {"a": "text"}, "weights": 1}, 14),
        ({"key": {"a": "text"}, "weights": {"a": "x"}}, 67),
        ({"key": {"a": "text"}, "weights": {"a": 0}}, 67),
        ({"key": {"_fts": "text", "_ftsx": 1}}, 67),
        ({"key": {"a": "text"}, "textIndexVersion": 4}, 67),
        ({"key": {"a": "text"}, "collation": {"locale": "en"}}, 67),
    ],
)
def test_definitions_that_cannot_be(db: Database, given: dict[str, Any], expected: int) -> None:
    assert code(db, {"createIndexes": "c", "indexes": [{"name": "t", **given}]}) == expected


@pytest.mark.parametrize(("second", "expected"), [({"b": "text"}, 85), ({"x": 1, "a": "text"}, 67)])
def test_a_collection_has_one_text_index(db: Database, second: dict[str, Any], expected: int) -> None:
    db.c.create_index([("a", "text")])
    assert code(db, {"createIndexes": "c", "indexes": [{"key": second, "name": "t"}]}) == expected
    assert code(db, {"createIndexes": "d", "indexes": [{"key": {"a": "text"}, "name": "a"}, {"key": second, "name": "b"}]}) == expected


def test_other_queries_do_not_use_it(db: Database) -> None:
    db.c.create_index([("a", "text")])
    db.c.insert_one({"_id": 1, "a": "word"})
    plan = db.c.find({"a": "word"}).explain()["queryPlanner"]["winningPlan"]
    assert plan["stage"] == "COLLSCAN"
    assert db.c.find_one({"a": "word"}) == {"_id": 1, "a": "word"}
    assert code(db, {"find": "c", "filter": {"a": "word"}, "hint": "a_text"}) == 291


@pytest.mark.parametrize(
    ("document", "expected"),
    [({"language": "klingon"}, 17262), ({"language": 1}, 17261), ({"b": [{"language": "klingon"}]}, 17262)],
)
def test_the_language_of_a_document_is_known(db: Database, document: dict[str, Any], expected: int) -> None:
    db.c.create_index([("b.c", "text")])
    db.c.insert_one({"language": "german", "a": {"language": "klingon"}})
    assert db.command({"insert": "c", "documents": [document]})["writeErrors"][0]["code"] == expected


def test_it_is_dropped_by_its_name_and_its_stored_key(db: Database) -> None:
    for wanted in ("a_text", {"_fts": "text", "_ftsx": 1}):
        db.c.create_index([("a", "text")])
        assert code(db, {"dropIndexes": "c", "index": {"a": "text"}}) == 27
        db.command({"dropIndexes": "c", "index": wanted})
    assert listed(db) == []


def test_out_rename_and_snapshots_keep_it(db: Database, server: SecantusDBServer) -> None:
    db.c.create_index([("a", "text")])
    db.source.insert_one({"_id": 1})
    list(db.source.aggregate([{"$out": "c"}]))
    db.c.rename("d")
    with server.checkpoint():
        db.d.drop_index("a_text")
    assert listed(db, "d") == [{"v": 2, "name": "a_text", "key": {"_fts": "text", "_ftsx": 1}, **STORED}]


def test_it_survives_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, MongoClient(server.uri) as client:
            assert client.d.c.create_index([("a", "text")]) == "a_text"
            assert listed(client.d)[0]["key"] == {"_fts": "text", "_ftsx": 1}
            client.d.c.insert_one({"a": "words"})
    assert_found(tmp_path, 2)


def assert_found(path: Path, count: int) -> None:
    with SecantusDBServer(port=0, storage_path=str(path), log_level="error") as server, MongoClient(server.uri) as client:
        assert client.d.c.count_documents({"$text": {"$search": "word"}}) == count
        assert client.d.command("validate", "c")["valid"]


def test_entries_of_another_version_are_built_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setattr(Text, "entries_version", lambda self: "")
        before.setattr(Text, "extractor", lambda self, spec: None)
        with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, MongoClient(server.uri) as client:
            client.d.c.create_index([("a", "text")])
            client.d.c.insert_one({"a": "words"})
    for _ in range(2):
        assert_found(tmp_path, 1)


def test_a_store_with_a_document_that_cannot_be_indexed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setattr(Text, "entries_version", lambda self: "")
        before.setattr(Text, "extractor", lambda self, spec: None)
        with SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error") as server, MongoClient(server.uri) as client:
            client.d.c.create_index([("x", 1), ("a", "text")])
            client.d.c.insert_one({"x": [1], "a": "words"})
    with pytest.raises(StorageError, match="The index x_1_a_text of the collection"):
        SecantusDBServer(port=0, storage_path=str(tmp_path), log_level="error").start()
