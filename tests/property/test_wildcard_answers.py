"""Queries with wildcard and hashed indexes return what a scan of the collection returns, and the indexes stay consistent."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secantus_server.errors import CommandError
from secantus_server.index.marks import read_marks
from secantus_server.query.plan import Sort
from secantus_server.query.wildcard import WildcardScan
from secantus_server.storage import Engine
from tests.property import generated as g
from tests.property.answers import check_same_documents, check_same_projections, is_ordered, outcome, without_order
from tests.property.memory_collection import MemoryCollection, entries

COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

KEYS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"$**": 1}, {}),
    ({"$**": -1}, {}),
    ({"a.$**": 1}, {}),
    ({"a.b.$**": 1}, {}),
    ({"_id.$**": 1}, {}),
    ({"$**": 1}, {"wildcardProjection": {"_id": 1, "a": 1}}),
    ({"$**": 1}, {"wildcardProjection": {"a.b": 1, "b": 1}}),
    ({"$**": 1}, {"wildcardProjection": {"a": {"b": 0}, "_id": 1}}),
    ({"$**": 1}, {"wildcardProjection": {"a": 0}}),
    ({"$**": 1}, {"wildcardProjection": {"_id": 0}}),
    ({"c": 1, "$**": 1}, {"wildcardProjection": {"c": 0}}),
    ({"$**": -1, "c": 1}, {"wildcardProjection": {"c": 0, "_id": 0}}),
    ({"b": -1, "a.$**": 1, "c": 1}, {}),
    ({"c": 1, "b": 1, "a.$**": -1}, {}),
    ({"a": "hashed"}, {}),
    ({"a.b": "hashed"}, {}),
    ({"c": 1, "b": "hashed"}, {}),
    ({"b": "hashed", "a": -1, "c": 1}, {}),
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {},
    {"hidden": True},
    *({"collation": collation} for collation in g.COLLATIONS),
    *({"partialFilterExpression": filter} for filter in g.PARTIAL_FILTERS),
]
indexes = st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(OPTIONS)).map(lambda pair: (pair[0][0], {**pair[0][1], **pair[1]})),
    min_size=1,
    max_size=2,
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = Engine.open(":memory:")
    yield opened
    opened.close()


def write(collection: MemoryCollection, data: st.DataObject, arrays: bool) -> None:
    """Insert documents, then replace and delete some of them."""
    stored = []
    for document in data.draw(st.lists(g.documents(arrays), max_size=8)):
        with contextlib.suppress(CommandError):
            stored.append(collection.insert({"_id": collection.next_record_id, **document}))
    for number in data.draw(st.lists(st.integers(0, 7), max_size=4)):
        if number < len(stored):
            document = data.draw(g.documents(arrays))
            with contextlib.suppress(CommandError):
                collection.update(stored[number], {"_id": stored[number], **document})
    if stored and data.draw(st.booleans()):
        collection.delete(stored[0])


def make(engine: Engine, data: st.DataObject, arrays: bool, chosen: Any) -> tuple[MemoryCollection, MemoryCollection]:
    """Return two collections with the same documents, one with and one without indexes. They are built before or after the writes."""
    indexed = MemoryCollection(engine)
    late = data.draw(st.booleans())
    for key, options in [] if late else chosen:
        indexed.add_index(key, **options)
    write(indexed, data, arrays)
    for key, options in chosen if late else []:
        with contextlib.suppress(CommandError):
            indexed.add_index(key, **options)
    plain = MemoryCollection(engine)
    plain.ident, plain.indexes = indexed.ident, []
    return indexed, plain


@COMMON
@given(arrays=st.booleans(), data=st.data(), chosen=indexes, collation=g.collations)
def test_same_documents(engine: Engine, arrays: bool, data: st.DataObject, chosen: Any, collation: Any) -> None:
    indexed, plain = make(engine, data, arrays, chosen)
    check_same_documents(indexed, plain, data.draw(st.lists(st.tuples(g.filters, g.sorts), min_size=6, max_size=6)), collation)


@COMMON
@given(arrays=st.booleans(), data=st.data(), chosen=indexes, projection=g.projections)
def test_same_projections(engine: Engine, arrays: bool, data: st.DataObject, chosen: Any, projection: Any) -> None:
    indexed, plain = make(engine, data, arrays, chosen)
    check_same_projections(indexed, plain, data.draw(st.lists(g.filters, min_size=4, max_size=4)), projection)


@COMMON
@given(data=st.data(), chosen=indexes, filter=g.filters, sort=g.sorts)
def test_a_hint_changes_no_answer(engine: Engine, data: st.DataObject, chosen: Any, filter: Any, sort: Any) -> None:
    indexed, plain = make(engine, data, True, [(key, {**options, "hidden": False}) for key, options in chosen])
    complete = [index for index in indexed.indexes[1:] if index.partial_filter is None]
    for index in complete:
        expected, found = outcome(plain, filter, sort=sort), outcome(indexed, filter, sort=sort, hint=index.name)
        if type(expected) is list and type(found) is list:
            assert without_order(found) == without_order(expected)
            assert not sort or is_ordered(found, sort)


@COMMON
@given(arrays=st.booleans(), data=st.data(), chosen=indexes)
def test_the_entries_are_those_of_the_documents(engine: Engine, arrays: bool, data: st.DataObject, chosen: Any) -> None:
    indexed, _ = make(engine, data, arrays, chosen)
    rebuilt = MemoryCollection(engine)
    rebuilt.ident = indexed.ident
    for kept in indexed.indexes[1:]:
        options = {name: value for name, value in kept.spec.items() if name not in ("v", "key", "name")}
        made = rebuilt.add_index(kept.spec["key"], **options)
        assert list(entries(indexed, kept)) == list(entries(rebuilt, made)), kept.spec
        assert kept.multikey or not made.multikey
        made.marks.clear()
        made.knows_marks = False
        with engine.transaction() as unit:
            read_marks(unit, made)
        assert made.marks <= kept.marks


def test_a_wildcard_index_serves(engine: Engine) -> None:
    collection = MemoryCollection(engine)
    collection.add_index({"$**": 1})
    for number in range(10):
        collection.insert({"_id": number, "a": number, "b": {"c": [number]}})
    for filter, sort, served, sorted_by_index in [
        ({"a": 3}, {}, True, False),
        ({"a": {"$gt": 3}}, {"a": -1}, True, True),
        ({"b.c": {"$gt": 3}}, {"b.c": 1}, True, False),
        ({"b": {"$exists": True}}, {}, True, False),
        ({"b": {"$ne": None}}, {}, True, False),
        ({"a": {"$in": [1, {}]}}, {}, True, False),
        ({"a": {"$in": [1, None]}}, {}, False, False),
        ({"a": {"x": 1}}, {}, False, False),
        ({"a": [1]}, {}, False, False),
        ({"a": {"$ne": 1}}, {}, False, False),
        ({"a": {"$exists": False}}, {}, False, False),
        ({}, {"a": 1}, False, False),
        ({"b.c.0": 1}, {}, False, False),
    ]:
        plan = collection.plan(collection.query(filter, sort=sort))
        assert isinstance(plan, Sort) == (bool(sort) and not sorted_by_index), filter
        scan = plan.child if isinstance(plan, Sort) else plan
        assert isinstance(scan, WildcardScan) == served, filter


def test_fields_of_one_name_and_a_path(engine: Engine) -> None:
    """Check that a field name with a dot is not treated as a path."""
    collection = MemoryCollection(engine)
    collection.add_index({"$**": 1})
    collection.insert({"_id": 1, "a.b": 1})
    collection.insert({"_id": 2, "a": {"b.c": 1}})
    collection.insert({"_id": 3, "a": {"b": 1}})
    assert collection.find({"a.b": 1}) == [{"_id": 3, "a": {"b": 1}}]
    assert [document["_id"] for document in collection.find({"a": {"$exists": True}})] == [2, 3]
    assert collection.find({"a": {}}) == []
