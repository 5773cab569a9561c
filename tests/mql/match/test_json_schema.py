"""`$jsonSchema`."""

from __future__ import annotations

from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from secantus_server.bson.values import Date
from tests.mql.match.matching import failure, matches

NAN = float("nan")


@pytest.mark.parametrize(
    ("rule", "stored", "expected"),
    [
        ({"bsonType": "int"}, 1, True),
        ({"bsonType": "int"}, Int64(1), False),
        ({"bsonType": ["int", "null"]}, None, True),
        ({"bsonType": "number"}, Decimal128("1"), True),
        ({"bsonType": "date"}, Date(0), True),
        ({"bsonType": "int"}, [1], False),
        ({"type": "number"}, Int64(1), True),
        ({"type": ["string", "null"]}, None, True),
        ({"type": "boolean"}, True, True),
        ({"type": "object"}, [], False),
        ({"enum": [1, "x"]}, 1.0, True),
        ({"enum": [1, "x"]}, "y", False),
        ({"enum": [{"a": 1, "b": 2}]}, {"b": 2, "a": 1}, True),
        ({"minimum": 5}, 5, True),
        ({"minimum": 5, "exclusiveMinimum": True}, 5, False),
        ({"maximum": 5}, 5.5, False),
        ({"maximum": 5}, "x", True),
        ({"minimum": 5}, NAN, False),
        ({"multipleOf": 3}, 9, True),
        ({"multipleOf": 3}, 10, False),
        ({"multipleOf": 0.1}, 0.3, True),
        ({"multipleOf": Decimal128("0.5")}, 1.25, False),
        ({"multipleOf": 2}, float("inf"), False),
        ({"multipleOf": 2}, "x", True),
        ({"minLength": 2}, "日本", True),
        ({"maxLength": 2}, "日本人", False),
        ({"minLength": 2}, 5, True),
        ({"pattern": "^a"}, "ab", True),
        ({"pattern": "^a"}, "ba", False),
        ({"pattern": "^a"}, 1, True),
        ({"minItems": 2}, [1], False),
        ({"maxItems": 1}, [1], True),
        ({"maxItems": 1}, "xx", True),
        ({"uniqueItems": True}, [1, 1.0], False),
        ({"uniqueItems": True}, [0, False], True),
        ({"uniqueItems": True}, [{"a": 1, "b": 2}, {"b": 2, "a": 1}], False),
        ({"uniqueItems": False}, [1, 1], True),
        ({"items": {"bsonType": "int"}}, [1, 2], True),
        ({"items": {"bsonType": "int"}}, [1, "x"], False),
        ({"items": [{"bsonType": "int"}]}, [1, "x"], True),
        ({"items": [{"bsonType": "int"}], "additionalItems": False}, [1, "x"], False),
        ({"items": [{"bsonType": "int"}], "additionalItems": {"bsonType": "string"}}, [1, "x"], True),
        ({"minProperties": 1}, {}, False),
        ({"maxProperties": 1}, {"a": 1}, True),
        ({"required": ["a"]}, {"a": None}, True),
        ({"required": ["a"]}, {"b": 1}, False),
        ({"required": ["a"]}, 5, True),
        ({"properties": {"a": {"bsonType": "int"}}}, {"a": "x"}, False),
        ({"properties": {"a": {"bsonType": "int"}}}, {"b": "x"}, True),
        ({"properties": {"a": {}}, "additionalProperties": False}, {"a": 1, "b": 1}, False),
        ({"additionalProperties": {"bsonType": "int"}}, {"a": 1, "b": "x"}, False),
        ({"patternProperties": {"^S_": {"bsonType": "string"}}}, {"S_a": 1}, False),
        ({"patternProperties": {"^S_": {"bsonType": "string"}}}, {"S_a": "x", "a": 1}, True),
        ({"patternProperties": {"_(a|b)$": {"bsonType": "string"}}}, {"S_a": "x", "S_c": 1}, True),
        ({"patternProperties": {"_(a|b)$": {"bsonType": "string"}}}, {"S_a": "x", "é_b": 1}, False),
        ({"patternProperties": {"^S_": {}}, "additionalProperties": False}, {"S_a": 1, "a": 1}, False),
        ({"patternProperties": {"^S_": {}}, "additionalProperties": False}, {"S_a": 1}, True),
        ({"dependencies": {"a": ["b"]}}, {"a": 1}, False),
        ({"dependencies": {"a": ["b"]}}, {"c": 1}, True),
        ({"dependencies": {"a": {"required": ["b"]}}}, {"a": 1, "b": 1}, True),
        ({"allOf": [{"minimum": 1}, {"maximum": 3}]}, 4, False),
        ({"anyOf": [{"bsonType": "int"}, {"bsonType": "string"}]}, "x", True),
        ({"anyOf": [{"bsonType": "int"}, {"bsonType": "string"}]}, 1.5, False),
        ({"oneOf": [{"multipleOf": 3}, {"multipleOf": 5}]}, 15, False),
        ({"oneOf": [{"multipleOf": 3}, {"multipleOf": 5}]}, 9, True),
        ({"not": {"bsonType": "int"}}, 1, False),
        ({"not": {}}, 1, False),
        ({"title": "t", "description": "d"}, 1, True),
        ({}, 1, True),
    ],
)
def test_rules(rule: dict[str, Any], stored: Any, expected: bool) -> None:
    assert matches({"$jsonSchema": {"properties": {"x": rule}}}, {"x": stored}) is expected
    assert matches({"$jsonSchema": {"properties": {"x": rule}}}, {})


