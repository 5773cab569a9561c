"""`$project` and the `$group` behind it compute some expressions without Python objects. The results are those of `evaluate`.

`$let` has no such computation, so an expression inside it is evaluated.
"""

from __future__ import annotations

import secrets
from random import Random
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson import encode
from secantus_server.bson.values import UNDEFINED, Date, Symbol
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.limits import DEFAULT_LIMITS, MemoryLimits
from secantus_server.pipeline import PipelineContext, parse_pipeline
from secantus_server.records import replace
from tests.pipeline.memory import MemoryHost

# A lone surrogate stands for a byte of a stored string that is not valid UTF-8; two of them are the bytes of a character.
TEXTS = ["", "a", "Zürich", "\N{GRINNING FACE}Az", "aaaa\0bbb", "city-" * 5, "x" * 300, "\udcc3", "\udca9", "abcdefgh\udcff", "é{@[`z"]
INTS = [0, 1, -1, 7, 2**31 - 1, -(2**31)]
LONGS = [Int64(number) for number in (0, 3, -1, 2**31, 2**62, 2**63 - 1, -(2**63))]
DOUBLES = [0.0, -0.0, 0.5, 1.0, 2.0**53, 1e308, float("inf"), float("-inf"), float("nan")]
OTHERS = [None, True, False, UNDEFINED, Date(5), Decimal128("1.5"), Symbol("a"), [], [1, "a"], [{"x": "b"}], {}, {"x": 1}]
VALUES: list[list[Any]] = [TEXTS, INTS, LONGS, DOUBLES, OTHERS]
PATHS = ["$a", "$b", "$c", "$c.x", "$in.a", "$in.in.b", "$missing", "$missing.x"]
CONSTANTS: list[Any] = ["-", "ä", "", 2, -1, Int64(5), 0.5, -0.0, None, 2**31 - 1, {"$literal": "$"}]
ARITIES = {
    "$concat": (0, 3),
    "$add": (0, 3),
    "$multiply": (0, 3),
    "$subtract": (2, 2),
    "$divide": (2, 2),
    "$toUpper": (1, 1),
    "$toLower": (1, 1),
    "$substrCP": (3, 3),
}
ACCUMULATORS: dict[str, Any] = {
    "sum": {"$sum": "$v"},
    "mean": {"$avg": "$w"},
    "least": {"$min": "$v"},
    "most": {"$max": "$w"},
    "first": {"$first": "$v"},
    "last": {"$last": "$w"},
    "set": {"$addToSet": "$v"},
    "n": {"$count": {}},
}


@pytest.fixture
def random() -> Random:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    return Random(seed)


def random_value(random: Random) -> Any:
    return random.choice(random.choices(VALUES, weights=[4, 3, 2, 3, 2])[0])


def random_document(random: Random) -> bytes:
    """Return a document in which fields may be absent, nested in an array, or present twice."""
    fields: dict[str, Any] = {name: random_value(random) for name in "abc" if random.random() < 0.9}
    fields["in"] = random.choice([{"a": random_value(random), "in": {"b": random_value(random)}}, [{"a": 1}], "text"])
    document = encode(fields)
    if random.random() < 0.1:
        again = encode({"a": random_value(random)})
        length = len(document) + len(again) - 5
        document = length.to_bytes(4, "little") + document[4:-1] + again[4:]
    return document


def random_expression(random: Random, depth: int) -> Any:
    if depth == 0 or random.random() < 0.2:
        return random.choice(random.choice([PATHS, PATHS, CONSTANTS]))
    return random_operation(random, depth)


def random_operation(random: Random, depth: int) -> dict[str, Any]:
    name = random.choice(list(ARITIES))
    operands = [random_expression(random, depth - 1) for _ in range(random.randint(*ARITIES[name]))]
    if name == "$substrCP" and random.random() < 0.8:
        operands[1:] = [random.randrange(4), random.randrange(9)]
    return {name: operands}


def evaluated(expression: Any) -> dict[str, Any]:
    return {"$let": {"vars": {"unused": "$a"}, "in": expression}}


def outcome(stages: list[dict[str, Any]], documents: list[bytes], limits: MemoryLimits = DEFAULT_LIMITS) -> Any:
    """Return the bytes of a pipeline's documents, or the code and text of its error."""
    host = MemoryHost()
    host.collections["test", "source"] = documents
    ctx = PipelineContext(ParseContext(limits=limits), "test", host, "source")
    try:
        return list(host.documents("test", "source", parse_pipeline(stages, ctx)))
    except CommandError as error:
        return error.code, error.message


def test_projected_values_equal_evaluated_ones(random: Random) -> None:
    for _ in range(100):
        first, second = random_operation(random, 3), random_operation(random, 1)
        plain = [{"$project": {"v": first, "w": second}}]
        wrapped = [{"$project": {"v": evaluated(first), "w": evaluated(second)}}]
        for document in [random_document(random) for _ in range(10)]:
            assert outcome(plain, [document]) == outcome(wrapped, [document]), (plain, document)


def test_groups_of_computed_values_equal_those_of_evaluated_ones(random: Random) -> None:
    for _ in range(100):
        first, second = random_operation(random, 2), random_operation(random, 1)
        group = {"$group": {"_id": random.choice(["$v", "$w", None]), **ACCUMULATORS}}
        plain = [{"$project": {"v": first, "w": second}}, group]
        wrapped = [{"$project": {"v": evaluated(first), "w": evaluated(second)}}, group]
        documents = [random_document(random) for _ in range(40)]
        # One error hides all other results.
        documents = [document for document in documents if type(outcome(wrapped[:1], [document])) is list] or documents
        assert outcome(plain, documents) == outcome(wrapped, documents), plain


def test_many_sums_of_large_numbers_are_equal(random: Random) -> None:
    numbers = [random.choice([*INTS, *LONGS, *DOUBLES[:5]]) for _ in range(1000)]
    documents = [encode({"a": number % 3 if number == number else 0, "b": number}) for number in numbers]
    group = {"$group": {"_id": "$v", "sum": {"$sum": "$w"}, "mean": {"$avg": "$w"}}}
    plain = [{"$project": {"v": "$a", "w": {"$add": ["$b", "$b"]}}}, group]
    wrapped = [{"$project": {"v": "$a", "w": evaluated({"$add": ["$b", "$b"]})}}, group]
    assert outcome(plain, documents) == outcome(wrapped, documents)


def test_groups_of_computed_values_move_to_files(random: Random) -> None:
    documents = [encode({"a": f"name {random.randrange(500)}", "b": number}) for number in range(2000)]
    group = {"$group": {"_id": "$v", "sum": {"$sum": "$w"}, "first": {"$first": "$w"}}}
    stages = [{"$project": {"v": {"$toUpper": "$a"}, "w": {"$add": ["$b", 1]}}}, group]
    assert outcome(stages, documents, replace(DEFAULT_LIMITS, group=20_000)) == outcome(stages, documents)
