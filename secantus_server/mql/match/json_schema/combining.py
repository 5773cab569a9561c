"""The keywords `allOf`, `anyOf`, `oneOf` and `not`."""

from __future__ import annotations

from typing import Any

from secantus_server.errors import CommandError
from secantus_server.mql.match._schema import AllRule, CountRule, Rule
from secantus_server.mql.match.json_schema.parser import Keyword, expect, parse_schema, parse_subschema, register


def _parse_alternatives(name: str, argument: Any) -> list[Rule]:
    expect(name, argument, list, "an array")
    if not argument:
        raise CommandError(2, f"$jsonSchema keyword '{name}' must be a non-empty array")
    return [parse_subschema(name, item) for item in argument]


@register("allOf")
def parse_all_of(keyword: Keyword) -> Rule:
    """Parse `allOf`, which requires that the value is valid according to every schema."""
    return AllRule(_parse_alternatives(keyword.name, keyword.argument))


@register("anyOf", "oneOf")
def parse_any_of(keyword: Keyword) -> Rule:
    """Parse `anyOf` or `oneOf`. The value must be valid according to at least one schema (`anyOf`) or exactly one schema (`oneOf`)."""
    children = _parse_alternatives(keyword.name, keyword.argument)
    return CountRule(children, 1, len(children) if keyword.name == "anyOf" else 1)


@register("not")
def parse_not(keyword: Keyword) -> Rule:
    """Parse `not`, which requires that the value is invalid according to the schema."""
    expect(keyword.name, keyword.argument, dict, "an object")
    return CountRule([parse_schema(keyword.argument)], 0, 0)
