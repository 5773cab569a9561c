"""The keywords `minLength`, `maxLength` and `pattern`."""

from __future__ import annotations

from typing import Any

from secantus_server.bson.numbers import INT64_MAX
from secantus_server.mql.match._schema import LengthRule, PatternRule, Rule
from secantus_server.mql.match.json_schema.parser import Keyword, expect, register
from secantus_server.mql.match.numbers import parse_size
from secantus_server.mql.match.regex import regex_match


def parse_limits(name: str, argument: Any) -> tuple[int, int]:
    """Parse the argument of a keyword such as `minLength` or `maxLength`, and return it as a (lower limit, upper limit) pair.

    Raises:
        CommandError: 9 if the argument is not an integer or is negative.
    """
    limit = parse_size(name, argument, code=9)
    return (limit, INT64_MAX) if name.startswith("min") else (0, limit)


@register("minLength", "maxLength")
def parse_length(keyword: Keyword) -> Rule:
    """Parse `minLength` or `maxLength`, which limit the length of a string in characters."""
    return LengthRule(*parse_limits(keyword.name, keyword.argument))


@register("pattern")
def parse_pattern(keyword: Keyword) -> Rule:
    """Parse `pattern`, a PCRE regular expression that may match at any position in the string."""
    expect(keyword.name, keyword.argument, str, "a string")
    return PatternRule(regex_match("", keyword.argument, ""))
