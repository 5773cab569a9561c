"""Explains why a document does not match a filter. The explanation is the `errInfo` of a failed document validation.

Each condition is parsed and evaluated separately, which is slow. This is acceptable, because it only happens after a failed validation.
https://www.mongodb.com/docs/manual/core/schema-validation/handle-invalid-documents/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secantus_server.bson import encode, type_name
from secantus_server.bson.values import MISSING, Regex
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import parse_expression
from secantus_server.mql.match.json_schema.failure import explain_schema
from secantus_server.mql.match.parser import is_operator_document, parse_match
from secantus_server.mql.walk import values_at

REASONS = {
    "$eq": "comparison failed",
    "$gt": "comparison failed",
    "$gte": "comparison failed",
    "$lt": "comparison failed",
    "$lte": "comparison failed",
    "$ne": "comparison succeeded",
    "$in": "no matching value found in array",
    "$nin": "matching value found in array",
    "$type": "type did not match",
    "$regex": "regular expression did not match",
    "$size": "array length was not equal to given size",
    "$elemMatch": "array did not satisfy the child predicate",
    "$not": "child expression matched",
}
# The negated operators. They never fail because of a missing field.
NEGATIONS = frozenset(["$ne", "$nin", "$not"])


def explain_failure(filter: dict[str, Any], document: dict[str, Any], ctx: ParseContext) -> dict[str, Any]:
    """Return the `details` in `errInfo` for a document that does not match a filter.

    Arguments:
        filter: the filter as the user wrote it.
        document: a document that does not match.
        ctx: the context in which the filter was parsed.
    """
    clauses = list(_clauses(filter))
    if len(clauses) == 1:
        return _explain(*clauses[0], document, ctx)
    return {"operatorName": "$and", "clausesNotSatisfied": _failing([{name: value} for name, value in clauses], document, ctx)}


def _clauses(filter: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Split a filter into single conditions. Several operators on one field result in several conditions."""
    for name, value in filter.items():
        if name.startswith("$") or not is_operator_document(value):
            yield name, value
            continue
        for operator, argument in value.items():
            if operator == "$regex" and "$options" in value:
                yield name, {"$regex": argument, "$options": value["$options"]}
            elif operator != "$options":
                yield name, {operator: argument}


def _failing(filters: list[dict[str, Any]], document: dict[str, Any], ctx: ParseContext) -> list[dict[str, Any]]:
    raw = encode(document)
    return [
        {"index": index, "details": explain_failure(part, document, ctx)}
        for index, part in enumerate(filters)
        if not parse_match(part, ctx).matches(raw)
    ]


def _explain(name: str, value: Any, document: dict[str, Any], ctx: ParseContext) -> dict[str, Any]:
    if name in ("$and", "$or"):
        return {"operatorName": name, "clausesNotSatisfied": _failing(value, document, ctx)}
    if name == "$jsonSchema":
        return explain_schema(value, document)
    found: dict[str, Any] = {"operatorName": name, "specifiedAs": {name: value}}
    if name == "$expr":
        result = parse_expression(value, ctx).evaluate(encode(document))
        return {**found, "reason": "expression did not match", **({} if result is MISSING else {"expressionResult": result})}
    if name.startswith("$"):
        return {**found, "reason": "child expression matched" if name == "$nor" else "expression did not match"}
    return {**found, **_explain_condition(value, list(values_at(document, name.split("."))))}


def _explain_condition(condition: Any, values: list[Any]) -> dict[str, Any]:
    """Return the operator, the reason and the considered values for a condition that failed.

    Arguments:
        condition: the condition on a field.
        values: the document's values at the field's path.
    """
    operator = next(iter(condition)) if is_operator_document(condition) else "$regex" if type(condition) is Regex else "$eq"
    if operator == "$exists":
        return {"operatorName": operator, "reason": "path does exist" if values else "path does not exist"}
    if not values and operator not in NEGATIONS:
        return {"operatorName": operator, "reason": "field was missing"}
    found: dict[str, Any] = {"operatorName": operator, "reason": REASONS.get(operator, "expression did not match")}
    if len(values) == 1:
        found["consideredValue"] = values[0]
        if operator == "$type":
            found["consideredType"] = type_name(values[0])
    elif values:
        found["consideredValues"] = values
        if operator == "$type":
            found["consideredTypes"] = sorted({type_name(value) for value in values})
    return found
