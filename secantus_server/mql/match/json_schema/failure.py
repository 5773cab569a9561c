"""Explains why a value is invalid according to a schema. The explanation is part of the `errInfo` of a failed document validation.

Each keyword is parsed and evaluated separately, which is slow. This is acceptable, because it only happens after a failed validation.
https://www.mongodb.com/docs/manual/core/schema-validation/specify-json-schema/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import encode, type_name, values_equal
from secantus_server.mql.match._schema import JsonSchema
from secantus_server.mql.match.json_schema.parser import parse_schema

# The keywords that check nothing on their own.
NOTES = frozenset(["title", "description", "exclusiveMinimum", "exclusiveMaximum"])
# For each keyword, the other keywords that change its meaning and must be evaluated together with it.
COMPANIONS = {
    "minimum": ("exclusiveMinimum",),
    "maximum": ("exclusiveMaximum",),
    "additionalItems": ("items",),
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
        if keyword not in NOTES and not _accepts(_alone(keyword, schema), value)
    ]


def _alone(keyword: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a schema that a keyword is responsible for."""
    rule = {name: schema[name] for name in (keyword, *COMPANIONS.get(keyword, ())) if name in schema}
    if keyword == "additionalItems" and type(rule.get("items")) is list:
        rule["items"] = [{} for _ in rule["items"]]
    elif keyword == "additionalItems":
        rule.pop("items", None)
    return rule


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
    if keyword in ("items", "additionalItems"):
        return {**found, **_items(keyword, argument, schema, value)}
    if keyword == "not":
        return {**found, "reason": "child expression matched"}
    if keyword == "additionalProperties" and type(argument) is dict:
        name = _additional(schema, value)[0]
        reason = "at least one additional property did not match the subschema"
        return {**found, "reason": reason, "failingProperty": name, "details": rules_not_satisfied(argument, value[name])}
    found["specifiedAs"] = {keyword: argument}
    if keyword == "required":
        return {**found, "missingProperties": sorted(name for name in argument if name not in value)}
    if keyword == "additionalProperties":
        return {**found, "additionalProperties": _additional(schema, value)}
    if keyword in ("minProperties", "maxProperties"):
        return {**found, "reason": "specified number of properties was not satisfied", "numberOfProperties": len(value)}
    found |= {"reason": REASONS.get(keyword, "value did not match"), "consideredValue": value}
    if keyword == "uniqueItems":
        found["duplicatedValue"] = next(one for index, one in enumerate(value) if any(values_equal(one, other) for other in value[:index]))
    if keyword in ("bsonType", "type"):
        found["consideredType"] = type_name(value)
    return found


def _items(keyword: str, argument: Any, schema: dict[str, Any], value: list[Any]) -> dict[str, Any]:
    """Explain `items` or `additionalItems`. A list of schemas applies to the first items, `additionalItems` to those after them."""
    if type(argument) is list:
        wrong = [
            {"itemIndex": index, "details": rules_not_satisfied(one, item)}
            for index, (one, item) in enumerate(zip(argument, value, strict=False))
            if not _accepts(one, item)
        ]
        return {"details": wrong}
    first = len(schema["items"]) if keyword == "additionalItems" else 0
    if type(argument) is bool:
        return {"specifiedAs": {keyword: argument}, "reason": "found additional items", keyword: value[first:]}
    index = next(index for index, item in enumerate(value) if index >= first and not _accepts(argument, item))
    what = "additional item" if keyword == "additionalItems" else "item"
    reason = f"At least one {what} did not match the sub-schema"
    return {"reason": reason, "itemIndex": index, "details": rules_not_satisfied(argument, value[index])}


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
