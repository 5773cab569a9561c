"""The express lane's updates of all documents that an equality matches, compared with the general path."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Int64, ObjectId

from secantus_server.interceptors.command_log import CommandLog
from tests.work.test_express import LSID, Document, Side, find, message, plain, sides
from tests.work.test_express_ranges import CASES, STORED, Indexes, fill
from tests.work.test_express_transactions import Numbered, check_equal, run_both

__all__ = ["sides"]

CHANGES: list[Document] = [
    {"$set": {"b": 2}},
    {"$inc": {"n": 1}},
    {"$inc": {"k.u": 0.5}},
    {"$unset": {"b": ""}},
    {"$push": {"list": {"x": 1}}},
    {"$set": {"k.v": "same"}},
    {"$rename": {"b": "c"}},
    {"$setOnInsert": {"z": 1}},
]


def many(query: Document, change: Any, fields: Document | None = None, **statement: Any) -> bytes:
    """An update of all documents, in the form in which drivers send it."""
    body = {"update": "c", "ordered": True, "lsid": LSID, **(fields or {})}
    return message(body, {"updates": [{"q": query, "u": change, "multi": True, "upsert": False, **statement}]})


def same(sides: tuple[Side, Side], raw: bytes) -> bool:
    """Run a message on both servers, check that the replies are equal, and return whether the lane ran it."""
    replies = [plain(side.run(raw)) for side in sides]
    assert repr(replies[0]) == repr(replies[1])
    return sides[0].answered


@pytest.mark.parametrize("indexes", [indexes for indexes, _ in CASES])
def test_both_paths_update_the_same(sides: tuple[Side, Side], indexes: Indexes) -> None:
    fill(sides, indexes)
    paths = {path for key, _ in indexes for path in key if not path.startswith("$")} | {"_id", "b"}
    for number, value in enumerate([*STORED, 0.5, "v1", Int64(7)]):
        for path in sorted(paths):
            same(sides, many({path: value}, CHANGES[number % len(CHANGES)]))
    check_equal(sides)


def test_both_paths_update_and_log_the_same(sides: tuple[Side, Side]) -> None:
    fill(sides, [({"a": 1}, {}), ({"k.v": 1}, {"unique": True})])
    logs = [CommandLog("own"), CommandLog("own")]
    for side, log in zip(sides, logs, strict=True):
        side.services.interceptors.install(log)
    for value in (1, "a", "absent", True, ObjectId(b"a" * 12), 1.5):
        for change in CHANGES[:5]:
            assert same(sides, many({"a": value}, change))
    assert same(sides, many({"k.v": "v4"}, {"$set": {"b": 1}}))
    assert same(sides, many({"a": 1}, {"$set": {"a": 2}}))
    assert same(sides, many({"a": 2}, {"$inc": {"a": 1}}))
    shown = [[{**record.values(), "duration_ms": 0} for record in log.records()] for log in logs]
    assert repr(shown[0]) == repr(shown[1])
    check_equal(sides)


@pytest.mark.parametrize(
    "raw",
    [
        many({"_id": 1}, {"$set": {"b": 1}}),
        many({"b": 1}, {"$set": {"n": 1}}),
        many({}, {"$set": {"b": 1}}),
        many({"a": {"$gt": 0}}, {"$set": {"b": 1}}),
        many({"a": {"$eq": 1}}, {"$set": {"b": 1}}),
        many({"a": None}, {"$set": {"b": 1}}),
        many({"a": 1, "b": 1}, {"$set": {"b": 1}}),
        many({"a": "absent"}, {"$setOnInsert": {"_id": "new"}}, upsert=True),
        many({"a": 1}, {"$set": {"b": 1}}, hint="_id_"),
        many({"a": 1}, {"$set": {"b": 1}}, collation={"locale": "en"}),
        many({"a": 1}, {"$set": {"tags.$[x]": 1}}, arrayFilters=[{"x": "a"}]),
        many({"a": 1}, {"$set": {"tags.$": 1}}),
        many({"a": "absent"}, {"$currentDate": {"at": True}}),
        many({"a": 1}, {"b": 1}),
        many({"a": 1}, [{"$set": {"b": 1}}]),
        many({"a": 1}, {}),
        many({"a": 1}, {"$nope": {"b": 1}}),
        many({"a": 1}, {"$set": {"_id": 1}}),
        many({"a": 1}, {"$inc": {"k.v": 1}}),
        many({"a": 1}, {"$push": {"b": 1}}),
        many({"a": 1}, {"$set": {"k.w": 1}}),
        many({"a": 1}, {"$set": {"a": [1, 2]}}),
        many({"a": 1}, {"$set": {"b": 1}}, multi=1),
        many({"a": 1}, {"$set": {"b": 1}}, sort={"b": 1}),
        many({"a": 1}, {"$set": {"b": 1}}, {"txnNumber": Int64(1)}),
        many({"a": 1}, {"$set": {"b": 1}}, {"writeConcern": {"w": 1}}),
        many({"a": 1}, {"$set": {"b": 1}}, {"let": {"x": 1}}),
        many({"a": 1}, {"$set": {"b": 1}}, {"comment": "x"}),
        many({"a": 1}, {"$set": {"b": 1}}, {"maxTimeMS": 60_000}),
    ],
)
def test_other_updates_take_the_general_path(sides: tuple[Side, Side], raw: bytes) -> None:
    fill(sides, [({"a": 1}, {}), ({"k.w": 1}, {"unique": True, "sparse": True})])
    for side in sides:
        side.run(message({"insert": "c"}, {"documents": [{"_id": f"k{n}", "a": 1, "k": {"v": n}} for n in range(3)]}))
    assert not same(sides, raw)
    check_equal(sides)


def test_a_multikey_index_takes_the_general_path(sides: tuple[Side, Side]) -> None:
    fill(sides, [({"a": 1}, {})])
    assert same(sides, many({"a": 1}, {"$inc": {"n": 1}}))
    for side in sides:
        side.run(message({"insert": "c"}, {"documents": [{"_id": "array", "a": [1, 1.0, 2]}]}))
    assert not same(sides, many({"a": 1}, {"$inc": {"n": 1}}))
    check_equal(sides)


@pytest.mark.parametrize(("count", "size", "is_express"), [(100, 10, True), (101, 10, False), (10, 200_000, False), (3, 30_000, True)])
def test_many_documents_take_the_general_path(sides: tuple[Side, Side], count: int, size: int, is_express: bool) -> None:
    fill(sides, [({"n": 1}, {})])
    for side in sides:
        side.run(message({"insert": "c"}, {"documents": [{"_id": f"n{number}", "n": 1, "text": "x" * size} for number in range(count)]}))
    for _ in range(2):
        assert same(sides, many({"n": 1}, {"$inc": {"m": 1}})) is is_express
    check_equal(sides)


def test_a_transaction_takes_the_general_path(sides: tuple[Side, Side]) -> None:
    fill(sides, [({"a": 1}, {})])
    one = Numbered()
    statement = {"q": {"a": 1}, "u": {"$set": {"b": 1}}, "multi": True}
    run_both(sides, one.insert({"_id": "new", "a": 1}), is_express=True)
    run_both(sides, message({"update": "c", **one.fields}, {"updates": [statement]}), is_express=False)
    run_both(sides, one.end(), is_express=True)
    check_equal(sides)


def test_an_update_that_is_sent_again_is_applied_again(sides: tuple[Side, Side]) -> None:
    fill(sides, [({"a": 1}, {})])
    for query in ({"a": 1}, {"a": "a"}, {"a": 1}):
        assert same(sides, many(query, {"$inc": {"n": 1}, "$push": {"list": 1}}))
        assert same(sides, message({"update": "c"}, {"updates": [{"q": {"_id": 1}, "u": {"$inc": {"n": 1}, "$push": {"list": 1}}}]}))
    assert same(sides, find({"a": 1}))
    check_equal(sides)
