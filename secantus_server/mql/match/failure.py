"""Explains why a document does not match a filter. The explanation is the `errInfo` of a failed document validation.

Each condition is parsed and evaluated separately, which is slow. This is acceptable, because it only happens after a failed validation.
https://www.mongodb.com/docs/manual/core/schema-validation/handle-invalid-documents/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from secantus_server.bson import encode, type_name
from secantus_server.bson.values import MISSING, Regex
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import parse_expression
from secantus_server.mql.match.json_schema.failure import explain_schema
from secantus_server.mql.match.parser import is_operator_document, parse_match
from secantus_server.mql.walk import values_at

# The reasons for a condition that does not match, and for one that matches although it must not.
REASONS = {
    **dict.fromkeys(("$eq", "$gt", "$gte", "$lt", "$lte"), ("comparison failed", "comparison succeeded")),
    "$ne": ("comparison succeeded", "comparison failed"),
    "$in": ("no matching value found in array", "matching value found in array"),
    "$nin": ("matching value found in array", "no matching value found in array"),
    "$type": ("type did not match", "type did match"),
    "$regex": ("regular expression did not match", "regular expression did match"),
    "$size": ("array length was not equal to given size", "array length was equal to given size"),
    "$elemMatch": ("array did not satisfy the child predicate", "array did satisfy the child predicate"),
    "$all": ("array did not contain all specified values", "array did contain all specified values"),
    "$mod": ("$mod did not evaluate to expected remainder", "$mod did evaluate to expected remainder"),
    **dict.fromkeys(
        ("$bitsAllSet", "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear"),
        ("bitwise operator failed to match", "bitwise operator matched successfully"),
    ),
    "$alwaysFalse": ("expression always evaluates to false", "expression always evaluates to false"),
    "$alwaysTrue": ("expression always evaluates to true", "expression always evaluates to true"),
}
OTHER_REASONS = ("expression did not match", "expression did match")
# The negated operators. They never fail because of a missing field.
NEGATIONS = frozenset(["$ne", "$nin"])
# The operators that test an array as a whole, not also its elements.
WHOLE = frozenset(["$size", "$elemMatch", "$exists", "$all"])
_NUMBERS = ("decimal", "double", "int", "long")
# The types of the values that an operator can match.
EXPECTED_TYPES = {
    "$size": ("array",),
    "$elemMatch": ("array",),
    "$regex": ("regex", "string", "symbol"),
    "$mod": _NUMBERS,
    **dict.fromkeys(("$bitsAllSet", "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear"), ("binData", *_NUMBERS)),
}


def explain_failure(filter: dict[str, Any], document: dict[str, Any], ctx: ParseContext) -> dict[str, Any]:
    """Return the `details` in `errInfo` for a document that does not match a filter.

    Arguments:
        filter: the filter as the user wrote it.
        document: a document that does not match.
        ctx: the context in which the filter was parsed.
    """
    return _explain_filter(filter, _Case(document, encode(document), ctx), False)


class _Case(NamedTuple):
    document: dict[str, Any]
    raw: bytes
    ctx: ParseContext


def _explain_filter(filter: dict[str, Any], case: _Case, matched: bool) -> dict[str, Any]:
    """Explain why a filter matches or does not match. A filter that must not match is a child of `$nor` or `$not`."""
    clauses = list(_clauses(filter))
    if len(clauses) == 1:
        return _explain(*clauses[0], case, matched)
    return {"operatorName": "$and", **_deciding([{name: value} for name, value in clauses], case, matched)}


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


def _deciding(filters: list[dict[str, Any]], case: _Case, matched: bool) -> dict[str, Any]:
    """Explain those of several filters that match, or those that do not."""
    clauses = [
        {"index": index, "details": _explain_filter(part, case, matched)}
        for index, part in enumerate(filters)
        if bool(parse_match(part, case.ctx).matches(case.raw)) is matched
    ]
    return {"clausesSatisfied" if matched else "clausesNotSatisfied": clauses}


def _explain(name: str, value: Any, case: _Case, matched: bool) -> dict[str, Any]:
    if name in ("$and", "$or", "$nor"):
        return {"operatorName": name, **_deciding(value, case, matched is not (name == "$nor"))}
    if name == "$jsonSchema" and not matched:
        return explain_schema(value, case.document)
    if is_operator_document(value) and "$not" in value and not name.startswith("$"):
        return {"operatorName": "$not", "details": _explain_filter({name: value["$not"]}, case, not matched)}
    found: dict[str, Any] = {"operatorName": name, "specifiedAs": {name: value}}
    if name == "$expr":
        result = parse_expression(value, case.ctx).evaluate(case.raw)
        return {**found, "reason": OTHER_REASONS[matched], **({} if result is MISSING else {"expressionResult": result})}
    if name == "$jsonSchema":
        return {**found, "reason": "schema matched"}
    if name.startswith("$"):
        return {**found, "reason": REASONS.get(name, OTHER_REASONS)[matched]}
    return {**found, **_explain_condition(value, list(values_at(case.document, name.split("."))), matched)}


def _explain_condition(condition: Any, values: list[Any], matched: bool) -> dict[str, Any]:
    """Return the operator, the reason and the considered values for a condition on a field.

    Arguments:
        condition: the condition.
        values: the document's values at the field's path.
        matched: whether to explain a match.
    """
    operator = next(iter(condition)) if is_operator_document(condition) else "$regex" if type(condition) is Regex else "$eq"
    if operator == "$exists":
        return {"operatorName": operator, "reason": "path does exist" if values else "path does not exist"}
    if not values and not matched and operator not in NEGATIONS:
        return {"operatorName": operator, "reason": "field was missing"}
    if operator not in WHOLE:
        values = [one for value in values for one in ([*value, value] if type(value) is list else [value])]
    types = sorted({type_name(value) for value in values})
    found: dict[str, Any] = {"operatorName": operator, "reason": REASONS.get(operator, OTHER_REASONS)[matched]}
    expected = EXPECTED_TYPES.get(operator, ())
    if mismatched := bool(expected and not matched and not set(types) & set(expected)):
        found["reason"] = "type did not match"
        found |= {"expectedType": expected[0]} if len(expected) == 1 else {"expectedTypes": list(expected)}
    if types and (mismatched or operator == "$type"):
        found |= {"consideredType": types[0]} if len(types) == 1 else {"consideredTypes": types}
    if len(values) == 1:
        found["consideredValue"] = values[0]
    elif values:
        found["consideredValues"] = values
    return found
