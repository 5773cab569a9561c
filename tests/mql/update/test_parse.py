"""Updates that the parser rejects, with their errors."""

# Messages stay on one line so that they can be searched for.
# ruff: noqa: E501

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.update import parse_update

UNKNOWN = "Unknown modifier: {}. Expected a valid update modifier or pipeline-style update specified as an array"
DATE_TYPE = "The '$type' string field is required to be 'date' or 'timestamp': {$currentDate: {field : {$type: 'date'}}}"

REFUSED = [
    ({"$foo": {"a": 1}}, 9, UNKNOWN.format("$foo")),
    ({"$set": {"a": 1}, "b": 2}, 9, UNKNOWN.format("b")),
    ({"$pushAll": {"a": [1]}}, 9, UNKNOWN.format("$pushAll")),
    ({"$set": 3.14}, 9, "Modifiers operate on fields but we found type double instead. For example: {$mod: {<field>: ...}} not {$set: 3.14}"),
    ({"$set": "x"}, 9, 'Modifiers operate on fields but we found type string instead. For example: {$mod: {<field>: ...}} not {$set: "x"}'),
    ({"$set": {"": 1}}, 56, "An empty update path is not valid."),
    ({"$set": {"a.": 1}}, 56, "The update path 'a.' contains an empty field name, which is not allowed."),
    ({"$set": {"a": 1, "a.b": 2}}, 40, "Updating the path 'a.b' would create a conflict at 'a'"),
    ({"$set": {"a.b": 1}, "$inc": {"a": 2}}, 40, "Updating the path 'a' would create a conflict at 'a'"),
    ({"$set": {"a": 1}, "$unset": {"a": 1}}, 40, "Updating the path 'a' would create a conflict at 'a'"),
    ({"$set": {"a.b": 1, "a.$[]": 2}}, 40, "Updating the path 'a.$[]' would create a conflict at 'a'"),
    ({"$set": {"$": 1}}, 2, "Cannot have positional (i.e. '$') element in the first position in path '$'"),
    ({"$set": {"$[]": 1}}, 2, "Cannot have array filter identifier (i.e. '$[<id>]') element in the first position in path '$[]'"),
    ({"$set": {"a.$.b.$": 1}}, 2, "Too many positional (i.e. '$') elements found in path 'a.$.b.$'"),
    ({"$set": {"a.$[x]": 1}}, 2, "No array filter found for identifier 'x' in path 'a.$[x]'"),
    ({"$inc": {"a": "x"}}, 14, 'Cannot increment with non-numeric argument: {a: "x"}'),
    ({"$mul": {"a": None}}, 14, "Cannot multiply with non-numeric argument: {a: null}"),
    ({"$rename": {"a": 1}}, 2, "The 'to' field for $rename must be a string: a: 1"),
    ({"$rename": {"a": "a"}}, 2, 'The source and target field for $rename must differ: a: "a"'),
    ({"$rename": {"a.$": "b"}}, 2, "The source field for $rename may not be dynamic: a.$"),
    ({"$rename": {"a": "b.$[]"}}, 2, "The destination field for $rename may not be dynamic: b.$[]"),
    ({"$rename": {"a": "b\0"}}, 9867600, "The 'to' field for $rename cannot contain an embedded null byte"),
    ({"$rename": {"a": "b", "c": "b"}}, 40, "Updating the path 'b' would create a conflict at 'b'"),
    ({"$currentDate": {"a": 1}}, 2, "int is not valid type for $currentDate. Please use a boolean ('true') or a $type expression ({$type: 'timestamp/date'})."),
    ({"$currentDate": {"a": {"$type": "Date"}}}, 2, DATE_TYPE),
    ({"$currentDate": {"a": {}}}, 2, DATE_TYPE),
    ({"$currentDate": {"a": {"type": "date"}}}, 2, "Unrecognized $currentDate option: type"),
    ({"$bit": {"a": 1}}, 2, "The $bit modifier is not compatible with a int. You must pass in an embedded document: {$bit: {field: {and/or/xor: #}}"),
    ({"$bit": {"a": {}}}, 2, "You must pass in at least one bitwise operation. The format is: {$bit: {field: {and/or/xor: #}}"),
    ({"$bit": {"a": {"not": 1}}}, 2, "The $bit modifier only supports 'and', 'or', and 'xor', not 'not' which is an unknown operator: { not: 1 }"),
    ({"$bit": {"a": {"and": 1.5}}}, 2, "The $bit modifier field must be an Integer(32/64 bit); a 'double' is not supported here: { and: 1.5 }"),
    ({"$push": {"a": {"$each": 1}}}, 2, "The argument to $each in $push must be an array but it was of type: int"),
    ({"$push": {"a": {"$each": [], "$slice": "x"}}}, 2, "The value for $slice must be an integer value but was given type: string"),
    ({"$push": {"a": {"$each": [], "$position": 1.5}}}, 2, "The value for $position must be an integer value, not of type: double"),
    ({"$push": {"a": {"$each": [], "$sort": 2}}}, 2, "The $sort element value must be either 1 or -1"),
    ({"$push": {"a": {"$each": [], "$sort": {}}}}, 2, "The $sort pattern is empty when it should be a set of fields."),
    ({"$push": {"a": {"$each": [], "$sort": {"b.": 1}}}}, 2, "The $sort field is a dotted field but has an empty part: b."),
    ({"$push": {"a": {"$each": [], "$sort": "x"}}}, 2, "The $sort is invalid: use 1/-1 to sort the whole element, or {field:1/-1} to sort embedded fields"),
    ({"$push": {"a": {"$each": [], "$foo": 1}}}, 2, "Unrecognized clause in $push: $foo"),
    ({"$addToSet": {"a": {"$each": 1}}}, 14, "The argument to $each in $addToSet must be an array but it was of type int"),
    ({"$addToSet": {"a": {"$each": [], "$sort": 1}}}, 2, "Found unexpected fields after $each in $addToSet: { $each: [], $sort: 1 }"),
    ({"$pop": {"a": "x"}}, 9, 'Expected a number in: a: "x"'),
    ({"$pop": {"a": 0.5}}, 9, "Expected an integer: a: 0.5"),
    ({"$pop": {"a": 2}}, 9, "$pop expects 1 or -1, found: 2"),
    ({"$pullAll": {"a": 1}}, 2, "$pullAll requires an array argument but was given a int"),
    ({"a": 1, "$set": {"b": 1}}, 52, "The dollar ($) prefixed field '$set' in '$set' is not allowed in the context of an update's replacement document. Consider using an aggregation pipeline with $replaceWith."),
    ([{"$match": {}}], 72, "$match is not allowed to be used within an update"),
    ([{"$foo": {}}], 40324, "Unrecognized pipeline stage name: '$foo'"),
    ([{"$set": {}, "$unset": "a"}], 40323, "A pipeline stage specification object must contain exactly one field."),
    ("x", 9, "Update argument must be either an object or an array"),
]  # fmt: skip


