"""The keywords for documents: `properties`, `patternProperties`, `additionalProperties`, `required`, `dependencies`, `minProperties` and
`maxProperties`.
"""

from __future__ import annotations

from typing import Any

from secantus_server.errors import CommandError
from secantus_server.mql.match._schema import AllRule, DependencyRule, PropertiesRule, RequiredRule, Rule, SizeRule
from secantus_server.mql.match.json_schema.arrays import parse_others
from secantus_server.mql.match.json_schema.parser import (
    Keyword,
    expect,
    expect_strings,
    parse_schema,
    parse_subschema,
    register,
    wrong_type,
)
from secantus_server.mql.match.json_schema.strings import parse_limits
from secantus_server.mql.regex import Pattern, compile_pattern

DOCUMENT = 3

FIELD_KEYWORDS = ("properties", "patternProperties", "additionalProperties")


@register(*FIELD_KEYWORDS)
def parse_properties(keyword: Keyword) -> Rule | None:
    """Parse `properties`, `patternProperties` and `additionalProperties` into one rule.

    The rule is returned for whichever of these keywords is first in the schema. For the remaining keywords, return None.
    """
    if keyword.name != next(word for word in keyword.schema if word in FIELD_KEYWORDS):
        return None
    others = parse_others("additionalProperties", keyword.schema)
    return PropertiesRule(_parse_named(keyword.schema), _parse_patterns(keyword.schema), others)


def _parse_named(schema: dict[str, Any]) -> dict[str, Rule]:
    argument = schema.get("properties", {})
    expect("properties", argument, dict, "an object")
    return {name: parse_subschema(name, inner) for name, inner in argument.items()}


def _parse_patterns(schema: dict[str, Any]) -> list[tuple[Pattern, Rule]]:
    argument = schema.get("patternProperties", {})
    expect("patternProperties", argument, dict, "an object")
    return [(_compile(pattern), parse_subschema(pattern, inner)) for pattern, inner in argument.items()]


def _compile(pattern: str) -> Pattern:
    try:
        return compile_pattern(pattern, "")
    except CommandError as error:
        if error.code != 51091:
            raise
        raise CommandError(2, f"Invalid regular expression in $jsonSchema keyword 'patternProperties': {error.message}") from error


@register("required")
def parse_required(keyword: Keyword) -> Rule:
    """Parse `required`, which lists fields that a document must have."""
    expect(keyword.name, keyword.argument, list, "an array")
    return RequiredRule(expect_strings(keyword.name, keyword.argument))


@register("minProperties", "maxProperties")
def parse_properties_count(keyword: Keyword) -> Rule:
    """Parse `minProperties` or `maxProperties`, which limit the number of fields."""
    return SizeRule(DOCUMENT, *parse_limits(keyword.name, keyword.argument))


@register("dependencies")
def parse_dependencies(keyword: Keyword) -> Rule:
    """Parse `dependencies`, which defines a requirement for documents that have a certain field.

    The requirement is a list of additional fields, or a schema according to which the document must be valid.
    """
    expect(keyword.name, keyword.argument, dict, "an object")
    return AllRule([DependencyRule(field, _parse_dependency(field, inner)) for field, inner in keyword.argument.items()])


def _parse_dependency(field: str, argument: Any) -> Rule:
    if type(argument) is dict:
        return parse_schema(argument)
    if type(argument) is not list:
        raise wrong_type(f"dependencies.{field}", "an array or an object", argument)
    return RequiredRule(expect_strings("dependencies", argument))
