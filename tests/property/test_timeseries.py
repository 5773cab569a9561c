"""A time-series collection answers like an ordinary collection with the same documents, after any history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server import SecantusDBServer

START = datetime(2024, 1, 1)
METAS: list[Any] = [None, "missing", 1, 1.0, "a", "b", {"s": 1}, {"s": 2}, {"s": "a"}, [1, 2], True]
VALUES: list[Any] = [
    None, 0, 1, 2.5, Int64(7), Decimal128("2.5"), "a", "b", "", True, False, START, [1, 9], [], [[1]], {"x": 1}, {"x": 5}, {"y": [3]},
    {"x": {"z": 1}}, float("nan"), -3,
]  # fmt: skip
OPTIONS: list[dict[str, Any]] = [
    {"granularity": "seconds"},
    {"granularity": "hours"},
    {"bucketMaxSpanSeconds": 100, "bucketRoundingSeconds": 100},
    {"bucketMaxSpanSeconds": 1, "bucketRoundingSeconds": 1},
]

times = st.integers(-200, 20_000).map(lambda seconds: START + timedelta(seconds=seconds))


@st.composite
def measurements(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Generate a batch of measurements in any order."""
    found = []
    for _ in range(draw(st.integers(1, 12))):
        one: dict[str, Any] = {"ts": draw(times)}
        meta = draw(st.sampled_from(METAS))
        if meta != "missing":
            one["m"] = meta
        one.update(draw(st.dictionaries(st.sampled_from(["v", "w"]), st.sampled_from(VALUES), max_size=2)))
        found.append(one)
    return found


@st.composite
def filters(draw: st.DrawFn, paths: tuple[str, ...] = ("ts", "m", "m.s", "v", "w", "v.x")) -> dict[str, Any]:
    """Generate a filter on measurements."""
    if len(paths) > 1 and draw(st.integers(0, 5)) == 0:
        return {draw(st.sampled_from(["$and", "$or", "$nor"])): draw(st.lists(filters(paths), min_size=1, max_size=2))}
    if draw(st.integers(0, 7)) == 0:
        path, operator = draw(st.sampled_from(paths)), draw(st.sampled_from(["$eq", "$gt", "$lte"]))
        return {"$expr": {operator: [f"${path}", {"$literal": draw(st.sampled_from([*VALUES, *METAS]))}]}}
    found: dict[str, Any] = {}
    for path in draw(st.lists(st.sampled_from(paths), max_size=2, unique=True)):
        operand = draw(times) if path == "ts" else draw(st.sampled_from([*VALUES, *METAS]))
        operator = draw(st.sampled_from(["", "$eq", "$gt", "$gte", "$lt", "$lte", "$ne", "$in", "$exists", "$type"]))
        if operator == "$in":
            operand = [operand, draw(times)]
        elif operator in ("$exists", "$type"):
            operand = draw(st.booleans()) if operator == "$exists" else draw(st.sampled_from(["number", "date", "array", "object"]))
        found[path] = {operator: operand} if operator else operand
    return found


meta_filters = filters(("m", "m.s"))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), measurements()),
        st.tuples(st.just("insert"), measurements()),
        st.tuples(st.just("find"), filters()),
        st.tuples(st.just("find"), filters()),
        st.tuples(st.just("delete"), filters()),
        st.tuples(st.just("delete_one"), st.integers(0, 40)),
        st.tuples(st.just("update"), st.tuples(meta_filters, st.sampled_from(METAS))),
        st.tuples(st.just("index"), st.sampled_from(["m", "ts", "m.s"])),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def db() -> Iterator[Database[dict[str, Any]]]:
    """Provide a database of one server for all examples."""
    with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient[dict[str, Any]](server.uri) as client:
        yield client.timeseries


def plain(value: Any) -> str:
    """Return a text that is the same for values that differ only in the order of fields."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{name}:{plain(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(plain, value)) + "]"
    return f"{type(value).__name__}({value!r})"


class Both:
    """A time-series collection and an ordinary collection with the same documents."""

    def __init__(self, db: Database[dict[str, Any]], options: dict[str, Any]) -> None:
        db.client.drop_database(db.name)
        db.create_collection("series", timeseries={"timeField": "ts", "metaField": "m", **options})
        self.series, self.ordinary = db.series, db.ordinary
        self._count = 0

    def insert(self, documents: list[dict[str, Any]]) -> None:
        """Insert documents into both collections."""
        numbered = [{"_id": self._count + place, **document, "n": self._count + place} for place, document in enumerate(documents)]
        self._count += len(numbered)
        assert len(self.series.insert_many(numbered).inserted_ids) == len(self.ordinary.insert_many(numbered).inserted_ids)

    def find(self, filter: dict[str, Any]) -> None:
        """Compare the answers to a filter."""
        series, ordinary = (sorted(map(plain, one.find(filter))) for one in (self.series, self.ordinary))
        assert series == ordinary
        assert self.series.count_documents(filter) == len(ordinary)

    def delete(self, filter: dict[str, Any]) -> None:
        """Delete the documents that match a filter from both collections."""
        assert self.series.delete_many(filter).deleted_count == self.ordinary.delete_many(filter).deleted_count

    def delete_one(self, number: int) -> None:
        """Delete one document from both collections."""
        assert self.series.delete_one({"n": number}).deleted_count == self.ordinary.delete_one({"n": number}).deleted_count

    def update(self, change: tuple[dict[str, Any], Any]) -> None:
        """Change the metadata of the documents that match a filter in both collections."""
        filter, meta = change
        update: dict[str, Any] = {"$unset": {"m": ""}} if meta == "missing" else {"$set": {"m": meta}}
        self.series.update_many(filter, update)
        self.ordinary.update_many(filter, update)

    def index(self, path: str) -> None:
        """Create an index on the time series."""
        self.series.create_index(path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(options=st.sampled_from(OPTIONS), history=steps, last=filters())
def test_answers_are_those_of_an_ordinary_collection(
    db: Database[dict[str, Any]], options: dict[str, Any], history: list[tuple[str, Any]], last: dict[str, Any]
) -> None:
    both = Both(db, options)
    for name, argument in history:
        getattr(both, name)(argument)
    both.find(last)
    both.find({})
    assert db.command("validate", "series", full=True)["valid"]