@pytest.mark.parametrize(("update", "code", "message"), REFUSED, ids=lambda value: str(value)[:60])
def test_refused(update: Any, code: int, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_update(update, ParseContext())
    assert (caught.value.code, caught.value.message) == (code, message)


NEARNESS = "$geoNear, $near, and $nearSphere are not allowed in this context"
SPECIAL = [
    ({"$expr": 1}, 224, "$expr is not allowed in this context"),
    ({"$jsonSchema": {}}, 224, "$jsonSchema is not allowed in this context"),
    ({"$text": {"$search": "a"}}, 2, "$text is not allowed in this context"),
    ({"$where": "1"}, 2, "$where is not allowed in this context"),
    ({"x.b": {"$near": [1, 1]}}, 5626500, NEARNESS),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "code", "message"), [*SPECIAL, ({"$near": [1, 1]}, 5626500, NEARNESS)])
def test_refused_conditions_of_pull(condition: dict[str, Any], code: int, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_update({"$pull": {"a": condition}}, ParseContext())
    assert (caught.value.code, caught.value.message) == (code, message)


REFUSED_FILTERS = [
    ([{"x": 1}], {"$set": {"a": 1}}, 9, "The array filter for identifier 'x' was not used in the update { $set: { a: 1 } }"),
    ([{"x": 1}, {"x.y": 2}], {"$set": {"a.$[x]": 1}}, 9, "Found multiple array filters with the same top-level field name x"),
    ([{"x": 1, "y": 2}], {"$set": {"a.$[x]": 1}}, 9, "Error parsing array filter :: caused by :: Expected a single top-level field name, found 'x' and 'y'"),
    ([{}], {"$set": {"a.$[x]": 1}}, 9, "Cannot use an expression without a top-level field name in arrayFilters"),
    ([{"1x": 1}], {"$set": {"a.$[1x]": 1}}, 2, "Error parsing array filter :: caused by :: The top-level field name must be an alphanumeric string beginning with a lowercase letter, found '1x'"),
    *(([{"x": 1, **special}], {"$set": {"a.$[x]": 1}}, code, message) for special, code, message in SPECIAL),
    ([{"$or": [{"x": 1}, {"$expr": 1}]}], {"$set": {"a.$[x]": 1}}, 224, "$expr is not allowed in this context"),
    ([{"x": 1}], [{"$set": {"a": 1}}], 9, "arrayFilters may not be specified for pipeline-syle updates"),
    ([{"x": 1}], {"a": 1}, 9, "arrayFilters may not be specified for replacement-style updates"),
]  # fmt: skip


@pytest.mark.parametrize(("filters", "update", "code", "message"), REFUSED_FILTERS, ids=lambda value: str(value)[:50])
def test_refused_array_filters(filters: list[Any], update: Any, code: int, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_update(update, ParseContext(), array_filters=filters)
    assert (caught.value.code, caught.value.message) == (code, message)


def test_a_replacement_changes_one_document() -> None:
    with pytest.raises(CommandError) as caught:
        parse_update({"a": 1}, ParseContext(), multi=True)
    assert (caught.value.code, caught.value.message) == (9, "multi update is not supported for replacement-style update")


@pytest.mark.parametrize(
    ("update", "paths"),
    [
        ({"$set": {"a": 1, "b.c": 2}}, {"a", "b.c"}),
        ({"$set": {"a.0.b": 1}, "$inc": {"c.$[].d": 1}}, {"a", "c"}),
        ({"$rename": {"a": "b"}}, {"a", "b"}),
        ({"$set": {"0.a": 1}}, {"0.a"}),
        ({"a": 1}, None),
        ([{"$set": {"a": 1}}], None),
    ],
)
def test_modified_paths(update: Any, paths: set[str] | None) -> None:
    assert parse_update(update, ParseContext()).modified_paths == paths


@pytest.mark.parametrize(("update", "needed"), [({"$set": {"a.$": 1}}, True), ({"$set": {"a.$[]": 1}}, False), ({"a": 1}, False)])
def test_needs_array_index(update: Any, needed: bool) -> None:
    assert parse_update(update, ParseContext()).needs_array_index is needed
