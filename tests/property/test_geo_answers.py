"""A geospatial index does not change answers, and `$near` returns the documents sorted by their computed distances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secantus_server.bson import decode
from secantus_server.errors import CommandError
from secantus_server.index._index import Index
from secantus_server.mql.match import GeoNear
from secantus_server.query.plan import IndexedScan, Near
from secantus_server.query.predicates import conjuncts
from secantus_server.storage import Engine
from tests.property import generated_geo as g
from tests.property.memory_collection import MemoryCollection, entries

COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
REFUSED = (16755, 16804, 13027)
SPHERE_KEYS = [{"loc": "2dsphere"}, {"a": 1, "loc": "2dsphere"}, {"loc": "2dsphere", "a": -1}, {"in.p": "2dsphere", "loc": "2dsphere"}]
PLANE_KEYS = [{"loc": "2d"}, {"loc": "2d", "a": 1}, {"in.p": "2d"}]
OPTIONS = st.sampled_from([{}, {}, {"partialFilterExpression": {"a": 1}}, {"collation": {"locale": "en", "strength": 2}}])
PLANE_OPTIONS = st.sampled_from([{}, {}, {"bits": 3}, {"bits": 32}, {"min": -200.0, "max": 500.0}, {"partialFilterExpression": {"a": 1}}])
COLLATIONS = st.sampled_from([None, None, {"locale": "en", "strength": 2}])


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    opened = Engine.open(":memory:")
    yield opened
    opened.close()


def filled(engine: Engine, documents: list[dict[str, Any]], key: dict[str, Any], options: dict[str, Any]) -> MemoryCollection:
    """Return a collection with an index. Every third document replaces the one before, and every fifth is removed."""
    collection = MemoryCollection(engine)
    collection.add_index(key, **options)
    stored: list[int] = []
    for number, document in enumerate(documents):
        try:
            if number % 3 == 2 and stored:
                collection.update(stored[-1], {"_id": number, **document})
            else:
                stored.append(collection.insert({"_id": number, **document}))
        except CommandError as error:
            assert error.code in REFUSED, error
        if number % 5 == 4 and stored:
            collection.delete(stored.pop())
    return collection


def without_index(collection: MemoryCollection) -> MemoryCollection:
    plain = MemoryCollection(collection.engine)
    plain.ident, plain.indexes = collection.ident, []
    return plain


def ids(documents: list[dict[str, Any]]) -> list[Any]:
    return [document["_id"] for document in documents]


def check_entries(collection: MemoryCollection, index: Index) -> None:
    wanted = {key[4:]: value for record, document in collection.records().items() for key, value in index.entries(document, record)[0]}
    assert dict(entries(collection, index)) == wanted


def check_region(engine: Engine, documents: Any, key: Any, options: Any, filter: Any, collation: Any) -> None:
    collection = filled(engine, documents, key, options)
    check_entries(collection, collection.indexes[-1])
    plain = without_index(collection)
    try:
        wanted = sorted(ids(plain.find(filter, collation=collation)))
    except CommandError as error:
        # A random ring may cross itself.
        assert error.code == 2, error
        return
    assert sorted(ids(collection.find(filter, collation=collation))) == wanted
    assert collection.count(filter, collation=collation) == len(wanted)
    either = {"$or": [filter, {"a": 3}]}
    assert sorted(ids(collection.find(either, collation=collation))) == sorted(ids(plain.find(either, collation=collation)))


def check_near(engine: Engine, documents: Any, key: Any, options: Any, filter: Any, collation: Any, limit: int) -> None:
    collection = filled(engine, documents, key, options)
    query = collection.query(filter, collation=collation)
    near = next(node for node in conjuncts(query.match) if isinstance(node, GeoNear))
    found = []
    for record, document in collection.records().items():
        distance = near.distance(document)
        if distance is not None and query.match.matches(document):
            found.append((distance, record, document))
    wanted = ids([decode(document) for _, _, document in sorted(found)])
    try:
        got = ids(collection.find(filter, collation=collation))
    except CommandError as error:
        assert error.code == 291, error
        assert "partialFilterExpression" in options
        return
    assert got == wanted
    assert ids(collection.find(filter, collation=collation, limit=limit)) == wanted[:limit]


@given(
    g.documents(g.SPHERE_VALUES),
    st.sampled_from(SPHERE_KEYS),
    OPTIONS,
    st.sampled_from(["loc", "in.p"]),
    g.SPHERE_REGIONS,
    g.ORDINARY,
    COLLATIONS,
)
@COMMON
def test_regions_on_the_sphere(
    engine: Engine, documents: Any, key: Any, options: Any, path: str, region: Any, other: Any, collation: Any
) -> None:
    check_region(engine, documents, key, options, {path: region, **other}, collation)


@given(
    g.documents(g.PLANE_VALUES), st.sampled_from(PLANE_KEYS), PLANE_OPTIONS, st.sampled_from(["loc", "in.p"]), g.PLANE_REGIONS, g.ORDINARY
)
@COMMON
def test_regions_in_the_plane(engine: Engine, documents: Any, key: Any, options: Any, path: str, region: Any, other: Any) -> None:
    check_region(engine, documents, key, options, {path: region, **other}, None)


@given(g.documents(g.SPHERE_VALUES), st.sampled_from(SPHERE_KEYS), OPTIONS, g.SPHERE_NEAR, g.ORDINARY, COLLATIONS, st.integers(1, 4))
@COMMON
def test_distances_on_the_sphere(
    engine: Engine, documents: Any, key: Any, options: Any, near: Any, other: Any, collation: Any, limit: int
) -> None:
    check_near(engine, documents, key, options, {"loc": near, **other}, collation, limit)


@given(g.documents(g.PLANE_VALUES), st.sampled_from(PLANE_KEYS[:2]), PLANE_OPTIONS, g.PLANE_NEAR, g.ORDINARY, st.integers(1, 4))
@COMMON
def test_distances_in_the_plane(engine: Engine, documents: Any, key: Any, options: Any, near: Any, other: Any, limit: int) -> None:
    check_near(engine, documents, key, options, {"loc": near, **other}, None, limit)


def test_the_index_is_used(engine: Engine) -> None:
    documents = [{"loc": [n, n], "a": 1} for n in range(5)]
    within, near = {"$geoWithin": {"$centerSphere": [[0, 0], 0.1]}}, {"$nearSphere": [0, 0]}
    for key in SPHERE_KEYS[:3]:
        collection = filled(engine, documents, key, {})
        assert isinstance(collection.plan(collection.query({"loc": within, "a": 1})), IndexedScan)
        plan = collection.plan(collection.query({"loc": near, "a": 1}))
        assert isinstance(plan, Near)
        assert plan.search is not None
