"""A `$group` by a field or an array's element finds groups by the bytes of the key. It has the results of a `$group` by a computed key."""

from __future__ import annotations

import secrets
from random import Random
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson import decode, encode
from secantus_server.bson.values import UNDEFINED, Date, Symbol
from secantus_server.mql.collation import parse_collation
from secantus_server.mql.context import ParseContext
from secantus_server.pipeline import PipelineContext, parse_pipeline
from tests.pipeline.memory import MemoryHost

# Values that are equal with different bytes, values around the longest key that has a place, and more values than there are places.
EQUAL: list[Any] = [
    1,
    1.0,
    Int64(1),
    Decimal128("1"),
    Decimal128("1.00"),
    0.0,
    -0.0,
    float("nan"),
    Decimal128("NaN"),
    "x",
    Symbol("x"),
    None,
]
LENGTHS: list[Any] = ["a" * length for length in range(13, 24)] + ["A" * length for length in range(13, 24)] + ["aaaa\0", "aaaa"]
OTHERS: list[Any] = [True, False, Date(1), [], [1], {"x": 1}, {"x": 1.0}, {}, UNDEFINED, 2**31 - 1, Int64(2**40), "é", "É"]
MANY: list[Any] = [*range(400), *(f"name {number}" for number in range(400)), *(number + 0.5 for number in range(100))]
COMPUTED = {"$let": {"vars": {"value": "$v"}, "in": "$$value"}}
ENGLISH = {"locale": "en", "strength": 1}
ACCUMULATORS: list[dict[str, Any]] = [
    {},
    {"n": {"$sum": 1}},
    {"n": {"$sum": 1}, "mean": {"$avg": "$_id"}, "first": {"$first": "$v"}, "all": {"$push": 7}},
    {"n": {"$count": {}}, "last": {"$last": "$v"}, "values": {"$addToSet": {"$literal": {"x": 1}}}},
    {"n": {"$sum": 1}, "values": {"$firstN": {"input": "$v", "n": 2}}},
    {"sum": {"$sum": {"$literal": 2**31 - 1}}, "least": {"$min": "$v"}, "most": {"$max": None}},
]


def grouped(group: dict[str, Any], before: list[Any], documents: list[bytes], collation: Any) -> list[str]:
    """Return the groups of documents, in order."""
    host = MemoryHost()
    host.collections["test", "source"] = documents
    ctx = PipelineContext(ParseContext(collation=parse_collation(collation)), "test", host, "source")
    pipeline = parse_pipeline([*before, {"$group": group}], ctx)
    return [repr(decode(document)) for document in host.documents("test", "source", pipeline)]


@pytest.fixture
def random() -> Random:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    return Random(seed)


@pytest.mark.parametrize("collation", [None, ENGLISH])
@pytest.mark.parametrize("accumulators", ACCUMULATORS)
def test_groups_by_a_field_equal_groups_by_a_computed_key(random: Random, accumulators: dict[str, Any], collation: Any) -> None:
    values = [random.choice(random.choice([EQUAL, LENGTHS, OTHERS, MANY])) for _ in range(1500)]
    documents = [encode({"_id": number, "v": value} if number % 50 else {"_id": number}) for number, value in enumerate(values)]
    by_field = grouped({"_id": "$v", **accumulators}, [], documents, collation)
    assert by_field == grouped({"_id": COMPUTED, **accumulators}, [], documents, collation)


@pytest.mark.parametrize("collation", [None, ENGLISH])
@pytest.mark.parametrize("accumulators", ACCUMULATORS)
def test_groups_by_an_element_equal_groups_by_a_computed_key(random: Random, accumulators: dict[str, Any], collation: Any) -> None:
    arrays = [random.choices(random.choice([EQUAL, LENGTHS, OTHERS, MANY]), k=random.randrange(6)) for _ in range(400)]
    documents = [encode({"_id": number, "v": array if number % 20 else number % 3}) for number, array in enumerate(arrays)]
    # The $project prevents that $group reads the arrays itself.
    unwound = [{"$unwind": "$v"}]
    by_element = grouped({"_id": "$v", **accumulators}, unwound, documents, collation)
    assert by_element == grouped({"_id": COMPUTED, **accumulators}, [*unwound, {"$project": {"missing": 0}}], documents, collation)


@pytest.mark.parametrize("collation", [None, ENGLISH])
@pytest.mark.parametrize("key", ["$v", COMPUTED, {"part": "$v"}])
def test_a_symbol_is_in_the_group_of_its_string(key: Any, collation: Any) -> None:
    documents = [encode({"_id": number, "v": value}) for number, value in enumerate(["x", Symbol("x"), "y"])]
    groups = grouped({"_id": key, "n": {"$sum": 1}}, [], documents, collation)
    assert [group.endswith("'n': 2}") for group in groups] == [True, False]
