"""The keywords `bsonType`, `type` and `enum`."""

from __future__ import annotations

from secantus_server.bson import key_string
from secantus_server.errors import CommandError
from secantus_server.mql.match._schema import EnumRule, Rule, TypeRule
from secantus_server.mql.match.element import NUMBER_CODES, type_codes
from secantus_server.mql.match.json_schema.parser import Keyword, expect, expect_strings, register, wrong_type
from secantus_server.mql.match.schema_values import without_order

# The BSON types of each JSON type that `type` accepts.
JSON_TYPES: dict[str, set[int]] = {
    "array": {4},
    "boolean": {8},
    "null": {10},
    "number": NUMBER_CODES,
    "object": {3},
    "string": {2},
}


@register("bsonType")
def parse_bson_type(keyword: Keyword) -> Rule:
    """Parse `bsonType`, whose value is the name of a BSON type or a list of names."""
    names = _type_names(keyword)
    if "integer" in names:
        raise CommandError(9, "$jsonSchema type 'integer' is not currently supported.")
    return TypeRule(set().union(*(type_codes(item) for item in names)))


@register("type")
def parse_type(keyword: Keyword) -> Rule:
    """Parse `type`, whose value is the name of a JSON type or a list of names."""
    codes: set[int] = set()
    for item in _type_names(keyword):
        if item == "integer":
            raise CommandError(9, "$jsonSchema type 'integer' is not currently supported.")
        if item not in JSON_TYPES:
            raise CommandError(2, f"Unknown type name alias: {item}")
        codes |= JSON_TYPES[item]
    return TypeRule(codes)


def _type_names(keyword: Keyword) -> list[str]:
    if "type" in keyword.schema and "bsonType" in keyword.schema:
        raise CommandError(9, "Cannot specify both $jsonSchema keywords 'type' and 'bsonType'")
    if type(keyword.argument) is list:
        return expect_strings(keyword.name, keyword.argument)
    if type(keyword.argument) is not str:
        raise wrong_type(keyword.name, "either a string or an array of strings", keyword.argument)
    return [keyword.argument]


@register("enum")
def parse_enum(keyword: Keyword) -> Rule:
    """Parse `enum`, which requires that the value is equal to one of the listed values."""
    expect(keyword.name, keyword.argument, list, "an array")
    if not keyword.argument:
        raise CommandError(9, "$jsonSchema keyword 'enum' cannot be an empty array")
    if len({key_string(without_order(value)) for value in keyword.argument}) != len(keyword.argument):
        raise CommandError(9, "$jsonSchema keyword 'enum' array cannot contain duplicate values")
    return EnumRule(keyword.argument)
