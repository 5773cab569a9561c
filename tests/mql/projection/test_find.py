"""The projection of a find."""

# Messages stay on one line so that they can be searched for.
# ruff: noqa: E501

from __future__ import annotations

from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson import decode, encode
from secantus_server.bson.values import Regex
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.mql.projection import parse_projection

DOCUMENT = {"_id": 1, "a": 5, "b": {"c": 1, "d": 2}, "e": [{"c": 1, "d": 2}, 3, {"d": 4}, [{"c": 5}]], "n": [1, 2, 3, 4, 5]}


def project(document: dict[str, Any], spec: dict[str, Any], filter: dict[str, Any] | None = None) -> list[tuple[str, Any]]:
    """Return the fields of the projected document, in order."""
    match = parse_match(filter or {}, ParseContext())
    return list(decode(parse_projection(spec, ParseContext(), match=match).apply(encode(document))).items())


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, DOCUMENT),
        ({"a": 1}, {"_id": 1, "a": 5}),
        ({"n": True, "a": Int64(3)}, {"_id": 1, "a": 5, "n": [1, 2, 3, 4, 5]}),
        ({"a": float("nan"), "_id": 0}, {"a": 5}),
        ({"_id": 1}, {"_id": 1}),
        ({"x": 1}, {"_id": 1}),
        ({"b.c": 1}, {"_id": 1, "b": {"c": 1}}),
        ({"b": {"c": 1}}, {"_id": 1, "b": {"c": 1}}),
        ({"a.x": 1, "b.x": 1}, {"_id": 1, "b": {}}),
        ({"e.c": 1}, {"_id": 1, "e": [{"c": 1}, {}, [{"c": 5}]]}),
        ({"e.0": 1}, {"_id": 1, "e": [{}, {}, [{}]]}),
        ({"_id": 0}, {key: value for key, value in DOCUMENT.items() if key != "_id"}),
        ({"b": 0, "e": False, "n": Decimal128("0")}, {"_id": 1, "a": 5}),
        ({"b.c": 0, "e": 0, "n": -0.0}, {"_id": 1, "a": 5, "b": {"d": 2}}),
        ({"a": 0, "b": 0, "n": 0, "e.c": 0, "_id": 1}, {"_id": 1, "e": [{"d": 2}, 3, {"d": 4}, [{}]]}),
        ({"x": "$a", "_id": 0}, {"x": 5}),
        ({"a": "text", "_id": 0}, {"a": "text"}),
        ({"x": "$b.c", "a": 1}, {"_id": 1, "a": 5, "x": 1}),
        ({"x": None, "_id": 0}, {"x": None}),
        ({"x": ["$a", "$missing"], "_id": 0}, {"x": [5, None]}),
        ({"x": "$missing", "_id": 0}, {}),
        ({"x": {"$add": ["$a", 1]}, "_id": 0}, {"x": 6}),
        ({"b": {"c": 1, "x": "$a"}, "_id": 0}, {"b": {"c": 1, "x": 5}}),
        ({"a": {"x": "$b.d"}, "_id": 0}, {"a": {"x": 2}}),
    ],
    ids=str,
)
def test_fields(spec: dict[str, Any], expected: dict[str, Any]) -> None:
    assert project(DOCUMENT, spec) == list(expected.items())


def test_the_fields_of_a_reference() -> None:
    document = {"_id": 1, "link": {"$ref": "c", "$id": 5, "$db": "d"}}
    assert project(document, {"link.$id": 1}) == [("_id", 1), ("link", {"$id": 5})]
    assert project(document, {"link.$id": 0, "link.$db": 0, "_id": 0}) == [("link", {"$ref": "c"})]
    assert project(document, {"$ref": "$link.$ref", "_id": 0}) == [("$ref", "c")]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"n": {"$slice": 2}, "_id": 1}, {"_id": 1, "n": [1, 2]}),
        ({"n": {"$slice": -2}, "a": 1}, {"_id": 1, "a": 5, "n": [4, 5]}),
        ({"n": {"$slice": [0, None]}, "a": 1}, {"_id": 1, "a": 5, "n": None}),
        ({"n": {"$slice": 0}, "a": 1}, {"_id": 1, "a": 5, "n": []}),
        ({"n": {"$slice": [1, 2]}, "a": 1}, {"_id": 1, "a": 5, "n": [2, 3]}),
        ({"n": {"$slice": [-2, 1]}, "a": 1}, {"_id": 1, "a": 5, "n": [4]}),
        ({"n": {"$slice": [-99, 1]}, "a": 1}, {"_id": 1, "a": 5, "n": [1]}),
        ({"n": {"$slice": [99, 1]}, "a": 1}, {"_id": 1, "a": 5, "n": []}),
        ({"n": {"$slice": 1.9}, "a": 1}, {"_id": 1, "a": 5, "n": [1]}),
        ({"n": {"$slice": float("inf")}, "a": 1}, {"_id": 1, "a": 5, "n": [1, 2, 3, 4, 5]}),
        ({"a": {"$slice": 1}, "b": 0, "e": 0}, {"_id": 1, "a": 5, "n": [1, 2, 3, 4, 5]}),
        ({"n": {"$slice": 1}, "b": 0, "e": 0}, {"_id": 1, "a": 5, "n": [1]}),
        ({"x": {"$slice": ["$n", 2]}, "_id": 0}, {"x": [1, 2]}),
    ],
    ids=str,
)
def test_slice(spec: dict[str, Any], expected: dict[str, Any]) -> None:
    assert project(DOCUMENT, spec) == list(expected.items())


