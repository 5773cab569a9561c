"""Helpers that match documents against filters."""

from __future__ import annotations

from typing import Any

from secantus_server.bson import encode
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import MatchExpression, parse_match


def parse(spec: dict[str, Any], **options: Any) -> MatchExpression:
    """Parse a filter."""
    return parse_match(spec, ParseContext(**options))


def matches(spec: dict[str, Any], doc: dict[str, Any], **options: Any) -> bool:
    """Return whether a document matches a filter."""
    return parse(spec, **options).matches(encode(doc))


def failure(spec: dict[str, Any], **options: Any) -> tuple[int, str]:
    """Return the code and message of a filter's error."""
    try:
        parse(spec, **options)
    except CommandError as error:
        return error.code, error.message
    raise AssertionError(f"{spec} was parsed")
