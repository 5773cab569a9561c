"""The express lane's finds that sort by another field than that of the query, compared with the general path."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.interceptors.command_log import CommandLog
from tests.work.test_express import Document, Side, batch, find, message, plain, sides
from tests.work.test_express_ranges import CASES, OTHERS, RANGES, STORED, Indexes, check_same, fill
from tests.work.test_express_transactions import Numbered, check_equal, run_both

__all__ = ["sides"]

SORTS: list[Document] = [{"_id": 1}, {"_id": -1}, {"b": 1}, {"tags": -1}, {"a": 1}, {"k": -1}, {"missing": 1}]
MORE: list[tuple[Indexes, set[str]]] = [
    ([({"a": 1}, {}), ({"b": 1, "_id": -1}, {})], {"a", "b"}),
    ([({"b": 1}, {}), ({"missing": 1}, {"hidden": True})], {"b"}),
    ([({"a": 1}, {}), ({"b": 1, "a": 1}, {})], {"a"}),
    ([({"a": 1}, {}), ({"b": 1}, {"sparse": True})], set()),
    ([({"a": 1}, {}), ({"b": 1}, {"collation": {"locale": "en"}})], set()),
    ([({"a": 1}, {}), ({"tags": 1}, {})], set()),
    ([({"a": 1}, {}), ({"b": 1}, {"partialFilterExpression": {"a": 1}})], set()),
    ([({"a": 1}, {}), ({"b": "hashed"}, {})], set()),
    ([({"a": 1}, {}), ({"b": "text"}, {})], set()),
    ([({"a": 1}, {}), ({"b.$**": 1}, {})], set()),
]


def plans(side: Side) -> Any:
    """The plan cache of the collection, without times."""
    found = side.run(message({"aggregate": "c", "pipeline": [{"$planCacheStats": {}}], "cursor": {}}))
    return [{**plain(one), "timeOfCreation": "", "host": ""} for one in batch(found)]


def check_sorted(sides: tuple[Side, Side], conditions: list[tuple[str, Any]], sorts: list[Document]) -> set[str]:
    """Compare sorted finds and the plans that they leave, and return the fields of which the lane ran some."""
    fields = set()
    for path, condition in conditions:
        for sort in sorts:
            check_same(sides, find({path: condition}, sort=sort), (path, condition, sort))
            if sides[0].answered and path not in sort:
                fields.add(path)
    assert repr(plans(sides[0])) == repr(plans(sides[1]))
    assert sides[0].client.usage.sorts == sides[1].client.usage.sorts
    check_equal(sides)
    return fields


@pytest.mark.parametrize("indexes", [indexes for indexes, _ in CASES])
def test_both_paths_sort_the_same(sides: tuple[Side, Side], indexes: Indexes) -> None:
    fill(sides, indexes)
    paths = {path for key, _ in indexes for path in key if not path.startswith("$")}
    check_sorted(sides, [(path, one) for path in sorted(paths) for one in [*RANGES[::3], *OTHERS[::4]]], SORTS)


@pytest.mark.parametrize(("indexes", "expected"), MORE)
def test_both_paths_sort_the_same_by_indexes_of_other_fields(sides: tuple[Side, Side], indexes: Indexes, expected: set[str]) -> None:
    fill(sides, indexes)
    conditions = [(path, one) for path in ("a", "b") for one in [*RANGES[::4], *STORED[::5], 1, "a"]]
    assert check_sorted(sides, conditions, SORTS) - {"b"} == expected - {"b"}


def test_equalities_of_all_types_sort_the_same(sides: tuple[Side, Side]) -> None:
    fill(sides, [({"a": 1}, {})])
    assert check_sorted(sides, [("a", value) for value in STORED], [{"b": -1}, {"_id": 1}]) == {"a"}


def test_the_plan_cache_shows_a_second_run(sides: tuple[Side, Side]) -> None:
    fill(sides, [({"a": 1}, {})])
    for query, active in (({"a": {"$gt": 0}}, [False]), ({"a": {"$gt": -1.5}}, [True]), ({"a": {"$gte": 0}}, [True, False])):
        check_same(sides, find(query, sort={"_id": 1}), query)
        assert sides[0].answered
        assert [one["isActive"] for one in plans(sides[0])] == active
        assert repr(plans(sides[0])) == repr(plans(sides[1]))
    check_same(sides, find({"a": {"$gt": 0}}, sort={"b": 1}), "without a rival")
    assert sides[0].answered
    assert repr(plans(sides[0])) == repr(plans(sides[1]))


@pytest.mark.parametrize(
    "fields",
    [
        {"limit": 3},
        {"limit": 1, "singleBatch": True},
        {"sort": {"b": 1.0}},
        {"sort": {"b": 1, "_id": 1}},
        {"sort": {"k.u": 1}},
        {"skip": 1},
        {"hint": "i0"},
        {"projection": {"b": 1}},
        {"collation": {"locale": "en"}},
        {"allowDiskUse": False},
    ],
)
def test_other_options_take_the_general_path(sides: tuple[Side, Side], fields: Document) -> None:
    fill(sides, [({"a": 1}, {})])
    for condition in ({"$gte": 0}, 1):
        check_same(sides, find({"a": condition}, **{"sort": {"b": 1}, **fields}), (condition, fields))
        assert not sides[0].answered


def test_many_documents_take_the_general_path_and_leave_one_plan(sides: tuple[Side, Side]) -> None:
    fill(sides, [({"n": 1}, {})])
    for count, is_express in ((100, True), (1, False)):
        for side in sides:
            side.run(message({"insert": "c"}, {"documents": [{"_id": f"{count}.{number}", "n": 1} for number in range(count)]}))
        for query in ({"n": 1}, {"n": {"$gt": 0}}):
            check_same(sides, find(query, sort={"_id": -1}), query)
            assert sides[0].answered is is_express
    assert [[one["isActive"] for one in plans(side)] for side in sides] == [[True, True], [True, True]]
    check_equal(sides)


def test_logs_and_parameters_take_the_general_path(sides: tuple[Side, Side]) -> None:
    fill(sides, [({"a": 1}, {})])
    raw = find({"a": {"$gte": 0}}, sort={"b": 1})
    logs = [CommandLog("own"), CommandLog("own")]
    for side, log in zip(sides, logs, strict=True):
        side.services.interceptors.install(log)
    check_same(sides, raw, "log")
    assert not sides[0].answered
    shown = [[{**record.values(), "duration_ms": 0} for record in log.records()] for log in logs]
    assert repr(shown[0]) == repr(shown[1])
    for side, log in zip(sides, logs, strict=True):
        side.services.interceptors.remove(log)
    check_same(sides, raw, "no log")
    assert sides[0].answered
    limit = {"setParameter": 1, "internalQueryMaxBlockingSortMemoryUsageBytes": 100}
    for side in sides:
        assert side.run(message({**limit, "$db": "admin"}))["ok"] == 1
    check_same(sides, raw, "limit")
    assert not sides[0].answered


def test_sorts_of_transactions_take_the_general_path(sides: tuple[Side, Side]) -> None:
    fill(sides, [({"n": 1}, {})])
    one = Numbered()
    run_both(sides, one.insert({"_id": "new", "n": 5}), is_express=True)
    reply = run_both(sides, one.find({"n": {"$gte": 4}}, sort={"_id": 1}), is_express=False)
    assert [document["_id"] for document in batch(reply)] == ["new"]
    run_both(sides, one.end(), is_express=True)
