"""errInfo for a document that failed validation."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.bson import encode
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.mql.match.failure import explain_failure


def explained(filter: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    assert not parse_match(filter, ParseContext()).matches(encode(document))
    return explain_failure(filter, document, ParseContext())


def leaf(operator: str, condition: dict[str, Any], reason: str, **considered: Any) -> dict[str, Any]:
    return {"operatorName": operator, "specifiedAs": condition, "reason": reason, **considered}


@pytest.mark.parametrize(
    ("filter", "document", "expected"),
    [
        ({"a": {"$gt": 5}}, {"a": 3}, leaf("$gt", {"a": {"$gt": 5}}, "comparison failed", consideredValue=3)),
        ({"a": 5}, {}, leaf("$eq", {"a": 5}, "field was missing")),
        ({"a": {"$ne": 5}}, {"a": 5}, leaf("$ne", {"a": {"$ne": 5}}, "comparison succeeded", consideredValue=5)),
        ({"a.b": 5}, {"a": [{"b": 1}, {"b": 2}]}, leaf("$eq", {"a.b": 5}, "comparison failed", consideredValues=[1, 2])),
        ({"a": {"$exists": True}}, {}, leaf("$exists", {"a": {"$exists": True}}, "path does not exist")),
        ({"a": {"$exists": False}}, {"a": 1}, leaf("$exists", {"a": {"$exists": False}}, "path does exist")),
        (
            {"a": {"$type": "string"}},
            {"a": 1},
            leaf("$type", {"a": {"$type": "string"}}, "type did not match", consideredValue=1, consideredType="int"),
        ),
        ({"a": {"$lt": 1}}, {"a": [1, 2]}, leaf("$lt", {"a": {"$lt": 1}}, "comparison failed", consideredValues=[1, 2, [1, 2]])),
        (
            {"a": {"$mod": [4, 0]}},
            {"a": 3},
            leaf("$mod", {"a": {"$mod": [4, 0]}}, "$mod did not evaluate to expected remainder", consideredValue=3),
        ),
        (
            {"a": {"$size": 2}},
            {"a": 3},
            leaf("$size", {"a": {"$size": 2}}, "type did not match", consideredValue=3, consideredType="int", expectedType="array"),
        ),
        (
            {"a": {"$bitsAllSet": 2}},
            {"a": "x"},
            leaf(
                "$bitsAllSet",
                {"a": {"$bitsAllSet": 2}},
                "type did not match",
                consideredValue="x",
                consideredType="string",
                expectedTypes=["binData", "decimal", "double", "int", "long"],
            ),
        ),
        (
            {"a": {"$all": [1, 2]}},
            {"a": [1]},
            leaf("$all", {"a": {"$all": [1, 2]}}, "array did not contain all specified values", consideredValue=[1]),
        ),
        ({"$alwaysFalse": 1}, {}, leaf("$alwaysFalse", {"$alwaysFalse": 1}, "expression always evaluates to false")),
        (
            {"$expr": {"$gt": ["$a", 5]}},
            {"a": 1},
            leaf("$expr", {"$expr": {"$gt": ["$a", 5]}}, "expression did not match", expressionResult=False),
        ),
    ],
)
def test_one_condition(filter: dict[str, Any], document: dict[str, Any], expected: dict[str, Any]) -> None:
    assert explained(filter, document) == expected


def test_of_several_conditions_those_that_fail() -> None:
    low = leaf("$gt", {"a": {"$gt": 5}}, "comparison failed", consideredValue=3)
    missing = leaf("$eq", {"b": 1}, "field was missing")
    assert explained({"a": {"$lt": 9, "$gt": 5}, "b": 1}, {"a": 3}) == {
        "operatorName": "$and",
        "clausesNotSatisfied": [{"index": 1, "details": low}, {"index": 2, "details": missing}],
    }
    assert explained({"$or": [{"a": {"$gt": 5}}, {"b": 1}]}, {"a": 3}) == {
        "operatorName": "$or",
        "clausesNotSatisfied": [{"index": 0, "details": low}, {"index": 1, "details": missing}],
    }


def test_of_negated_conditions_those_that_match() -> None:
    high = leaf("$gt", {"a": {"$gt": 1}}, "comparison succeeded", consideredValue=3)
    assert explained({"a": {"$not": {"$gt": 1}}}, {"a": 3}) == {"operatorName": "$not", "details": high}
    assert explained({"$nor": [{"b": 1}, {"a": {"$gt": 1}}]}, {"a": 3}) == {
        "operatorName": "$nor",
        "clausesSatisfied": [{"index": 1, "details": high}],
    }
    inner = {"operatorName": "$not", "details": leaf("$eq", {"a": 1}, "comparison failed", consideredValue=3)}
    assert (
        explained({"$nor": [{"a": {"$not": {"$eq": 1}}}]}, {"a": 3})["clausesSatisfied"][0]["details"]["operatorName"]
        == inner["operatorName"]
    )
    schema = {"$jsonSchema": {"required": ["a"]}}
    assert explained({"$nor": [schema]}, {"a": 3})["clausesSatisfied"] == [
        {"index": 0, "details": leaf("$jsonSchema", schema, "schema matched")}
    ]


def rules(schema: dict[str, Any], document: dict[str, Any]) -> list[dict[str, Any]]:
    found = explained({"$jsonSchema": schema}, document)
    assert found["operatorName"] == "$jsonSchema"
    return list(found["schemaRulesNotSatisfied"])


def test_a_schema() -> None:
    schema = {
        "bsonType": "object",
        "required": ["year", "name"],
        "properties": {
            "name": {"bsonType": "string"},
            "gpa": {"bsonType": ["double"], "minimum": 2, "description": "must be a double"},
        },
    }  # fmt: skip
    wrong_type = leaf("bsonType", {"bsonType": ["double"]}, "type did not match", consideredValue=1, consideredType="int")
    too_small = leaf("minimum", {"minimum": 2}, "comparison failed", consideredValue=1)
    assert rules(schema, {"name": "x", "gpa": 1}) == [
        {"operatorName": "required", "specifiedAs": {"required": ["year", "name"]}, "missingProperties": ["year"]},
        {
            "operatorName": "properties",
            "propertiesNotSatisfied": [{"propertyName": "gpa", "description": "must be a double", "details": [wrong_type, too_small]}],
        },
    ]


@pytest.mark.parametrize(
    ("schema", "document", "expected"),
    [
        (
            {"properties": {"a": {}}, "additionalProperties": False},
            {"_id": 1, "a": 1},
            {"operatorName": "additionalProperties", "specifiedAs": {"additionalProperties": False}, "additionalProperties": ["_id"]},
        ),
        (
            {"oneOf": [{"required": ["a"]}, {"required": ["b"]}, {"required": ["c"]}]},
            {"a": 1, "c": 1},
            {"operatorName": "oneOf", "reason": "more than one subschema matched", "matchingSchemaIndexes": [0, 2]},
        ),
        (
            {"dependencies": {"a": ["b"]}},
            {"a": 1},
            {"operatorName": "dependencies", "failingDependencies": [{"conditionalProperty": "a", "missingProperties": ["b"]}]},
        ),
        (
            {"properties": {"a": {}}, "additionalProperties": {"minimum": 5}},
            {"a": 1, "b": 6, "c": 1},
            {
                "operatorName": "additionalProperties",
                "reason": "at least one additional property did not match the subschema",
                "failingProperty": "c",
                "details": [leaf("minimum", {"minimum": 5}, "comparison failed", consideredValue=1)],
            },
        ),
        ({"not": {"required": ["a"]}}, {"a": 1}, {"operatorName": "not", "reason": "child expression matched"}),
        (
            {"minProperties": 3},
            {"a": 1},
            leaf("minProperties", {"minProperties": 3}, "specified number of properties was not satisfied", numberOfProperties=1),
        ),
    ],
)
def test_keywords_of_documents(schema: dict[str, Any], document: dict[str, Any], expected: dict[str, Any]) -> None:
    assert rules(schema, document) == [expected]


def test_items_and_their_place() -> None:
    [properties] = rules({"properties": {"a": {"items": {"minimum": 5, "exclusiveMinimum": True}}}}, {"a": [6, 5]})
    [items] = properties["propertiesNotSatisfied"][0]["details"]
    assert (items["operatorName"], items["itemIndex"]) == ("items", 1)
    assert items["details"] == [leaf("minimum", {"minimum": 5}, "comparison failed", consideredValue=5)]


SMALL = [leaf("minimum", {"minimum": 5}, "comparison failed", consideredValue=1)]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (
            {"items": [{}, {"minimum": 5}], "additionalItems": {}},
            {"operatorName": "items", "details": [{"itemIndex": 1, "details": SMALL}]},
        ),
        (
            {"items": [{}], "additionalItems": {"minimum": 5}},
            {
                "operatorName": "additionalItems",
                "reason": "At least one additional item did not match the sub-schema",
                "itemIndex": 1,
                "details": SMALL,
            },
        ),
        (
            {"items": [{}, {}], "additionalItems": False},
            leaf("additionalItems", {"additionalItems": False}, "found additional items", additionalItems=[7]),
        ),
        (
            {"uniqueItems": True},
            leaf("uniqueItems", {"uniqueItems": True}, "found a duplicate item", consideredValue=[7, 1, 7], duplicatedValue=7),
        ),
    ],
)
def test_items_by_position(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    [properties] = rules({"properties": {"a": schema}}, {"a": [7, 1, 7]})
    assert properties["propertiesNotSatisfied"][0]["details"] == [expected]


@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [{"minProperties": 5}, {"properties": {"s": {"maxLength": 1}}}]},
        {"allOf": [{"maxProperties": 9}, {"not": {"required": ["s"]}}]},
        {"patternProperties": {"^s": {"pattern": "^x", "enum": [1]}}},
        {"properties": {"l": {"uniqueItems": True, "maxItems": 1, "items": [{"type": "string"}]}}},
        {"dependencies": {"s": {"minProperties": 7}}},
        {"properties": {"n": {"multipleOf": 4}}, "additionalProperties": {"bsonType": "bool"}},
    ],
)
def test_each_keyword_has_its_say(schema: dict[str, Any]) -> None:
    assert all(rule["operatorName"] in schema for rule in rules(schema, {"s": "abc", "l": [1, 1], "n": 6}))
    assert rules(schema, {"s": "abc", "l": [1, 1], "n": 6})