def test_slice_below_an_array() -> None:
    assert project({"a": [{"b": [1, 2]}, {"b": [3]}]}, {"a.b": {"$slice": -1}}) == [("a", [{"b": [2]}, {"b": [3]}])]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"n": {"$elemMatch": {"$gt": 3}}}, {"_id": 1, "n": [4]}),
        ({"n": {"$elemMatch": {"$gt": 9}}}, {"_id": 1}),
        ({"e": {"$elemMatch": {"d": {"$gt": 2}}}, "_id": 0}, {"e": [{"d": 4}]}),
        ({"a": {"$elemMatch": {"$gt": 3}}}, {"_id": 1}),
        ({"n": {"$elemMatch": {"$gt": 3}}, "a": 1}, {"_id": 1, "a": 5, "n": [4]}),
        ({"n": {"$elemMatch": {"$gt": 3}}, "b": 0, "e": 0}, {"_id": 1, "a": 5, "n": [4]}),
    ],
    ids=str,
)
def test_elem_match(spec: dict[str, Any], expected: dict[str, Any]) -> None:
    assert project(DOCUMENT, spec) == list(expected.items())


@pytest.mark.parametrize(
    ("document", "filter", "spec", "expected"),
    [
        ({"_id": 1, "a": [5, 6, 7]}, {"a": {"$gt": 5}}, {"a.$": 1}, {"_id": 1, "a": [6]}),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a.b": 2}, {"a.$": 1}, {"a": [{"b": 2}]}),
        ({"a": {"b": [1, 2]}, "c": 1}, {"a.b": 2}, {"a.b.$": 1}, {"a": {"b": [2]}}),
        ({"a": 5, "b": 1}, {"a": 5}, {"a.$": 1, "b": 1}, {"a": 5, "b": 1}),
        ({"a": [1, 2], "n": [1, 2, 3]}, {"a": 2}, {"a.$": 1, "n": {"$slice": 2}}, {"a": [2], "n": [1, 2]}),
    ],
)
def test_positional(document: Any, filter: Any, spec: Any, expected: Any) -> None:
    assert project(document, spec, filter) == list(expected.items())


