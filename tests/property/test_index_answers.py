"""An indexed query returns what a scan of the collection returns, for any documents, indexes and filters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secantus_server.errors import CommandError
from secantus_server.index.errors import DuplicateKey
from secantus_server.storage import Engine
from secantus_server.version import MONGODB_9_0
from tests.property import generated as g
from tests.property.answers import check_same_documents, check_same_projections, is_ordered, outcome, without_order
from tests.property.memory_collection import MemoryCollection

COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = Engine.open(":memory:")
    yield opened
    opened.close()


def fill(collection: MemoryCollection, documents: list[dict[str, Any]]) -> None:
    for number, document in enumerate(documents):
        try:
            collection.insert({"_id": number, **document})
        except CommandError as error:
            assert error.code in (171, 16746), error
        except DuplicateKey:
            pass


def make(
    engine: Engine, documents: list[dict[str, Any]], indexes: list[tuple[dict[str, Any], dict[str, Any]]]
) -> tuple[MemoryCollection, MemoryCollection]:
    """Return two collections with the same documents, one with and one without indexes."""
    indexed = MemoryCollection(engine)
    for key, options in indexes:
        indexed.add_index(key, **options)
    fill(indexed, documents)
    plain = MemoryCollection(engine)
    plain.ident, plain.indexes = indexed.ident, []
    return indexed, plain


@COMMON
@given(arrays=st.booleans(), data=st.data(), indexes=g.indexes, collation=g.collations)
def test_same_documents(engine: Engine, arrays: bool, data: st.DataObject, indexes: Any, collation: Any) -> None:
    indexed, plain = make(engine, data.draw(st.lists(g.documents(arrays), max_size=8)), indexes)
    check_same_documents(indexed, plain, data.draw(st.lists(st.tuples(g.filters, g.sorts), min_size=4, max_size=4)), collation)


@COMMON
@given(arrays=st.booleans(), data=st.data(), indexes=g.indexes, projection=g.projections)
def test_same_projections(engine: Engine, arrays: bool, data: st.DataObject, indexes: Any, projection: Any) -> None:
    indexed, plain = make(engine, data.draw(st.lists(g.documents(arrays), max_size=6)), indexes)
    check_same_projections(indexed, plain, data.draw(st.lists(g.filters, min_size=4, max_size=4)), projection)


@COMMON
@given(documents=st.lists(g.documents(True), max_size=6), key=g.key_patterns, filter=g.filters, sort=g.sorts)
def test_a_hinted_index_that_is_complete_changes_nothing(engine: Engine, documents: Any, key: Any, filter: Any, sort: Any) -> None:
    indexed, plain = make(engine, documents, [(key, {"hidden": False})])
    expected, found = outcome(plain, filter, sort=sort), outcome(indexed, filter, sort=sort, hint=key)
    if type(expected) is list and type(found) is list:
        assert without_order(found) == without_order(expected)
        assert not sort or is_ordered(found, sort)


@COMMON
@given(
    documents=st.lists(g.documents(True), max_size=6),
    indexes=g.indexes,
    filter=g.filters,
    sort=g.sorts,
    skip=st.integers(0, 3),
    limit=st.integers(0, 3),
)
def test_windows(engine: Engine, documents: Any, indexes: Any, filter: Any, sort: Any, skip: int, limit: int) -> None:
    indexed, _ = make(engine, documents, indexes)
    whole = outcome(indexed, filter, sort=sort)
    window = outcome(indexed, filter, sort=sort, skip=skip, limit=limit)
    if type(whole) is list:
        whole = whole[skip : skip + limit] if limit else whole[skip:]
        assert len(window) == len(whole)
        assert not sort or is_ordered(window, sort)


NULLS: list[Any] = [None, {"$ne": None}, {"$in": [None, 2]}, {"$nin": [None, 2]}, {"$gte": None}, {"$not": {"$eq": None}}, {"$lte": None}]
null_filters = st.dictionaries(st.sampled_from(g.PATHS), st.one_of(st.sampled_from(NULLS), g.conditions()), min_size=1, max_size=2)
null_indexes = st.lists(
    st.tuples(g.key_patterns, st.one_of(g.index_options, st.just({"partialFilterExpression": {"a.b": None}}))), min_size=1, max_size=3
)


@COMMON
@given(documents=st.lists(g.documents(True), max_size=8), indexes=null_indexes, filters=st.lists(null_filters, min_size=4, max_size=4))
def test_null_through_arrays(engine: Engine, documents: Any, indexes: Any, filters: Any) -> None:
    indexed, plain = make(engine, documents, indexes)
    indexed.release = plain.release = MONGODB_9_0
    for filter in filters:
        expected, found = outcome(plain, filter), outcome(indexed, filter)
        if type(expected) is list and type(found) is list:
            assert without_order(found) == without_order(expected), (filter, indexed.plan(indexed.query(filter)))
            assert indexed.count(filter) == plain.count(filter), filter
        else:
            assert found == expected
