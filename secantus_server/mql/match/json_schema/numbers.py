"""The keywords `minimum`, `maximum` and `multipleOf`, and the booleans `exclusiveMinimum` and `exclusiveMaximum`."""

from __future__ import annotations

from typing import Any

from secantus_server.bson import compare_values, is_number
from secantus_server.errors import CommandError
from secantus_server.mql.match._comparison import Comparison
from secantus_server.mql.match._schema import MultipleRule, NumberRule, Rule
from secantus_server.mql.match.json_schema.parser import Keyword, expect, register, wrong_type

OPERATORS = {("minimum", False): "$gte", ("minimum", True): "$gt", ("maximum", False): "$lte", ("maximum", True): "$lt"}


def _expect_number(name: str, argument: Any) -> None:
    if not is_number(argument):
        raise wrong_type(name, "a number", argument)


@register("minimum", "maximum")
def parse_bound(keyword: Keyword) -> Rule:
    """Parse `minimum` or `maximum`. The corresponding `exclusive...` keyword determines whether the limit itself is excluded."""
    _expect_number(keyword.name, keyword.argument)
    exclusive = keyword.schema.get("exclusive" + keyword.name.title()) is True
    return NumberRule(Comparison("", OPERATORS[keyword.name, exclusive], keyword.argument))


@register("exclusiveMinimum", "exclusiveMaximum")
def parse_exclusive(keyword: Keyword) -> None:
    """Validate `exclusiveMinimum` or `exclusiveMaximum`. As in draft 4, the value must be a boolean, and its limit must be present."""
    bound = keyword.name.removeprefix("exclusive").lower()
    if bound not in keyword.schema:
        raise CommandError(9, f"$jsonSchema keyword '{bound}' must be a present if {keyword.name} is present")
    expect(keyword.name, keyword.argument, bool, "a boolean")


@register("multipleOf")
def parse_multiple_of(keyword: Keyword) -> Rule:
    """Parse `multipleOf`, whose value must be a positive number."""
    _expect_number(keyword.name, keyword.argument)
    if compare_values(keyword.argument, 0) <= 0:
        raise CommandError(9, f"$jsonSchema keyword '{keyword.name}' must have a positive value")
    return MultipleRule(keyword.argument)
