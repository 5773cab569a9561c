"""Dotted paths through documents and arrays, and the array element that made a document match."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.bson import encode
from tests.mql.match.matching import matches, parse


@pytest.mark.parametrize(
    ("path", "operand", "doc", "expected"),
    [
        ("a.b", 1, {"a": {"b": 1}}, True),
        ("a.b", 1, {"a": [{"b": 1}, {"b": 2}]}, True),
        ("a.b", 1, {"a": [[{"b": 1}]]}, False),
        ("a.b", 1, {"a": {"b": [1, 2]}}, True),
        ("a.b.c", 1, {"a": [{"b": [{"c": 1}]}]}, True),
        ("a.0", 1, {"a": [1, 2]}, True),
        ("a.0", 2, {"a": [1, 2]}, False),
        ("a.0", 1, {"a": {"0": 1}}, True),
        ("a.0", 1, {"a": [{"0": 1}]}, True),
        ("a.0", 1, {"a": [[1]]}, False),
        ("a.0", [1], {"a": [[1]]}, True),
        ("a.0.b", 1, {"a": [{"b": 1}, {"b": 2}]}, True),
        ("a.1.b", 1, {"a": [{"b": 1}, {"b": 2}]}, False),
        ("a.0.b", 1, {"a": [[{"b": 1}]]}, True),
        ("a.0.0", 1, {"a": [[1, 2]]}, True),
        ("a.00", 1, {"a": [1]}, False),
        ("a.b", None, {}, True),
        ("a.b", None, {"a": 4}, True),
        ("a.b", None, {"a": {}}, True),
        ("a.b", None, {"a": [{"b": 1}, {}]}, True),
        ("a.b", None, {"a": []}, False),
        ("a.b", None, {"a": [1, 2]}, False),
        ("a.b", None, {"a": [{"b": 1}]}, False),
        ("a..b", 1, {"a": {"b": 1}}, False),
        ("a..b", 1, {"a": {"": {"b": 1}}}, True),
        ("", 1, {"": 1}, True),
    ],
)
def test_equality(path: str, operand: Any, doc: dict[str, Any], expected: bool) -> None:
    assert matches({path: operand}, doc) is expected


@pytest.mark.parametrize(
    ("path", "doc", "expected"),
    [
        ("a", {"a": None}, True),
        ("a", {}, False),
        ("a", {"a": []}, True),
        ("a.b", {"a": []}, False),
        ("a.b", {"a": [1, {"b": None}]}, True),
        ("a.2", {"a": [1, 2]}, False),
        ("a.1", {"a": [1, 2]}, True),
        ("a.b", {"a": 5}, False),
    ],
)
def test_exists(path: str, doc: dict[str, Any], expected: bool) -> None:
    assert matches({path: {"$exists": True}}, doc) is expected
    assert matches({path: {"$exists": False}}, doc) is not expected


def test_a_conjunction_may_be_met_by_different_elements() -> None:
    assert matches({"a": {"$gt": 1, "$lt": 1}}, {"a": [0, 5]})
    assert matches({"a.x": 1, "a.y": 2}, {"a": [{"x": 1}, {"y": 2}]})


@pytest.mark.parametrize(
    ("spec", "doc", "expected"),
    [
        ({"a": 2}, {"a": [1, 2, 2]}, 1),
        ({"a": {"$gte": 2}}, {"a": [1, 2]}, 1),
        ({"a.b": 5}, {"a": [{"b": 1}, {"b": [3, 5]}]}, 1),
        ({"a.b": 5}, {"a": {"b": [3, 5]}}, 1),
        ({"a": {"$elemMatch": {"x": 1, "y": 2}}}, {"a": [{"x": 1}, {"x": 1, "y": 2}]}, 1),
        ({"a": {"$elemMatch": {"$gt": 1}}}, {"a": [0, 1, 2]}, 2),
        ({"a": [1, 2]}, {"a": [1, 2]}, None),
        ({"a": 1}, {"a": 1}, None),
        ({"a": {"$ne": 1}}, {"a": [2]}, None),
        ({"b": 1, "a": 3}, {"b": 1, "a": [1, 3]}, 1),
        ({"$or": [{"a": 9}, {"a": 3}]}, {"a": [1, 3]}, 1),
        ({"$or": [{"a": 3}, {"a": 1}]}, {"a": [1, 3]}, 0),
        ({"$or": [{"a": {"$gt": 2}}]}, {"a": [1, 3]}, 1),
        ({"$or": [{"a": {"$gt": 2}}, {"a": 0}]}, {"a": [1, 3]}, None),
        ({"$or": [{"a": 3}, {"b": 1}]}, {"a": [1, 3]}, None),
        ({"$and": [{"a": {"$gt": 1}}, {"a": {"$lt": 5}}]}, {"a": [1, 2, 3]}, 1),
        ({"b": 2, "$and": [{"a": 3}]}, {"a": [1, 3], "b": [2]}, 0),
        ({"a": {"$in": [3, 4]}}, {"a": [1, 3]}, 1),
        ({"a": {"$size": 2}}, {"a": [1, 3]}, None),
        ({"a": {"$regex": "^b"}}, {"a": ["a", "b"]}, 1),
        ({"a.1": 3}, {"a": [1, 3]}, None),
    ],
)
def test_array_index(spec: dict[str, Any], doc: dict[str, Any], expected: int | None) -> None:
    tree = parse(spec)
    assert tree.matches(encode(doc))
    assert tree.array_index(encode(doc)) == expected


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "", "text", [], {}], ids=repr)
def test_the_names_of_fields_have_any_length(value: Any) -> None:
    """A name is searched by words of eight bytes, except at the end of a document."""
    for length in range(1, 27):
        name, other = "n" * length, "m" * length
        for document in ({name: value}, {other: 1, name: value}, {name: value, other: 1}, {f"{name}x": 1, f"x{name}": 1, name: value}):
            assert matches({name: {"$exists": True}}, document)
            assert matches({f"at.{name}": {"$exists": True}}, {"at": document})
            assert not matches({name[1:] or "x": {"$exists": True}}, document)
            assert not matches({f"at.{name}n": {"$exists": True}}, {"at": document, f"at.{name}n": 1})
