"""The keywords `minItems`, `maxItems`, `uniqueItems`, `items` and `additionalItems`."""

from __future__ import annotations

from typing import Any

from secantus_server.mql.match._schema import CountRule, ItemsRule, Rule, SizeRule, UniqueRule
from secantus_server.mql.match.json_schema.parser import Keyword, expect, parse_schema, parse_subschema, register, wrong_type
from secantus_server.mql.match.json_schema.strings import parse_limits

ARRAY = 4


@register("minItems", "maxItems")
def parse_items_count(keyword: Keyword) -> Rule:
    """Parse `minItems` or `maxItems`, which limit the number of elements."""
    return SizeRule(ARRAY, *parse_limits(keyword.name, keyword.argument))


@register("uniqueItems")
def parse_unique_items(keyword: Keyword) -> Rule | None:
    """Parse `uniqueItems`. If its value is true, the elements of an array must be distinct."""
    expect(keyword.name, keyword.argument, bool, "a boolean")
    return UniqueRule() if keyword.argument else None


@register("items")
def parse_items(keyword: Keyword) -> Rule:
    """Parse `items`. Its value is one schema for all elements, or a list of schemas for the elements at the corresponding positions."""
    if type(keyword.argument) is dict:
        return ItemsRule([], parse_schema(keyword.argument))
    expect(keyword.name, keyword.argument, list, "an array or an object")
    first = [parse_subschema(keyword.name, item) for item in keyword.argument]
    return ItemsRule(first, parse_others("additionalItems", keyword.schema))


@register("additionalItems")
def parse_additional_items(keyword: Keyword) -> None:
    """Validate `additionalItems`. The value itself is evaluated by the parser of `items`."""
    parse_others(keyword.name, keyword.schema)


def parse_others(name: str, schema: dict[str, Any]) -> Rule | None:
    """Return the rule that `additionalItems` or `additionalProperties` defines, or None if all values are allowed.

    Raises:
        CommandError: 14 if the keyword's value is neither a boolean nor a schema.
    """
    argument = schema.get(name, True)
    if type(argument) is dict:
        return parse_schema(argument)
    if type(argument) is not bool:
        raise wrong_type(name, "either an object or a boolean", argument)
    return None if argument else CountRule([], 1, 1)