def test_the_document_itself_is_an_object() -> None:
    assert matches({"$jsonSchema": {"bsonType": "object"}}, {"a": 1})
    assert not matches({"$jsonSchema": {"bsonType": "array"}}, {"a": 1})
    assert matches({"$jsonSchema": {"minimum": 5}}, {"a": 1})
    assert not matches({"$jsonSchema": {"required": ["b"]}}, {"a": 1})
    assert matches({"$nor": [{"$jsonSchema": {"required": ["b"]}}]}, {"a": 1})


@pytest.mark.parametrize(
    ("schema", "code", "text"),
    [
        ("x", 14, "$jsonSchema must be an object"),
        ({"foo": 1}, 9, "Unknown $jsonSchema keyword: foo"),
        ({"$ref": "x"}, 9, "$jsonSchema keyword '$ref' is not currently supported"),
        ({"type": "integer"}, 9, "$jsonSchema type 'integer' is not currently supported."),
        ({"type": "int"}, 2, "Unknown type name alias: int"),
        ({"bsonType": ["string", "integer"]}, 9, "$jsonSchema type 'integer' is not currently supported."),
        ({"bsonType": "foo"}, 2, "Unknown type name alias: foo"),
        (
            {"bsonType": 1},
            14,
            "$jsonSchema keyword 'bsonType' must be either a string or an array of strings, but found an element of type int",
        ),
        ({"type": "string", "bsonType": "string"}, 9, "Cannot specify both $jsonSchema keywords 'type' and 'bsonType'"),
        ({"required": "a"}, 14, "$jsonSchema keyword 'required' must be an array, but found an element of type string"),
        ({"required": []}, 9, "$jsonSchema keyword 'required' cannot be an empty array"),
        ({"required": ["a", "a"]}, 9, "$jsonSchema keyword 'required' array cannot contain duplicate values"),
        ({"enum": []}, 9, "$jsonSchema keyword 'enum' cannot be an empty array"),
        ({"minLength": -1}, 9, "Expected a non-negative number in: minLength: -1"),
        ({"multipleOf": 0}, 9, "$jsonSchema keyword 'multipleOf' must have a positive value"),
        ({"exclusiveMinimum": True}, 9, "$jsonSchema keyword 'minimum' must be a present if exclusiveMinimum is present"),
        ({"properties": {"a": 1}}, 14, "Nested schema for $jsonSchema property 'a' must be an object"),
        ({"title": 1}, 14, "$jsonSchema keyword 'title' must be of type string, but found an element of type int"),
        (
            {"additionalItems": 1},
            14,
            "$jsonSchema keyword 'additionalItems' must be either an object or a boolean, but found an element of type int",
        ),
    ],
)
def test_errors(schema: Any, code: int, text: str) -> None:
    assert failure({"$jsonSchema": schema}) == (code, text)


def test_a_broken_pattern_of_properties_is_a_bad_value() -> None:
    assert failure({"$jsonSchema": {"patternProperties": {"[x": {}}}})[0] == 2