@pytest.mark.parametrize(
    ("document", "filter", "code", "message"),
    [
        ({"_id": 1, "a": [1]}, {"_id": 1}, 51246, "positional operator '.$' couldn't find a matching element in the array"),
        ({"a": [1], "b": [1, 2]}, {"b": 2}, 51247, "positional operator '.$' element mismatch"),
    ],
)
def test_positional_without_an_element(document: Any, filter: Any, code: int, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        project(document, {"a.$": 1}, filter)
    assert (caught.value.code, caught.value.message) == (code, message)


def test_positional_without_a_query() -> None:
    projection = parse_projection({"a.$": 1}, ParseContext(), match=None)
    assert decode(projection.apply(encode({"_id": 1, "a": 5, "b": 2}))) == {"_id": 1, "a": 5}
    with pytest.raises(CommandError) as raised:
        projection.apply(encode({"a": [1]}))
    assert raised.value.code == 51246


MIDDLE = "As of 4.4, it's illegal to specify positional operator in the middle of a path."
REFUSED = [
    ({"a": 1, "b": 0}, 31254, "Cannot do exclusion on field b in inclusion projection"),
    ({"a": 0, "b": 1}, 31253, "Cannot do inclusion on field b in exclusion projection"),
    ({"a": {"b": 1, "c": 0}}, 31254, "Cannot do exclusion on field a.c in inclusion projection"),
    ({"a": 0, "b": "$c"}, 31310, 'Cannot use an expression b: "$c" in an exclusion projection'),
    ({"a": 0, "b": {"$add": [1, 2]}}, 31252, "Cannot use expression other than $meta in exclusion projection"),
    ({"a": 1, "a.b": 1}, 31249, "Path collision at a.b remaining portion b"),
    ({"a.b": 1, "a": 1}, 31250, "Path collision at a"),
    ({"a": {}}, 51270, "An empty sub-projection is not a valid value. Found empty object at path"),
    ({"": 1}, 40352, "FieldPath cannot be constructed with empty string"),
    ({"a.": 1}, 40353, "FieldPath must not end with a '.'."),
    ({"a..b": 1}, 15998, "FieldPath field names may not be empty strings."),
    ({"$a": 1}, 16410, "FieldPath field names may not start with '$'."),
    ({"a": {"$add": [1], "$subtract": [1]}}, 16410, "FieldPath field names may not start with '$'."),
    ({"a": {"$inc": 1}}, 31325, "Unknown expression $inc"),
    ({"a": {"$elemMatch": 1}}, 31274, "elemMatch: Invalid argument, object required, but got int"),
    ({"a": {"$elemMatch": {"b": {"$near": [0, 0]}}}}, 5626500, "$geoNear, $near, and $nearSphere are not allowed in this context"),
    ({"a.b": {"$elemMatch": {}}}, 31275, "Cannot use $elemMatch projection on a nested field."),
    ({"a.$": 1, "b.$": 1}, 31276, "Cannot specify more than one positional projection per query."),
    ({"a.$.b": 1}, 31394, MIDDLE),
    ({"a.$": 0}, 31395, "positional projection cannot be used with exclusion"),
    ({"b": 0, "a.$": 1}, 31395, "positional projection cannot be used with exclusion"),
    ({"a.$": "x"}, 31308, "positional projection cannot be used with a literal"),
    ({"a.$": {"$slice": 1}}, 31271, "positional projection cannot be used with an expression or sub object"),
    ({"a.$": 1, "b": {"$elemMatch": {}}}, 31255, "Cannot specify positional operator and $elemMatch."),
    ({"b": {"$elemMatch": {}}, "a.$": 1}, 31256, "Cannot specify positional operator and $elemMatch."),
    ({"a": {"$slice": "x"}}, 28667, 'Invalid $slice syntax. The given syntax { $slice: "x" } did not match the find() syntax because :: Location31273: $slice only supports numbers and [skip, limit] arrays :: The given syntax did not match the expression $slice syntax. :: caused by :: Expression $slice takes at least 2 arguments, and at most 3, but 1 were passed in.'),
    ({"a": {"$elemMatch": {"$jsonSchema": {"required": ["x"]}}}}, 224, "$jsonSchema is not allowed in this context"),
    ({"a": {"$slice": [1, 0]}}, 28724, "Invalid $slice syntax. The given syntax { $slice: [ 1, 0 ] } did not match the find() syntax because :: Location31257"),
    ({"a": {"$slice": [Regex("x"), 1]}}, 28724, "Invalid $slice syntax. The given syntax { $slice: [ /x/, 1 ] } did not match the find() syntax because :: Location31272"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "code", "message"), REFUSED, ids=lambda value: str(value)[:50])
def test_refused(spec: dict[str, Any], code: int, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_projection(spec, ParseContext(), match=parse_match({}, ParseContext()))
    assert caught.value.code == code
    assert caught.value.message.startswith(message)


def test_positional_beside_an_expression() -> None:
    with pytest.raises(CommandError) as caught:
        project({}, {"a.$": 1}, {"a": 1, "$expr": True})
    assert caught.value.code == 224


@pytest.mark.parametrize(
    ("spec", "inclusion", "fields"),
    [
        ({"a": 1, "b.c": 1}, True, {"_id", "a", "b.c"}),
        ({"a": 1, "_id": 0}, True, {"a"}),
        ({"a": 0}, False, None),
        ({"_id": 0}, False, None),
        ({}, False, None),
        ({"x": "$a"}, True, None),
        ({"a": {"$elemMatch": {"b": 1}}}, True, None),
        ({"a": {"$slice": 1}, "b": 1}, True, {"_id", "a", "b"}),
    ],
)
def test_required_fields(spec: dict[str, Any], inclusion: bool, fields: set[str] | None) -> None:
    projection = parse_projection(spec, ParseContext())
    assert (projection.is_inclusion, projection.required_fields) == (inclusion, fields)
