"""Generators of random values, filters and expressions."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.regex import Regex

Document = dict[str, Any]

FIELDS: Final = ("a", "b", "c", "t", "d")
PATHS: Final = ("a", "b", "c", "t", "d", "d.x", "d.y", "t.0", "t.x", "missing")
IDS: Final = 12
_EPOCH: Final = datetime(2020, 1, 1, tzinfo=timezone.utc)
_SCALARS: Final[tuple[Any, ...]] = (
    0, 1, 2, -1, 7, 1.5, -0.0, 2.0, 1e20, float("inf"), Int64(2), Int64(2**53 + 1), 2**31 - 1, Decimal128("2.50"), Decimal128("NaN"),
    "", "a", "B", "ab", "aé", "10", True, False, None, Binary(b"\1\2", 0), Regex("^a", "i"),
)  # fmt: skip


def scalar(chance: random.Random) -> Any:
    """Return a random value that is neither an array nor a document."""
    if chance.random() < 0.1:
        return _EPOCH + timedelta(milliseconds=chance.choice((0, 1, 86_400_000, -1, 31_536_000_000)))
    return chance.choice(_SCALARS)


def value(chance: random.Random, depth: int = 2) -> Any:
    """Return a random value, which may be an array or a document."""
    way = chance.random() if depth else 1.0
    if way < 0.15:
        return [value(chance, depth - 1) for _ in range(chance.randrange(4))]
    if way < 0.3:
        return {name: value(chance, depth - 1) for name in chance.sample(("x", "y", "z"), chance.randrange(3))}
    return scalar(chance)


def document(chance: random.Random, identity: int | None = None) -> Document:
    """Return a random document. By default, its `_id` is one of a few numbers, so that ids collide."""
    found: Document = {"_id": chance.randrange(IDS) if identity is None else identity}
    for name in chance.sample(FIELDS, chance.randrange(1, len(FIELDS))):
        if name == "t":
            found[name] = [value(chance, 1) for _ in range(chance.randrange(4))]
        elif name == "d":
            found[name] = {"x": scalar(chance), "y": value(chance, 1)}
        else:
            found[name] = value(chance)
    return found


def condition(chance: random.Random) -> Any:
    """Return a random condition for one field of a filter."""
    operand = scalar(chance)
    choices: list[Any] = [
        value(chance, 1),
        {"$gt": operand},
        {"$lte": operand},
        {"$ne": operand},
        {"$in": [scalar(chance) for _ in range(3)]},
        {"$nin": [scalar(chance), None]},
        {"$exists": chance.random() < 0.5},
        {"$type": chance.choice(["number", "string", "array", "object", "null", "date"])},
        {"$size": chance.randrange(3)},
        {"$all": [scalar(chance)]},
        {"$elemMatch": {"$gte": operand}},
        {"$not": {"$gt": operand}},
        {"$mod": [2, 1]},
        {"$regex": chance.choice(["^a", "b$", "."]), "$options": chance.choice(["", "i"])},
        {"$bitsAnySet": 3},
    ]
    return chance.choice(choices)


def query(chance: random.Random, depth: int = 2) -> Document:
    """Return a random filter."""
    way = chance.random() if depth else 1.0
    if way < 0.1:
        return {chance.choice(["$and", "$or", "$nor"]): [query(chance, depth - 1) for _ in range(2)]}
    if way < 0.2:
        return {"$expr": expression(chance)}
    if way < 0.25:
        return {}
    return {path: condition(chance) for path in chance.sample(PATHS, chance.choice((1, 1, 2)))}


def expression(chance: random.Random, depth: int = 2) -> Any:
    """Return a random aggregation expression."""
    if not depth or chance.random() < 0.3:
        return chance.choice([f"${chance.choice(PATHS)}", {"$literal": scalar(chance)}])

    def inner() -> Any:
        return expression(chance, depth - 1)

    one = chance.choice(_UNARY)
    two = chance.choice(_BINARY)
    choices: list[Any] = [
        {one: inner()},
        {two: [inner(), inner()]},
        {"$cond": [inner(), inner(), inner()]},
        {"$ifNull": [inner(), inner()]},
        {"$map": {"input": {"$ifNull": ["$t", []]}, "as": "one", "in": {"$type": "$$one"}}},
        {"$filter": {"input": "$t", "cond": {"$gt": ["$$this", scalar(chance)]}}},
        {"$reduce": {"input": "$t", "initialValue": 0, "in": {"$add": ["$$value", 1]}}},
        {"$convert": {"input": inner(), "to": chance.choice(_TYPES), "onError": "error", "onNull": None}},
        {"$dateToString": {"date": inner(), "format": "%Y-%m-%dT%H:%M:%S.%L", "onNull": "none"}},
        {"$switch": {"branches": [{"case": inner(), "then": 1}], "default": 2}},
        {"$mergeObjects": [inner(), {"x": 1}]},
    ]
    return chance.choice(choices)


_TYPES: Final = ("int", "long", "double", "decimal", "string", "bool", "date")
_UNARY: Final = (
    "$abs", "$ceil", "$floor", "$trunc", "$sqrt", "$not", "$type", "$isNumber", "$isArray", "$size", "$toString", "$toInt", "$toDouble",
    "$toLower", "$toUpper", "$strLenCP", "$strLenBytes", "$sum", "$avg", "$max", "$min", "$first", "$last", "$reverseArray",
    "$objectToArray", "$year", "$month", "$dayOfWeek", "$bsonSize", "$round", "$toBool", "$exp", "$ln",
)  # fmt: skip
_BINARY: Final = (
    "$add", "$subtract", "$multiply", "$divide", "$mod", "$pow", "$cmp", "$eq", "$gt", "$lte", "$and", "$or", "$concat", "$concatArrays",
    "$in", "$arrayElemAt", "$setUnion", "$setIntersection", "$setDifference", "$indexOfArray", "$indexOfCP", "$slice", "$split",
    "$strcasecmp", "$range",
)  # fmt: skip
