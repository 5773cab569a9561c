"""The express lane's finds by a range of one field, compared with the general path."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

import bson
import pytest
from bson import Decimal128, Int64, MaxKey, MinKey, Timestamp

from secantus_server.interceptors.command_log import CommandLog
from tests.work.test_express import Document, Side, batch, find, message, plain, sides
from tests.work.test_express_transactions import Numbered, check_equal, run_both

__all__ = ["sides"]

SEED = 17
INF, NAN = float("inf"), float("nan")
LATER, EARLIER = datetime(2026, 1, 2), datetime(1969, 1, 1)
LOW_ID, HIGH_ID = bson.ObjectId(b"a" * 12), bson.ObjectId(b"b" * 12)
NUMBERS: list[Any] = [-3, 0, -0.0, 1, 1.0, 1.5, Int64(2), Int64(2**53 + 1), 2.0**53, Decimal128("1.2"), INF, -INF, NAN, Decimal128("NaN")]
STORED: list[Any] = [*NUMBERS, "", "a", "a\0", "ab", "b", "é", None, True, False, {"x": 1}, {"x": "a"}, {}, LATER, EARLIER, LOW_ID, HIGH_ID]
STORED += [MinKey(), MaxKey(), Timestamp(1, 1), bson.Regex("a"), b"a"]
# Ranges that the lane reads.
RANGES: list[Document] = [
    {"$gte": 1},
    {"$gt": 1},
    {"$lt": Int64(2)},
    {"$lte": 1.5},
    {"$gt": 0, "$lt": 2},
    {"$lte": Int64(2**53 + 1), "$gt": 2.0**53},
    {"$gte": -0.0, "$lte": 1.0},
    {"$gte": -INF, "$lte": INF},
    {"$gt": -INF, "$lt": INF},
    {"$gte": "a"},
    {"$lt": "é"},
    {"$lt": ""},
    {"$gt": "", "$lte": "ab"},
    {"$gt": "a", "$lt": "b"},
    {"$gte": EARLIER, "$lt": LATER},
    {"$lte": LATER},
    {"$gte": LOW_ID},
    {"$gt": LOW_ID, "$lte": HIGH_ID},
]
# Conditions that the lane leaves to the general path.
OTHERS: list[Document] = [
    {"$gte": NAN},
    {"$lt": NAN, "$gt": 1},
    {"$gte": 1, "$lte": 1},
    {"$gt": 1, "$lt": 1.0},
    {"$gt": 2, "$lt": 1},
    {"$gte": INF},
    {"$lt": -INF},
    {"$gte": 1, "$lt": "a"},
    {"$gte": EARLIER, "$lt": HIGH_ID},
    {"$gte": 1, "$gt": 0},
    {"$gte": 1, "$ne": 2},
    {"$gte": 1, "$exists": True},
    {"$gte": 1, "x": 1},
    {"$gte": None},
    {"$gte": True},
    {"$gte": Decimal128("1")},
    {"$gte": MinKey()},
    {"$lt": MaxKey()},
    {"$gte": [1]},
    {"$lt": {"x": 2}},
    {"$gte": b"a"},
    {"$lt": Timestamp(2, 2)},
    {"$gte": bson.Regex("a")},
    {"$eq": 1},
    {"$in": [1, 2]},
    {"x": 1},
    {},
]
Indexes = list[tuple[Document, Document]]
# The indexes of a collection, and for each path whether the lane reads ranges of it.
CASES: list[tuple[Indexes, dict[str, bool]]] = [
    ([({"a": 1}, {})], {"a": True, "b": False, "a.x": False, "_id": True}),
    ([({"a": -1}, {}), ({"b": 1, "a": 1}, {})], {"a": True, "b": True}),
    ([({"b": -1, "a": 1}, {"sparse": True}), ({"a.x": 1}, {})], {"b": True, "a.x": True, "a": False}),
    ([({"k.u": 1}, {"unique": True}), ({"k.v": -1}, {"unique": True})], {"k.u": True, "k.v": True}),
    ([({"a": 1}, {"hidden": True}), ({"b": 1}, {"expireAfterSeconds": 2**31 - 1})], {"a": False, "b": True}),
    ([({"a": 1}, {}), ({"a": 1, "b": 1}, {})], {"a": False}),
    ([({"a": 1}, {"collation": {"locale": "en"}}), ({"b": 1}, {"partialFilterExpression": {"a": 1}})], {"a": False, "b": False}),
    ([({"b": "hashed"}, {}), ({"a": "text"}, {})], {"a": False, "b": False}),
    ([({"$**": 1}, {})], {"a": False, "a.x": False}),
    ([({"a": 1}, {}), ({"$**": 1}, {})], {"a": False}),
    ([({"tags": 1}, {}), ({"tags": 1, "a": 1}, {"hidden": True})], {"tags": False}),
]


def fill(sides: tuple[Side, Side], indexes: Indexes) -> None:
    """Fill the collection `c` on both servers. The indexes are created in the middle."""
    print("seed", SEED)
    source = random.Random(SEED)
    documents = [
        {
            "_id": number,
            "a": source.choice(STORED),
            "b": source.choice(STORED),
            "k": {"u": number / 2, "v": f"v{number}"},
            "tags": source.choice([1, "a", [1, "a"]]),
        }
        for number in range(90)
    ]
    for document in documents[::7]:
        del document["a"]
    specs = [{"key": key, "name": f"i{number}", **options} for number, (key, options) in enumerate(indexes)]
    for raw in (
        message({"drop": "c"}),
        message({"insert": "c"}, {"documents": documents[:40]}),
        message({"createIndexes": "c", "indexes": specs}),
        message({"insert": "c"}, {"documents": documents[40:]}),
        message({"delete": "c"}, {"deletes": [{"q": {"_id": {"$mod": [7, 3]}}, "limit": 0}]}),
    ):
        for side in sides:
            reply = side.run(raw)
            assert reply["ok"] == 1, reply


def check_same(sides: tuple[Side, Side], raw: bytes, shown: object, *, attempts: bool = True) -> None:
    """Run a command on both servers, and check that the replies are equal. With `attempts`, earlier refusals do not count."""
    if attempts:
        assert sides[0].lane is not None
        sides[0].lane.refused = 0
    replies = [plain(side.run(raw)) for side in sides]
    for reply in replies:
        if reply.get("cursor", {}).get("id"):
            reply["cursor"]["id"] = "open"
    assert repr(replies[0]) == repr(replies[1]), shown


@pytest.mark.parametrize(("indexes", "paths"), CASES)
def test_both_paths_read_the_same_ranges(sides: tuple[Side, Side], indexes: Indexes, paths: dict[str, bool]) -> None:
    fill(sides, indexes)
    logs = [CommandLog("own"), CommandLog("own")]
    for side, log in zip(sides, logs, strict=True):
        side.services.interceptors.install(log)
    for path, is_express in paths.items():
        for condition, is_range in [*((one, True) for one in RANGES), *((one, False) for one in OTHERS)]:
            for options in ({}, {"sort": {path: 1}}, {"sort": {path: -1}, "limit": 3}, {"limit": 2, "singleBatch": True}):
                check_same(sides, find({path: condition}, **options), (path, condition, options))
                assert sides[0].answered is (is_express and is_range), (path, condition)
    shown = [[{**record.values(), "duration_ms": 0} for record in log.records()] for log in logs]
    assert repr(shown[0]) == repr(shown[1])
    check_equal(sides)


@pytest.mark.parametrize(
    "fields",
    [
        {"sort": {}},
        {"sort": {"a": 1.0}},
        {"sort": {"a": 2}},
        {"sort": {"b": 1}, "limit": 5},
        {"sort": {"a": 1, "_id": 1}},
        {"sort": {"a": {"$meta": "textScore"}}},
        {"sort": {"$natural": 1}},
        {"skip": 1},
        {"batchSize": 2},
        {"hint": "i0"},
        {"projection": {"a": 1}},
        {"collation": {"locale": "en"}},
        {"readConcern": {"level": "majority"}},
        {"limit": -1},
        {"min": {"a": 1}, "hint": "i0"},
        {"returnKey": True},
    ],
)
def test_other_options_take_the_general_path(sides: tuple[Side, Side], fields: Document) -> None:
    fill(sides, [({"a": 1}, {})])
    for condition in ({"$gte": 0}, {"$gte": 0, "$lt": 2}, {"$gt": "", "$lte": "b"}):
        check_same(sides, find({"a": condition}, **fields), (condition, fields))
        assert not sides[0].answered


@pytest.mark.parametrize("query", [{"b": 1}, {}, {"a": {"$gte": 1}, "b": {"$gte": 1}}, {"_id": 1}])
def test_a_sort_of_other_queries_takes_the_general_path(sides: tuple[Side, Side], query: Document) -> None:
    fill(sides, [({"a": 1}, {})])
    for by in ("a", "_id", "b"):
        check_same(sides, find(query, sort={by: -1}), by)
        assert not sides[0].answered


def test_commands_other_than_find_take_the_general_path(sides: tuple[Side, Side]) -> None:
    fill(sides, [({"a": 1}, {})])
    query = {"_id": {"$gte": 3, "$lt": 5}}
    counting = [{"$match": query}, {"$group": {"_id": 1, "n": {"$sum": 1}}}]
    for raw in (
        message({"aggregate": "c", "pipeline": counting, "cursor": {}}),
        message({"update": "c"}, {"updates": [{"q": query, "u": {"$set": {"b": 1}}}]}),
        message({"findAndModify": "c", "query": query, "update": {"$set": {"b": 2}}}),
        message({"delete": "c"}, {"deletes": [{"q": query, "limit": 1}]}),
    ):
        check_same(sides, raw, raw)
        assert not sides[0].answered
    check_equal(sides)


def test_an_array_ends_ranges_in_the_lane(sides: tuple[Side, Side]) -> None:
    fill(sides, [({"k.u": 1}, {})])
    for is_express in (True, False):
        for condition in ({"$gte": 5, "$lt": 9}, {"$gt": 7}):
            for options in ({}, {"sort": {"k.u": 1}, "limit": 4}):
                check_same(sides, find({"k.u": condition}, **options), condition)
                assert sides[0].answered is is_express
        for side in sides:
            side.run(message({"insert": "c"}, {"documents": [{"_id": "array", "k": {"u": [1, 6.2, 20]}}]}))


def test_changed_indexes_are_noticed(sides: tuple[Side, Side]) -> None:
    fill(sides, [({"a": 1}, {})])
    for change, is_express in (
        (message({"ping": 1}), True),
        (message({"collMod": "c", "index": {"name": "i0", "hidden": True}}), False),
        (message({"collMod": "c", "index": {"name": "i0", "hidden": False}}), True),
        (message({"createIndexes": "c", "indexes": [{"key": {"a": -1, "b": 1}, "name": "other"}]}), False),
        (message({"dropIndexes": "c", "index": "i0"}), True),
        (message({"dropIndexes": "c", "index": "other"}), False),
    ):
        for side in sides:
            assert side.run(change)["ok"] == 1
        for options in ({}, {"sort": {"a": -1}}):
            check_same(sides, find({"a": {"$gte": 1}}, **options), change)
            assert sides[0].answered is is_express, change


@pytest.mark.parametrize(
    ("documents", "size", "limit", "is_express"),
    [(100, 10, 0, True), (101, 10, 0, False), (101, 10, 100, True), (101, 10, 101, False), (10, 200_000, 0, False), (10, 200_000, 4, True)],
)
def test_many_documents_take_the_general_path(sides: tuple[Side, Side], documents: int, size: int, limit: int, is_express: bool) -> None:
    fill(sides, [({"n": 1}, {})])
    for side in sides:
        stock = [{"_id": f"n{number}", "n": number, "text": "x" * size} for number in range(documents)]
        side.run(message({"insert": "c"}, {"documents": stock}))
    for by in ({}, {"sort": {"n": 1}}, {"sort": {"n": -1}}):
        check_same(sides, find({"n": {"$gte": 0}}, **by, **({"limit": limit} if limit else {})), by)
        assert sides[0].answered is is_express
    check_equal(sides)


def test_the_lane_seldom_attempts_ranges_after_refusals(sides: tuple[Side, Side]) -> None:
    fill(sides, [({"n": 1}, {})])
    for side in sides:
        side.run(message({"insert": "c"}, {"documents": [{"_id": f"n{number}", "n": number} for number in range(150)]}))
    large, small, unindexed = {"n": {"$gte": 0}}, {"n": {"$gte": 0, "$lt": 5}}, {"b": {"$gte": 0}}
    for query, is_express in (
        (large, False),
        (small, True),
        (unindexed, False),
        (large, False),
        *[(small, False)] * 14,
        (small, True),
        (small, True),
    ):
        check_same(sides, find(query), query, attempts=False)
        assert sides[0].answered is is_express, query
    check_equal(sides)


def test_transactions_read_ranges_with_their_own_writes(sides: tuple[Side, Side]) -> None:
    fill(sides, [({"n": 1}, {})])
    one = Numbered()
    run_both(sides, one.insert({"_id": "new", "n": 5}), is_express=True)
    for fields in ({"limit": 3}, {"limit": 3, "sort": {"n": -1}}):
        reply = run_both(sides, one.find({"n": {"$gte": 4, "$lte": 5}}, **fields), is_express=True)
        assert [document["_id"] for document in batch(reply)] == ["new"]
    assert batch(run_both(sides, find({"n": {"$gte": 4}}), is_express=True)) == []
    run_both(sides, one.end(), is_express=True)
    reply = run_both(sides, find({"n": {"$gte": 4}}), is_express=True)
    assert [document["_id"] for document in batch(reply)] == ["new"]
    check_equal(sides)


@pytest.mark.parametrize(
    "options",
    [
        {"collation": {"locale": "en"}},
        {"clusteredIndex": {"key": {"_id": 1}, "unique": True}},
        {"capped": True, "size": 4096},
        {"timeseries": {"timeField": "at", "metaField": "m"}},
        {"viewOn": "c", "pipeline": [{"$match": {"n": 1}}]},
        {"validator": {"n": {"$gte": 0}}},
    ],
)
def test_collections_with_options_take_the_general_path(sides: tuple[Side, Side], options: Document) -> None:
    fill(sides, [({"b": 1}, {})])
    for side in sides:
        side.run(message({"create": "special", **options}))
        side.run(message({"insert": "special"}, {"documents": [{"_id": number, "n": number, "at": LATER} for number in range(5)]}))
    for query in ({"_id": {"$gte": 2}}, {"_id": {"$gt": 0, "$lte": 3}}, {"at": {"$gte": EARLIER}}):
        check_same(sides, find(query, find="special"), query)
        assert not sides[0].answered
