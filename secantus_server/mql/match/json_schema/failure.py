"""Explains why a value is invalid according to a schema. The explanation is part of the `errInfo` of a failed document validation.

Each keyword is parsed and evaluated separately, which is slow. This is acceptable, because it only happens after a failed validation.
https://www.mongodb.com/docs/manual/core/schema-validation/specify-json-schema/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import encode, type_name
from secantus_server.mql.match._schema import JsonSchema
from secantus_server.mql.match.json_schema.parser import parse_schema

# The keywords that check nothing on their own.
NOTES = frozenset(["title", "description", "exclusiveMinimum", "exclusiveMaximum", "additionalItems"])
# For each keyword, the other keywords that change its meaning and must be evaluated together with it.
COMPANIONS = {
    "minimum": ("exclusiveMinimum",),
    "maximum": ("exclusiveMaximum",),
    "items": ("additionalItems",),
    "additionalProperties": ("properties", "patternProperties"),
}
REASONS = {
    "bsonType": "type did not match",
    "type": "type did not match",
    "enum": "value was not found in enum",
    "minimum": "comparison failed",
    "maximum": "comparison failed",
    "multipleOf": "considered value is not a multiple of the specified value",
    "minLength": "specified string length was not satisfied",
    "maxLength": "specified string length was not satisfied",
    "pattern": "regular expression did not match",
    "minItems": "array did not match specified length",
    "maxItems": "array did not match specified length",
    "uniqueItems": "found a duplicate item",
    "minProperties": "specified number of properties was not satisfied",
    "maxProperties": "specified number of properties was not satisfied",
    "not": "child expression matched",
}


def explain_schema(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Return the `details` in `errInfo` for a document that is invalid according to a schema.

    Arguments:
        schema: the argument of `$jsonSchema`.
        document: the document.
    """
    return {"operatorName": "$jsonSchema", **_notes(schema), "schemaRulesNotSatisfied": rules_not_satisfied(schema, document)}


def rules_not_satisfied(schema: dict[str, Any], value: Any) -> list[dict[str, Any]]:
    """Return an explanation for each keyword of the schema that rejects the value."""
    return [
        _explain(keyword, argument, schema, value)
        for keyword, argument in schema.items()
        if keyword not in NOTES
        and not _accepts({name: schema[name] for name in (keyword, *COMPANIONS.get(keyword, ())) if name in schema}, value)
    ]


def _accepts(schema: dict[str, Any], value: Any) -> bool:
    wrapped = {"properties": {"value": schema}}
    return bool(JsonSchema(parse_schema(wrapped), wrapped).matches(encode({"value": value})))


def _notes(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: schema[name] for name in ("title", "description") if name in schema}


def _explain(keyword: str, argument: Any, schema: dict[str, Any], value: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"operatorName": keyword}
    if keyword == "properties":
        return {**found, "propertiesNotSatisfied": _properties(argument, value)}
    if keyword == "patternProperties":
        return {**found, "details": _patterns(argument, value)}
    if keyword in ("allOf", "anyOf", "oneOf"):
        return {**found, **_alternatives(keyword, argument, value)}
    if keyword == "dependencies":
        return {**found, "failingDependencies": _dependencies(argument, value)}
    if keyword == "items" and type(argument) is dict:
        index = next(index for index, item in enumerate(value) if not _accepts(argument, item))
        reason = "At least one item did not match the sub-schema"
        return {**found, "reason": reason, "itemIndex": index, "details": rules_not_satisfied(argument, value[index])}
    found["specifiedAs"] = {keyword: argument}
    if keyword == "required":
        return {**found, "missingProperties": sorted(name for name in argument if name not in value)}
    if keyword == "additionalProperties":
        return {**found, "additionalProperties": _additional(schema, value)}
    found |= {"reason": REASONS.get(keyword, "value did not match"), "consideredValue": value}
    if keyword in ("bsonType", "type"):
        found["consideredType"] = type_name(value)
    return found


def _properties(argument: dict[str, Any], value: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"propertyName": name, **_notes(schema), "details": rules_not_satisfied(schema, value[name])}
        for name, schema in argument.items()
        if name in value and not _accepts(schema, value[name])
    ]


def _patterns(argument: dict[str, Any], value: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"propertyName": name, "regexMatched": pattern, "details": rules_not_satisfied(schema, value[name])}
        for pattern, schema in argument.items()
        for name in value
        if not _accepts({"patternProperties": {pattern: schema}}, {name: value[name]})
    ]


def _additional(schema: dict[str, Any], value: dict[str, Any]) -> list[str]:
    rules: dict[str, Any] = {name: schema[name] for name in ("additionalProperties", "patternProperties") if name in schema}
    rules["properties"] = {name: {} for name in schema.get("properties", {})}
    return [name for name in value if not _accepts(rules, {name: value[name]})]


def _alternatives(keyword: str, schemas: list[dict[str, Any]], value: Any) -> dict[str, Any]:
    matching = [index for index, schema in enumerate(schemas) if _accepts(schema, value)]
    if keyword == "oneOf" and matching:
        return {"reason": "more than one subschema matched", "matchingSchemaIndexes": matching}
    return {
        "schemasNotSatisfied": [
            {"index": index, "details": rules_not_satisfied(schema, value)} for index, schema in enumerate(schemas) if index not in matching
        ]
    }


def _dependencies(argument: dict[str, Any], value: dict[str, Any]) -> list[dict[str, Any]]:
    failing = []
    for name, wanted in argument.items():
        if name in value and not _accepts({"dependencies": {name: wanted}}, value):
            found: dict[str, Any] = {"conditionalProperty": name}
            if type(wanted) is list:
                found["missingProperties"] = [other for other in wanted if other not in value]
            else:
                found["details"] = rules_not_satisfied(wanted, value)
            failing.append(found)
    return failing
