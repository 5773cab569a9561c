"""The specifications of `$project`, `$addFields` and `$unset`."""

# Messages stay on one line so that they can be searched for.
# ruff: noqa: E501

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.bson import decode, encode
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.projection import Projection, parse_add_fields, parse_projection, parse_unset


def fields(projection: Projection, document: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return the fields of the projected document, in order."""
    return list(decode(projection.apply(encode(document))).items())


@pytest.mark.parametrize(
    ("document", "spec", "expected"),
    [
        ({"_id": 1, "a": 1, "b": 2}, {"c": "$a", "b": 1}, {"_id": 1, "b": 2, "c": 1}),
        ({"_id": 1, "a": 1, "b": 2}, {"a": "$b", "b": "$a"}, {"_id": 1, "a": 2, "b": 1}),
        ({"_id": 1, "a": [{"b": 1}, "x", [2]]}, {"a.c": {"$literal": 9}}, {"_id": 1, "a": [{"c": 9}, {"c": 9}, [{"c": 9}]]}),
        ({"_id": 1, "a": 5}, {"a.b": {"$literal": 1}, "c": "$a"}, {"_id": 1, "a": {"b": 1}, "c": 5}),
        ({"_id": 1}, {"a.b": "$missing"}, {"_id": 1, "a": {}}),
        ({"_id": 1, "a": 1}, {"_id": "$a"}, {"_id": 1}),
        ({"_id": {"x": 1, "y": 2}}, {"_id.x": 1}, {"_id": {"x": 1}}),
        ({"_id": 1, "a": 1}, {"b": "$$REMOVE", "a": 1}, {"_id": 1, "a": 1}),
    ],
)
def test_project(document: dict[str, Any], spec: dict[str, Any], expected: dict[str, Any]) -> None:
    assert fields(parse_projection(spec, ParseContext(), for_find=False), document) == list(expected.items())


@pytest.mark.parametrize(
    ("document", "spec", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": 5, "c": {"$add": ["$a", "$b"]}}, {"a": 5, "b": 2, "c": 3}),
        ({"a": 1}, {"a": "$missing"}, {}),
        ({"a": 1}, {"a.b": 2}, {"a": {"b": 2}}),
        ({"a": {"x": 1}}, {"a": {"b": 2}}, {"a": {"x": 1, "b": 2}}),
        ({"a": [{"x": 1}, 5, []]}, {"a.b": 2}, {"a": [{"x": 1, "b": 2}, {"b": 2}, []]}),
        ({"a": 1}, {"b.c.d": "$a", "e": {}}, {"a": 1, "b": {"c": {"d": 1}}, "e": {}}),
        ({"a": {"b": {"c": 1}}}, {"a.b.c": "$a.b", "x": [1, "$missing"]}, {"a": {"b": {"c": {"c": 1}}}, "x": [1, None]}),
    ],
)
def test_add_fields(document: dict[str, Any], spec: dict[str, Any], expected: dict[str, Any]) -> None:
    assert fields(parse_add_fields(spec, ParseContext()), document) == list(expected.items())


@pytest.mark.parametrize(
    ("spec", "expected"),
    [("a", {"b": {"c": 1, "d": 2}}), (["a", "b.c"], {"b": {"d": 2}}), (["x", "b.c.y"], {"a": 1, "b": {"c": 1, "d": 2}})],
)
def test_unset(spec: Any, expected: dict[str, Any]) -> None:
    assert fields(parse_unset(spec, ParseContext()), {"a": 1, "b": {"c": 1, "d": 2}}) == list(expected.items())


@pytest.mark.parametrize(
    ("spec", "code", "message"),
    [
        ({}, 51272, "Invalid $project :: caused by :: projection specification must have at least one field"),
        ({"a.$": 1}, 31324, "Invalid $project :: caused by :: Cannot use positional projection in aggregation projection"),
        ({"a": {"$elemMatch": {"b": 1}}}, 168, "Invalid $project :: caused by :: Unrecognized expression '$elemMatch'"),
        ({"a": {"$exists": 1}}, 31325, "Invalid $project :: caused by :: Unknown expression $exists"),
        ({"a": {"$slice": 1}}, 28667, "Invalid $project :: caused by :: Expression $slice takes at least 2 arguments, and at most 3, but 1 were passed in."),
    ],
)  # fmt: skip
def test_project_refused(spec: dict[str, Any], code: int, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_projection(spec, ParseContext(), for_find=False)
    assert (caught.value.code, caught.value.message) == (code, message)


@pytest.mark.parametrize(
    ("spec", "code", "message"),
    [
        ({"a": 1, "a.b": 2}, 40176, "Invalid $set :: caused by :: specification contains two conflicting paths. Cannot specify both 'a.b' and 'a'"),
        ({"a.b": 1, "a": 2}, 40176, "Invalid $set :: caused by :: specification contains two conflicting paths. Cannot specify both 'a' and 'a.b'"),
        ({"a": {"$add": [1], "b": 1}}, 40181, "Invalid $set :: caused by :: an expression specification must contain exactly one field"),
        ({"a": {"b.c": 1}}, 40183, "Invalid $set :: caused by :: cannot use dotted field name 'b.c' in a sub object"),
        ({"$a": 1}, 16410, "Invalid $set :: caused by :: FieldPath field names may not start with '$'."),
        ({"": 1}, 40352, "Invalid $set :: caused by :: FieldPath cannot be constructed with empty string"),
        ({"a": {"$foo": 1}}, 168, "Invalid $set :: caused by :: Unrecognized expression '$foo'"),
    ],
)  # fmt: skip
def test_add_fields_refused(spec: dict[str, Any], code: int, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_add_fields(spec, ParseContext(), stage="$set")
    assert caught.value.code == code
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    ("spec", "code", "message"),
    [
        (1, 31002, "$unset specification must be a string or an array"),
        ([], 31119, "$unset specification must be a string or an array with at least one field"),
        (["$a", "a\0b"], 9527900, "Invalid $unset :: caused by :: FieldPath field names may not contain '\\0'."),
        (["a", 1], 31120, "$unset specification must be a string or an array containing only string values"),
        (["a", "a.b"], 31249, "Invalid $unset :: caused by :: Path collision at a.b remaining portion b"),
        ("a\0", 9527900, "Invalid $unset :: caused by :: FieldPath field names may not contain '\\0'."),
    ],
)
def test_unset_refused(spec: Any, code: int, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_unset(spec, ParseContext())
    assert (caught.value.code, caught.value.message) == (code, message)


def test_a_path_may_be_only_so_deep() -> None:
    with pytest.raises(CommandError) as caught:
        parse_unset(".".join("a" * 201), ParseContext())
    assert caught.value.code == 15
