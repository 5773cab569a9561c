"""The express lane's `$group` over a small collection, compared with the general path."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Int64

from secantus_server.interceptors.command_log import CommandLog
from tests.work.test_express import LSID, Document, insert, message, sides
from tests.work.test_express_many import same
from tests.work.test_express_ranges import CASES, Indexes, check_same, fill
from tests.work.test_express_transactions import Numbered, check_equal, run_both

__all__ = ["sides"]

GROUPS: list[Document] = [
    {"_id": "$tags", "n": {"$sum": 1}},
    {"_id": "$k.u", "n": {"$sum": 2.5}, "first": {"$first": "$a"}},
    {"_id": "$missing", "n": {"$sum": "$_id"}, "mean": {"$avg": "$k.u"}},
    {"_id": None, "all": {"$push": "$a"}, "several": {"$addToSet": "$tags"}},
    {"_id": None, "least": {"$min": "$b"}, "greatest": {"$max": "$b"}, "last": {"$last": "$missing"}},
    {"n": {"$sum": Int64(2**62)}, "_id": None},
    {"_id": "$tags"},
]
OTHERS: list[Any] = [
    {"_id": 1, "n": {"$sum": 1}},
    {"_id": "$$ROOT"},
    {"_id": "$$REMOVE"},
    {"_id": "text"},
    {"_id": {"a": "$a"}},
    {"_id": {"$toString": "$tags"}},
    {"_id": "$tags", "n": {"$sum": {"$add": ["$a", 1]}}},
    {"_id": "$tags", "n": {"$sum": "$$ROOT"}},
    {"_id": "$tags", "n": {"$sum": "text"}},
    {"_id": "$tags", "n": {"$sum": [1]}},
    {"_id": "$tags", "n": {"$count": {}}},
    {"_id": "$tags", "n": {"$stdDevPop": "$k.u"}},
    {"_id": "$tags", "n": {"$nope": 1}},
    {"_id": "$tags", "n": {"$sum": 1, "$avg": 1}},
    {"_id": "$tags", "n.m": {"$sum": 1}},
    {"_id": "$tags", "": {"$sum": 1}},
    {"_id": "$tags", "n": 1},
    {"_id": "$"},
    {"_id": "$a..b"},
    {"_id": "$a.$b"},
    {"n": {"$sum": 1}},
    {},
    1,
]


def group(spec: Any, *more: Document, **fields: Any) -> bytes:
    return message({"aggregate": "c", "pipeline": [{"$group": spec}, *more], "cursor": {}, "lsid": LSID, **fields})


@pytest.mark.parametrize("indexes", [indexes for indexes, _ in CASES])
def test_both_paths_group_and_log_the_same(sides: tuple[Any, Any], indexes: Indexes) -> None:
    fill(sides, indexes)
    logs = [CommandLog("own"), CommandLog("own")]
    for side, log in zip(sides, logs, strict=True):
        side.services.interceptors.install(log)
    for number in range(2):
        for spec in GROUPS:
            assert same(sides, group(spec))
        assert same(sides, insert({"_id": f"new{number}", "k": {"u": -1 - number, "v": number}, "tags": [1], "a": {"x": 1}}))
    shown = [[{**record.values(), "duration_ms": 0} for record in log.records()] for log in logs]
    assert repr(shown[0]) == repr(shown[1])
    check_equal(sides)


@pytest.mark.parametrize("spec", OTHERS, ids=map(repr, OTHERS))
def test_other_groups_take_the_general_path(sides: tuple[Any, Any], spec: Any) -> None:
    fill(sides, [({"a": 1}, {})])
    for _ in range(2):
        assert not same(sides, group(spec))
    check_equal(sides)


@pytest.mark.parametrize(
    "raw",
    [
        group(GROUPS[0], {"$sort": {"_id": 1}}),
        group(GROUPS[0], cursor={"batchSize": 1}),
        group(GROUPS[0], allowDiskUse=True),
        group(GROUPS[0], collation={"locale": "en", "strength": 1}),
        group(GROUPS[0], let={"x": 1}),
        group(GROUPS[0], hint="i0"),
        group(GROUPS[0], maxTimeMS=60_000),
        group(GROUPS[0], readConcern={"level": "local"}),
        group(GROUPS[0], comment="x"),
        group(GROUPS[0], aggregate="missing"),
        group(GROUPS[0], aggregate=1),
        message({"aggregate": "c", "pipeline": [{"$match": {}}, {"$group": GROUPS[0]}], "cursor": {}}),
        message({"aggregate": "c", "pipeline": [{"$group": GROUPS[0], "$match": {}}], "cursor": {}}),
        message({"aggregate": "c", "pipeline": [{"$group": GROUPS[0]}]}),
    ],
)
def test_other_aggregations_take_the_general_path(sides: tuple[Any, Any], raw: bytes) -> None:
    fill(sides, [({"a": 1}, {})])
    assert same(sides, group(GROUPS[0]))
    check_same(sides, raw, raw)
    assert not sides[0].answered
    check_equal(sides)


@pytest.mark.parametrize(
    ("count", "size", "groups", "is_express"), [(900, 9, 50, True), (1001, 9, 5, False), (9, 200_000, 5, False), (300, 9, 101, False)]
)
def test_large_collections_and_results_take_the_general_path(
    sides: tuple[Any, Any], count: int, size: int, groups: int, is_express: bool
) -> None:
    fill(sides, [({"a": 1}, {})])
    for side in sides:
        side.run(message({"insert": "c"}, {"documents": [{"_id": f"n{n}", "g": n % groups, "text": "x" * size} for n in range(count)]}))
    check_same(sides, group({"_id": "$g", "n": {"$sum": 1}}), count)
    assert sides[0].answered is is_express
    check_equal(sides)


def test_a_collection_with_too_many_groups_is_not_grouped_again_in_vain(sides: tuple[Any, Any]) -> None:
    fill(sides, [({"a": 1}, {})])
    for side in sides:
        side.run(message({"insert": "c"}, {"documents": [{"_id": f"n{n}"} for n in range(100)]}))
    by_id = group({"_id": "$_id"})
    check_same(sides, by_id, by_id)
    assert not sides[0].answered
    assert same(sides, group({"_id": "$tags"}))
    for side in sides:
        side.run(message({"delete": "c", "deletes": [{"q": {"_id": {"$gte": "n"}}, "limit": 0}]}))
    # The lane does not know that the groups are fewer now.
    assert not same(sides, by_id)
    assert same(sides, group({"_id": "$_id", "n": {"$sum": 1}}))
    check_equal(sides)


def test_parameters_take_the_general_path(sides: tuple[Any, Any]) -> None:
    fill(sides, [({"a": 1}, {})])
    assert same(sides, group(GROUPS[0]))
    for side in sides:
        assert side.run(message({"setParameter": 1, "notablescan": True, "$db": "admin"}))["ok"] == 1
    assert not same(sides, group(GROUPS[0]))


def test_a_transaction_takes_the_general_path(sides: tuple[Any, Any]) -> None:
    fill(sides, [({"a": 1}, {})])
    one = Numbered()
    run_both(sides, one.insert({"_id": "new", "tags": "other"}), is_express=True)
    run_both(sides, message({"aggregate": "c", "pipeline": [{"$group": GROUPS[0]}], "cursor": {}, **one.fields}), is_express=False)
    run_both(sides, one.end(), is_express=True)
    check_equal(sides)
