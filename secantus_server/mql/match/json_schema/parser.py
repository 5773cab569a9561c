"""The parser of JSON schemas, and the registry of the keywords' parsers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.match._schema import AllRule, Rule


@dataclass(frozen=True)
class Keyword:
    """A keyword of a JSON schema.

    Arguments:
        name: the keyword.
        argument: the keyword's value.
        schema: the whole schema, because some keywords are parsed together.
    """

    name: str
    argument: Any
    schema: dict[str, Any]


KeywordParser = Callable[[Keyword], "Rule | None"]

KEYWORDS: dict[str, KeywordParser] = {}

# Keywords of JSON Schema that MongoDB recognises and rejects.
UNSUPPORTED = frozenset({"$ref", "$schema", "default", "definitions", "format", "id"})


def register(*names: str) -> Callable[[KeywordParser], KeywordParser]:
    """Return a decorator that registers a function as the parser of some keywords.

    The parser returns None for a keyword that checks nothing, or that is evaluated by another keyword's parser.
    """

    def add(parser: KeywordParser) -> KeywordParser:
        for name in names:
            assert name not in KEYWORDS, f"{name} is registered twice"
            KEYWORDS[name] = parser
        return parser

    return add


def parse_schema(schema: dict[str, Any]) -> Rule:
    """Parse a JSON schema and return the rule that it defines.

    Raises:
        CommandError: 9 FailedToParse, 14 TypeMismatch or 2 BadValue, as in MongoDB.
    """
    rules = []
    for name, argument in schema.items():
        if name in UNSUPPORTED:
            raise CommandError(9, f"$jsonSchema keyword '{name}' is not currently supported")
        parser = KEYWORDS.get(name)
        if parser is None:
            raise CommandError(9, f"Unknown $jsonSchema keyword: {name}")
        rule = parser(Keyword(name, argument, schema))
        if rule is not None:
            rules.append(rule)
    return rules[0] if len(rules) == 1 else AllRule(rules)


def expect(name: str, argument: Any, kind: type, wanted: str) -> None:
    """Check that a keyword's argument has the expected type.

    Arguments:
        name: the keyword, for the error message.
        argument: the keyword's value.
        kind: the expected type.
        wanted: the name of the expected type, for the error message.

    Raises:
        CommandError: 14 TypeMismatch.
    """
    if type(argument) is not kind:
        raise wrong_type(name, wanted, argument)


def wrong_type(name: str, wanted: str, found: Any) -> CommandError:
    """Return the error for a keyword's argument that has the wrong type.

    Arguments:
        name: the keyword.
        wanted: the name of the expected type.
        found: the argument.
    """
    return CommandError(14, f"$jsonSchema keyword '{name}' must be {wanted}, but found an element of type {type_name(found)}")


def expect_strings(name: str, items: list[Any]) -> list[str]:
    """Check that the items are distinct strings and that there is at least one item. Return the items.

    Raises:
        CommandError: 14 for an item that is not a string, 9 for an empty list or a duplicate.
    """
    if not items:
        raise CommandError(9, f"$jsonSchema keyword '{name}' cannot be an empty array")
    for item in items:
        if type(item) is not str:
            raise wrong_type(name, "an array of strings", item)
    if len(set(items)) != len(items):
        raise CommandError(9, f"$jsonSchema keyword '{name}' array cannot contain duplicate values")
    return items


def parse_subschema(name: str, argument: Any) -> Rule:
    """Parse a schema that is nested in another schema.

    Arguments:
        name: the property, for the error message.
        argument: the nested schema.

    Raises:
        CommandError: 14 if the argument is not a document, and the errors of `parse_schema`.
    """
    if type(argument) is not dict:
        raise CommandError(14, f"Nested schema for $jsonSchema property '{name}' must be an object")
    return parse_schema(argument)
