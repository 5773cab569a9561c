"""The index bounds that a filter leads to, and the residual filter."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.bson.values import Regex
from secantus_server.errors import CommandError
from secantus_server.query.plan import CollectionScan, EmptyScan, IndexedScan, Sort, Union
from tests.property.memory_collection import MemoryCollection


def only_scan(collection: MemoryCollection, filter: dict[str, Any], **options: Any) -> IndexedScan:
    plan = collection.plan(collection.query(filter, **options))
    assert isinstance(plan, IndexedScan), plan
    return plan


@pytest.mark.parametrize(
    ("condition", "bounds"),
    [
        (5, ["[5, 5]"]),
        (None, ["[null, null]"]),
        ({"$gt": 5}, ["(5, inf.0]"]),
        ({"$gte": 5, "$lt": 7}, ["[5, 7)"]),
        ({"$lt": "b"}, ['["", "b")']),
        ({"$gt": 5, "$lt": 3}, []),
        ({"$in": [3, 1, 2.0, 1]}, ["[1, 1]", "[2.0, 2.0]", "[3, 3]"]),
        ({"$in": [[], 1]}, ["[undefined, undefined]", "[1, 1]", "[[], []]"]),
        (Regex("^ab", ""), ['["ab", "ac")', "[/^ab/, /^ab/]"]),
        (Regex("^ab*c", ""), ['["a", "b")', "[/^ab*c/, /^ab*c/]"]),
        ({"$exists": False}, ["[null, null]"]),
        ({"$elemMatch": {"$gt": 1, "$lt": 3}}, ["(1, 3)"]),
        (Regex("ab", ""), ['["", {})', "[/ab/, /ab/]"]),
        (Regex("^ab", "i"), ['["", {})', "[/^ab/i, /^ab/i]"]),
        (Regex("^a|b", ""), ['["", {})', "[/^a|b/, /^a|b/]"]),
        ({"$exists": True}, ["[MinKey, MaxKey]"]),
        ({"$ne": 5}, ["[MinKey, 5)", "(5, MaxKey]"]),
        ({"$ne": None}, ["[MinKey, null)", "(null, MaxKey]"]),
        ({"$nin": [3, 1]}, ["[MinKey, 1)", "(1, 3)", "(3, MaxKey]"]),
        ({"$not": {"$gt": 5}}, ["[MinKey, 5]", "(inf.0, MaxKey]"]),
        ({"$not": {"$lte": 5}}, ["[MinKey, -inf.0)", "(5, MaxKey]"]),
        ({"$ne": 5, "$gt": 3, "$lt": 7}, ["(3, 5)", "(5, 7)"]),
    ],
)
def test_bounds_of_one_field(collection: MemoryCollection, condition: Any, bounds: list[str]) -> None:
    collection.add_index({"a": 1})
    assert only_scan(collection, {"a": condition}).bounds.explain(False)["a"] == bounds


@pytest.mark.parametrize(
    "condition",
    [{"$ne": [5]}, {"$nin": []}, {"$not": Regex("ab", "")}, {"$size": 1}, {"$gt": float("nan")}, {"$type": "int"}],
)
def test_conditions_without_bounds(collection: MemoryCollection, condition: Any) -> None:
    collection.add_index({"a": 1})
    assert isinstance(collection.plan(collection.query({"a": condition})), CollectionScan)


@pytest.mark.parametrize(
    ("filter", "exact"),
    [
        ({"a": 5}, True),
        ({"a": {"$gt": 1}}, True),
        ({"a": None}, False),
        ({"a": [1]}, False),
        ({"a": 1, "b": 2}, False),
        ({"a": {"$ne": 1}}, True),
        ({"a": {"$ne": None}}, False),
    ],
)
def test_documents_are_held_against_what_bounds_do_not_say(collection: MemoryCollection, filter: dict[str, Any], exact: bool) -> None:
    collection.add_index({"a": 1})
    scan = only_scan(collection, filter)
    assert (scan.match is None and scan.key_filter is None) == exact


def test_entries_are_held_against_conditions_on_later_fields(collection: MemoryCollection) -> None:
    collection.add_index({"a": 1, "b": 1})
    scan = only_scan(collection, {"a": {"$gt": 1}, "b": {"$ne": 3}})
    assert scan.match is None
    assert scan.key_filter.serialize() == {"b": {"$not": {"$eq": 3}}}


def test_one_predicate_bounds_a_multikey_field(collection: MemoryCollection) -> None:
    collection.add_index({"a": 1})
    collection.insert({"_id": 1, "a": [0, 5]})
    assert collection.find({"a": {"$gt": 1, "$lt": 3}}) == [{"_id": 1, "a": [0, 5]}]
    assert len(only_scan(collection, {"a": {"$gt": 1, "$lt": 3}}).bounds.intervals) == 1


def test_points_of_several_fields_are_not_multiplied_without_end(collection: MemoryCollection) -> None:
    collection.add_index({"a": 1, "b": 1})
    numbers = list(range(100))
    scan = only_scan(collection, {"a": {"$in": numbers}, "b": {"$in": numbers}})
    assert len(scan.bounds.intervals) == 100
    collection.insert({"_id": 1, "a": 5, "b": 200})
    collection.insert({"_id": 2, "a": 5, "b": 50})
    assert [document["_id"] for document in collection.find({"a": {"$in": numbers}, "b": {"$in": numbers}})] == [2]


@pytest.mark.parametrize(
    ("key", "filter", "sort", "direction"),
    [
        ({"a": 1}, {}, {"a": 1}, 1),
        ({"a": 1}, {}, {"a": -1}, -1),
        ({"a": 1, "b": -1}, {}, {"a": 1, "b": -1}, 1),
        ({"a": 1, "b": -1}, {}, {"a": -1, "b": 1}, -1),
        ({"a": 1, "b": -1}, {}, {"a": 1, "b": 1}, 0),
        ({"a": 1, "b": 1}, {"a": 5}, {"b": -1}, -1),
        ({"a": 1, "b": 1}, {"a": 5}, {"a": -1, "b": 1}, 1),
        ({"a": 1, "b": 1}, {"a": {"$in": [5, 6]}}, {"b": 1}, 0),
        ({"a": 1, "b": 1}, {"a": {"$gt": 5}}, {"b": 1}, 0),
    ],
)
def test_sorts_from_the_index(collection: MemoryCollection, key: Any, filter: Any, sort: Any, direction: int) -> None:
    collection.add_index(key)
    plan = collection.plan(collection.query(filter, sort=sort))
    if direction:
        assert isinstance(plan, IndexedScan)
        assert plan.reverse == (direction < 0)
    else:
        assert isinstance(plan, Sort)


@pytest.mark.parametrize(
    ("partial", "filter", "usable"),
    [
        ({"a": {"$gt": 5}}, {"a": {"$gt": 5}}, True),
        ({"a": {"$gt": 5}}, {"a": {"$gte": 5}}, False),
        ({"a": {"$gt": 5}}, {"a": {"$in": [6, 7]}}, True),
        ({"a": {"$gt": 5}}, {"a": "x"}, False),
        ({"a": {"$exists": True}}, {"a": 1}, True),
        ({"a": {"$exists": True}}, {"a": None}, False),
        ({"b": 1}, {"a": 1, "b": 1}, True),
        ({"b": 1}, {"a": 1}, False),
        ({"$or": [{"b": 1}, {"b": 2}]}, {"a": 1, "b": 2}, True),
        ({"a": {"$type": "int"}}, {"a": {"$type": "int", "$gt": 1}}, True),
    ],
)
def test_partial_indexes_serve_what_implies_them(collection: MemoryCollection, partial: Any, filter: Any, usable: bool) -> None:
    collection.add_index({"a": 1}, partialFilterExpression=partial)
    assert isinstance(collection.plan(collection.query(filter)), IndexedScan) == usable


@pytest.mark.parametrize(
    ("filter", "usable"),
    [
        ({"a": 1}, True),
        ({"a": None}, False),
        ({"a": {"$exists": True}}, True),
        ({"a": {"$in": [1, None]}}, False),
        ({"a": Regex("^x", "")}, True),
        ({}, False),
    ],
)
def test_sparse_indexes(collection: MemoryCollection, filter: Any, usable: bool) -> None:
    collection.add_index({"a": 1}, sparse=True)
    sort = {"a": 1} if not filter else {}
    plan = collection.plan(collection.query(filter, sort=sort))
    assert isinstance(plan, IndexedScan) == usable


def test_hidden_indexes_are_not_used(collection: MemoryCollection) -> None:
    collection.add_index({"a": 1}, hidden=True)
    assert isinstance(collection.plan(collection.query({"a": 1})), CollectionScan)


def test_or_is_a_union_if_every_branch_has_an_index(collection: MemoryCollection) -> None:
    collection.add_index({"a": 1})
    assert isinstance(collection.plan(collection.query({"$or": [{"a": 1}, {"b": 1}]})), CollectionScan)
    collection.add_index({"b": 1})
    assert isinstance(collection.plan(collection.query({"$or": [{"a": 1}, {"b": 1}]})), Union)
    collection.insert({"_id": 1, "a": 1, "b": 1})
    assert collection.find({"$or": [{"a": 1}, {"b": 1}]}) == [{"_id": 1, "a": 1, "b": 1}]


def test_a_negation_says_less_of_a_multikey_field(collection: MemoryCollection) -> None:
    collection.add_index({"a": 1})
    for document in ({"_id": 1, "a": [4, 5]}, {"_id": 2, "a": [4, 6]}, {"_id": 3}):
        collection.insert(document)
    scan = only_scan(collection, {"a": {"$ne": 5}})
    assert scan.match is not None
    assert [document["_id"] for document in collection.find({"a": {"$ne": 5}})] == [3, 2]


def test_a_range_is_preferred_to_a_negation(collection: MemoryCollection) -> None:
    collection.add_index({"a": 1})
    collection.add_index({"b": 1})
    assert only_scan(collection, {"a": {"$ne": 1}, "b": {"$gt": 2}}).index.parts == [("b", 1)]


def test_a_union_is_preferred_to_a_negation(collection: MemoryCollection) -> None:
    for path in "abc":
        collection.add_index({path: 1})
    either = [{"b": 1}, {"c": 2}]
    assert isinstance(collection.plan(collection.query({"a": {"$ne": 1}, "$or": either})), Union)
    assert isinstance(collection.plan(collection.query({"a": {"$exists": True}, "$or": either})), Union)
    assert only_scan(collection, {"a": 1, "$or": either}).index.parts == [("a", 1)]
    assert only_scan(collection, {"a": {"$ne": 1}, "$or": [{"b": 1}, {"c": {"$ne": 2}}]}).index.parts == [("a", 1)]
    assert isinstance(collection.plan(collection.query({"$or": [{"b": 1}, {"c": {"$ne": 2}}]})), Union)


def test_a_negation_of_a_text_needs_the_index_s_collation(collection: MemoryCollection) -> None:
    collection.add_index({"a": 1})
    german = {"locale": "de"}
    assert isinstance(collection.plan(collection.query({"a": {"$ne": "x"}}, collation=german)), CollectionScan)
    assert isinstance(collection.plan(collection.query({"a": {"$ne": 1}}, collation=german)), IndexedScan)


def test_a_unique_index_with_all_fields_fixed_is_preferred(collection: MemoryCollection) -> None:
    collection.add_index({"a": 1, "b": 1})
    best = collection.add_index({"c": 1}, unique=True)
    assert only_scan(collection, {"a": 1, "b": 1, "c": 1}).index is best


def test_no_collection_reads_nothing(collection: MemoryCollection) -> None:
    from secantus_server.query.planner import plan_query

    assert isinstance(plan_query(None, collection.query({"a": 1}, hint="nothing")), EmptyScan)


@pytest.mark.parametrize("condition", [None, {"$exists": False}, {"$in": [None, 1]}])
def test_a_number_in_a_path_cannot_say_that_a_field_is_absent(collection: MemoryCollection, condition: Any) -> None:
    collection.add_index({"a.0": 1})
    collection.insert({"_id": 1, "a": [{}]})
    assert isinstance(collection.plan(collection.query({"a.0": condition})), CollectionScan)


def test_a_number_that_means_two_things_is_refused(collection: MemoryCollection) -> None:
    collection.add_index({"a.0": 1})
    with pytest.raises(CommandError) as raised:
        collection.insert({"_id": 1, "a": [{"0": 5}]})
    assert raised.value.code == 16746


def test_a_hashed_index_serves_equalities_alone(collection: MemoryCollection) -> None:
    for number in range(20):
        collection.insert({"_id": number, "a": number})
    collection.add_index({"a": "hashed"})
    scan = only_scan(collection, {"a": 5})
    assert scan.bounds.explain(False)["a"] == ["[4470791281878691347, 4470791281878691347]"]
    assert scan.match is not None
    assert [document["_id"] for document in collection.find({"a": {"$in": [5, 7]}})] == [5, 7]
    for condition in ({"$gt": 5}, {"$ne": 5}, {"$exists": True}, Regex("x", "")):
        assert isinstance(collection.plan(collection.query({"a": condition})), CollectionScan)
