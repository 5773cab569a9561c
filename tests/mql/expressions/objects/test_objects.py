"""`$mergeObjects`, `$objectToArray`, `$arrayToObject`, `$getField`, `$setField`, `$unsetField`, sizes."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Binary

from secantus_server.bson.values import MISSING
from tests.mql.expressions.evaluation import error_of, evaluate, parse_error_of, same

DOC = {"_id": 1, "a": {"b": 1}, "items": [{"x": 1}, {"y": 2}], "$price": 5, "a.b": 6, "name": "a.b", "none": None}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"$mergeObjects": []}, {}),
        ({"$mergeObjects": ["$a", {"b": 2, "c": 3}, None, "$missing"]}, {"b": 2, "c": 3}),
        ({"$mergeObjects": "$items"}, {"x": 1, "y": 2}),
        ({"$mergeObjects": ["$items"]}, {"x": 1, "y": 2}),
        ({"$objectToArray": "$a"}, [{"k": "b", "v": 1}]),
        ({"$objectToArray": "$missing"}, None),
        ({"$arrayToObject": [[["a", 1], ["a", 2]]]}, {"a": 2}),
        ({"$arrayToObject": {"$literal": [{"k": "a", "v": 1}, {"v": 2, "k": "b"}]}}, {"a": 1, "b": 2}),
        ({"$arrayToObject": {"$literal": []}}, {}),
        ({"$arrayToObject": None}, None),
        ({"$getField": "a.b"}, 6),
        ({"$getField": {"$literal": "$price"}}, 5),
        ({"$getField": {"field": "$name", "input": "$$ROOT"}}, 6),
        ({"$getField": {"field": "b", "input": "$a"}}, 1),
        ({"$getField": {"field": "b", "input": 5}}, MISSING),
        ({"$getField": {"field": "b", "input": "$missing"}}, MISSING),
        ({"$getField": {"field": "b", "input": "$none"}}, None),
        ({"$setField": {"field": "b", "input": "$a", "value": 2}}, {"b": 2}),
        ({"$setField": {"field": "x.y", "input": "$a", "value": 2}}, {"b": 1, "x.y": 2}),
        ({"$setField": {"field": "b", "input": "$a", "value": "$$REMOVE"}}, {}),
        ({"$setField": {"field": "b", "input": None, "value": 2}}, None),
        ({"$unsetField": {"field": {"$const": "$price"}, "input": {"$literal": {"$price": 1, "a": 2}}}}, {"a": 2}),
        ({"$binarySize": "é"}, 2),
        ({"$binarySize": Binary(b"abc")}, 3),
        ({"$bsonSize": {}}, 5),
        ({"$bsonSize": "$missing"}, None),
    ],
)
def test_values(spec: Any, expected: Any) -> None:
    assert same(evaluate(spec, DOC), expected)


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"$mergeObjects": [{"a": 1}, 1]}, 40400),
        ({"$mergeObjects": [{}, []]}, 40400),
        ({"$objectToArray": 1}, 40390),
        ({"$objectToArray": []}, 16020),
        ({"$arrayToObject": "a"}, 40386),
        ({"$arrayToObject": [[1]]}, 40398),
        ({"$arrayToObject": {"$literal": [{"k": "a", "v": 1}, []]}}, 40391),
        ({"$arrayToObject": {"$literal": [{"k": "a"}]}}, 40392),
        ({"$arrayToObject": {"$literal": [{"x": "a", "v": 1}]}}, 40393),
        ({"$arrayToObject": {"$literal": [{"k": 1, "v": 1}]}}, 40394),
        ({"$arrayToObject": {"$literal": [[1, 1]]}}, 40395),
        ({"$arrayToObject": {"$literal": [["a", 1], {}]}}, 40396),
        ({"$arrayToObject": {"$literal": [["a"]]}}, 40397),
        ({"$arrayToObject": {"$literal": [["a\0", 1]]}}, 4940400),
        ({"$arrayToObject": {"$literal": [{"k": "a\0", "v": 1}]}}, 4940401),
        ({"$getField": {"field": "a", "input": 1, "x": 1}}, 3041701),
        ({"$getField": {"input": 1}}, 3041702),
        ({"$getField": {"field": "a"}}, 3041703),
        ({"$getField": 1}, 3041704),
        ({"$setField": 1}, 4161100),
        ({"$setField": {"x": 1}}, 4161101),
        ({"$setField": {"input": {}, "value": 1}}, 4161102),
        ({"$setField": {"field": "a", "input": {}}}, 4161103),
        ({"$setField": {"field": "a", "value": 1}}, 4161109),
        ({"$setField": {"field": "a", "input": 1, "value": 1}}, 4161105),
        ({"$setField": {"field": {"a": 1}, "input": {}, "value": 1}}, 4161106),
        ({"$setField": {"field": 1, "input": {}, "value": 1}}, 4161107),
        ({"$setField": {"field": "$a", "input": {}, "value": 1}}, 4161108),
        ({"$setField": {"field": "a\0", "input": {}, "value": 1}}, 9534700),
        ({"$unsetField": {"field": "a", "input": {}, "value": 1}}, 4161101),
        ({"$binarySize": 1}, 51276),
        ({"$bsonSize": 1}, 31393),
    ],
)
def test_errors(spec: Any, code: int) -> None:
    assert parse_error_of(spec)[0] == code


def test_text_of_merging_what_is_no_document() -> None:
    message = "$mergeObjects requires object inputs, but input 1 is of type int"
    assert error_of({"$mergeObjects": ["$v", {}]}, {"v": 1}) == (40400, message)
