"""The express lane's finds by an index that is not unique, compared with the general path."""

from __future__ import annotations

import random
from typing import Any

import bson
import pytest
from bson import Int64

from secantus_server.interceptors.command_log import CommandLog
from tests.work.test_express import Document, Side, batch, find, message, plain, sides, update

__all__ = ["sides"]

SEED = 16
VALUES: list[Any] = [0, 1, 2, 1.0, 1.5, Int64(1), "a", "b", "", True, float("nan"), bson.ObjectId(b"a" * 12)]
STORED: list[Any] = [*VALUES, None, [1, 2, 1], [], ["a", [1]], {"x": 1}, [{"x": 1}, {"x": [1, 2]}], {}]
Indexes = list[tuple[Document, Document]]
# The indexes of a collection, and for each path whether the lane finds by them.
CASES: list[tuple[Indexes, dict[str, bool]]] = [
    ([({"a": 1}, {})], {"a": True, "b": False, "a.x": False}),
    ([({"a": -1}, {}), ({"b": 1, "a": 1}, {})], {"a": True, "b": True}),
    ([({"a.x": 1, "b": -1}, {"sparse": True})], {"a.x": True, "b": False}),
    ([({"a.x": -1}, {}), ({"a": 1}, {"hidden": True})], {"a.x": True, "a": False}),
    ([({"k.u": 1}, {"unique": True}), ({"k.v": -1}, {"unique": True})], {"k.u": True, "k.v": True, "k": False}),
    ([({"a": 1}, {}), ({"a": 1, "b": 1}, {})], {"a": False}),
    ([({"a": 1}, {"collation": {"locale": "en"}}), ({"b": 1}, {"partialFilterExpression": {"a": 1}})], {"a": False, "b": False}),
    ([({"b": "hashed"}, {}), ({"a": "text"}, {})], {"a": False, "b": False}),
    ([({"$**": 1}, {})], {"a": True, "a.x": True, "b": True, "missing.path": True}),
    ([({"$**": -1}, {"wildcardProjection": {"a": 1}})], {"a": True, "a.x": True, "b": False}),
    ([({"a.$**": 1}, {}), ({"b": 1}, {})], {"a": True, "a.x": True, "b": True}),
    ([({"$**": 1}, {}), ({"b": 1}, {})], {"a": True, "b": False}),
    ([({"$**": 1}, {"collation": {"locale": "fr"}})], {"a": False}),
    ([({"b": 1, "a.$**": 1}, {})], {"a": False, "a.x": False, "b": False}),
]


def fill(sides: tuple[Side, Side], indexes: Indexes) -> None:
    """Fill the collection `c` on both servers. The indexes are created in the middle."""
    print("seed", SEED)
    source = random.Random(SEED)
    documents = [
        {"_id": number, "a": source.choice(STORED), "b": source.choice(VALUES), "k": {"u": number, "v": number}} for number in range(80)
    ]
    specs = [{"key": key, "name": f"i{number}", **options} for number, (key, options) in enumerate(indexes)]
    for raw in (
        message({"drop": "c"}),
        message({"insert": "c"}, {"documents": documents[:40]}),
        message({"createIndexes": "c", "indexes": specs}),
        message({"insert": "c"}, {"documents": documents[40:]}),
        message({"delete": "c"}, {"deletes": [{"q": {"_id": {"$mod": [7, 0]}}, "limit": 0}]}),
    ):
        for side in sides:
            reply = side.run(raw)
            assert reply["ok"] == 1, reply


@pytest.mark.parametrize(("indexes", "paths"), CASES)
def test_both_paths_find_the_same(sides: tuple[Side, Side], indexes: Indexes, paths: dict[str, bool]) -> None:
    fill(sides, indexes)
    logs = [CommandLog("own"), CommandLog("own")]
    for side, log in zip(sides, logs, strict=True):
        side.services.interceptors.install(log)
    for path, is_express in paths.items():
        for value in VALUES:
            for options in ({}, {"limit": 1, "singleBatch": True}, {"limit": 3}):
                replies = [plain(side.run(find({path: value}, **options))) for side in sides]
                assert sides[0].answered is is_express, path
                assert repr(replies[0]) == repr(replies[1]), (path, value)
    shown = [[{**record.values(), "duration_ms": 0} for record in log.records()] for log in logs]
    assert repr(shown[0]) == repr(shown[1])
    first, second = (repr(side.state()) for side in sides)
    assert first == second


@pytest.mark.parametrize("key", [{"a": 1}, {"$**": 1}])
@pytest.mark.parametrize(
    ("documents", "size", "limit", "is_express"),
    [(100, 10, 0, True), (101, 10, 0, False), (101, 10, 100, True), (101, 10, 101, False), (10, 200_000, 0, False), (10, 200_000, 4, True)],
)
def test_many_documents_take_the_general_path(
    sides: tuple[Side, Side], key: Document, documents: int, size: int, limit: int, is_express: bool
) -> None:
    fill(sides, [(key, {})])
    for side in sides:
        stock = [{"_id": f"n{number}", "a": "many", "text": "x" * size} for number in range(documents)]
        side.run(message({"insert": "c"}, {"documents": stock}))
    replies = [plain(side.run(find({"a": "many"}, **({"limit": limit} if limit else {})))) for side in sides]
    assert sides[0].answered is is_express
    assert repr(batch(replies[0])) == repr(batch(replies[1]))
    assert repr(sides[0].state()) == repr(sides[1].state())


def test_other_names_and_changed_indexes_take_the_general_path(sides: tuple[Side, Side]) -> None:
    fill(sides, [({"a": 1}, {}), ({"a.0": 1}, {})])
    changes = [
        (message({"ping": 1}), {"a"}),
        (message({"createIndexes": "c", "indexes": [{"key": {"$**": 1}, "name": "w"}]}), {"a.x"}),
        (message({"collMod": "c", "index": {"name": "w", "hidden": True}}), {"a"}),
        (message({"dropIndexes": "c", "index": "i0"}), set()),
    ]
    for change, express in changes:
        for side in sides:
            assert side.run(change)["ok"] == 1
        for path in ("a", "a.0", ".a", "a.", "a..x", "$a", "a-b", "a.x"):
            replies = [plain(side.run(find({path: 1}))) for side in sides]
            assert repr(replies[0]) == repr(replies[1]), path
            assert sides[0].answered is (path in express), path
    replies = [plain(side.run(update({"a.x": 1}, {"$set": {"b": 5}}))) for side in sides]
    assert replies[0] == replies[1]
    assert not sides[0].answered
