"""`$and`, `$or`, `$nor`, `$not`, `$comment`, and the shape of the tree."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.bson.values import Regex
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import AlwaysFalse, And, Comparison, Not, Or, parse_match
from tests.mql.match.matching import failure, matches, parse

HINT = "If you have a field name that starts with a '$' symbol, consider using $getField or $setField."


@pytest.mark.parametrize(
    ("spec", "doc", "expected"),
    [
        ({}, {}, True),
        ({"$and": [{"a": 1}, {"b": 2}]}, {"a": 1, "b": 2}, True),
        ({"$and": [{"a": 1}, {"b": 2}]}, {"a": 1}, False),
        ({"$or": [{"a": 1}, {"b": 2}]}, {"b": 2}, True),
        ({"$or": [{"a": 1}, {"b": 2}]}, {"b": 3}, False),
        ({"$nor": [{"a": 1}, {"b": 2}]}, {"b": 3}, True),
        ({"$nor": [{"a": 1}, {"b": 2}]}, {"a": 1}, False),
        ({"a": {"$not": {"$gt": 5}}}, {}, True),
        ({"a": {"$not": {"$gt": 5}}}, {"a": 7}, False),
        ({"a": {"$not": {"$gt": 5, "$lt": 9}}}, {"a": 10}, True),
        ({"a": {"$not": Regex("^x")}}, {"a": "xy"}, False),
        ({"a": {"$not": Regex("^x")}}, {}, True),
        ({"$comment": "why", "a": 1}, {"a": 1}, True),
        ({"a": {"$gt": 0, "$comment": "why"}}, {"a": 1}, True),
        ({"$alwaysTrue": 1}, {}, True),
        ({"$alwaysFalse": 1}, {}, False),
        ({"$expr": {"$gt": ["$a", "$b"]}}, {"a": 2, "b": 1}, True),
        ({"$expr": {"$gt": ["$a", "$b"]}}, {"a": 1, "b": 2}, False),
        ({"$expr": 0}, {}, False),
        ({"$sampleRate": 0}, {}, False),
        ({"$sampleRate": 1}, {}, True),
        ({"a": {"$ref": "c", "$id": 1}}, {"a": {"$ref": "c", "$id": 1}}, True),
    ],
)
def test_matches(spec: dict[str, Any], doc: dict[str, Any], expected: bool) -> None:
    assert matches(spec, doc) is expected


@pytest.mark.parametrize(
    ("spec", "code", "text"),
    [
        ({"$and": 1}, 2, "$and must be an array"),
        ({"$or": []}, 2, "$and/$or/$nor must be a nonempty array"),
        ({"$nor": [1]}, 2, "$or/$and/$nor entries need to be full objects"),
        (
            {"$not": {"a": 1}},
            2,
            f"unknown top level operator: $not. {HINT}",
        ),
        ({"a": {"$not": 1}}, 2, "$not needs a regex or a document"),
        ({"a": {"$not": {}}}, 2, "$not cannot be empty"),
        ({"a": {"$not": {"b": 1}}}, 2, "unknown operator: b"),
        ({"a": {"$or": [{"b": 1}]}}, 2, "unknown operator: $or"),
        ({"$alwaysTrue": 2}, 9, "$alwaysTrue must be an integer value of 1"),
        ({"$sampleRate": "x"}, 2, "argument to $sampleRate must be a numeric type"),
        ({"$sampleRate": 2}, 2, "numeric argument to $sampleRate must be in [0, 1]"),
        ({"a": {"$elemMatch": {"$expr": 1}}}, 2, "$expr can only be applied to the top-level document"),
        ({"$expr": {"$nothing": 1}}, 168, "Unrecognized expression '$nothing'"),
        ({"$where": "true"}, 4660800, "$where is not allowed in this context"),
        ({"$text": {"$search": "x"}}, 27, "text index required for $text query"),
        ({"$text": {"$search": 1}}, 14, '"$search" had the wrong type. Expected string, found int'),
    ],
)
def test_errors(spec: dict[str, Any], code: int, text: str) -> None:
    assert failure(spec) == (code, text)


@pytest.mark.parametrize(("name", "code"), [("$expr", 224), ("$jsonSchema", 224)])
def test_forbidden_operators(name: str, code: int) -> None:
    with pytest.raises(Exception, match=r"\$.* is not allowed in this context") as caught:
        parse_match({"$and": [{name: {}}]}, ParseContext(), forbidden=frozenset({name}))
    assert caught.value.code == code  # type: ignore[attr-defined]


def test_deep_filters_are_refused() -> None:
    spec: dict[str, Any] = {"a": 1}
    for _ in range(150):
        spec = {"$and": [spec]}
    assert failure(spec) == (2, "exceeded maximum query tree depth of 100")


def test_needless_levels_vanish() -> None:
    tree = parse({"$and": [{"a": 1}, {"$and": [{"b": {"$gt": 1, "$lt": 5}}]}]})
    assert isinstance(tree, And)
    assert [type(child) for child in tree.children] == [Comparison] * 3
    assert isinstance(parse({"$or": [{"a": 1}]}), Comparison)
    assert isinstance(parse({"a": {"$in": [1]}}), Comparison)
    assert isinstance(parse({"a": {"$in": []}}), AlwaysFalse)
    assert isinstance(parse({"a": {"$ne": 1}}), Not)
    assert isinstance(parse({"$or": [{"a": 1}, {"b": 1}]}), Or)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, {}),
        ({"a": 1}, {"a": {"$eq": 1}}),
        ({"a": {"$gt": 1, "$lt": 5}}, {"$and": [{"a": {"$gt": 1}}, {"a": {"$lt": 5}}]}),
        ({"a": {"$ne": 1}}, {"a": {"$not": {"$eq": 1}}}),
        ({"a": {"$exists": False}}, {"a": {"$not": {"$exists": True}}}),
        ({"a": {"$in": [2, 1, 2]}}, {"a": {"$in": [1, 2]}}),
        ({"a": Regex("x", "i")}, {"a": {"$regex": "x", "$options": "i"}}),
        ({"a": {"$elemMatch": {"b": 1}}}, {"a": {"$elemMatch": {"b": {"$eq": 1}}}}),
        ({"a": {"$elemMatch": {"$gt": 1, "$lt": 5}}}, {"a": {"$elemMatch": {"$gt": 1, "$lt": 5}}}),
        ({"a": {"$elemMatch": {"$in": []}}}, {"a": {"$elemMatch": {"$and": [{"$alwaysFalse": 1}]}}}),
        (
            {"a": {"$elemMatch": {"$ne": 1, "$nin": [2, 3]}}},
            {"a": {"$elemMatch": {"$and": [{"a": {"$not": {"$eq": 1}}}, {"a": {"$not": {"$in": [2, 3]}}}]}}},
        ),
        ({"$nor": [{"a": 1}]}, {"$nor": [{"a": {"$eq": 1}}]}),
        ({"a": {"$not": {"$gt": 1, "$lt": 5}}}, {"$nor": [{"$and": [{"a": {"$gt": 1}}, {"a": {"$lt": 5}}]}]}),
        ({"a": {"$in": []}}, {"$alwaysFalse": 1}),
        ({"a": {"$mod": [4, 1]}}, {"a": {"$mod": [4, 1]}}),
        ({"a": {"$size": 2}}, {"a": {"$size": 2}}),
        ({"a": {"$type": "minKey"}}, {"a": {"$type": [-1]}}),
        ({"a": {"$bitsAllSet": 5}}, {"a": {"$bitsAllSet": [0, 2]}}),
    ],
)
def test_serialize(spec: dict[str, Any], expected: dict[str, Any]) -> None:
    assert parse(spec).serialize() == expected
