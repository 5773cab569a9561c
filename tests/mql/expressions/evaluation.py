"""Helpers that evaluate an expression for a document, and compare values including their types."""

from __future__ import annotations

import math
from typing import Any

import pytest

from secantus_server.bson import encode
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import parse_expression


def evaluate(spec: Any, doc: dict[str, Any] | None = None, ctx: ParseContext | None = None) -> Any:
    """Evaluate an expression."""
    return parse_expression(spec, ctx or ParseContext()).evaluate(encode(doc or {}))


def error_of(spec: Any, doc: dict[str, Any] | None = None, ctx: ParseContext | None = None) -> tuple[int, str]:
    """Return the code and message of the error that an expression raises."""
    with pytest.raises(CommandError) as caught:
        evaluate(spec, doc, ctx)
    return caught.value.code, caught.value.message


def parse_error_of(spec: Any, ctx: ParseContext | None = None) -> tuple[int, str]:
    """Return the code and message of the error that parsing an expression raises."""
    with pytest.raises(CommandError) as caught:
        parse_expression(spec, ctx or ParseContext())
    return caught.value.code, caught.value.message


def same(a: Any, b: Any) -> bool:
    """Return whether two values are equal, including their types and the sign of zero; NaN equals NaN."""
    if type(a) is not type(b):
        return False
    if type(a) is dict:
        return list(a) == list(b) and all(same(a[name], b[name]) for name in a)
    if type(a) is list:
        return len(a) == len(b) and all(map(same, a, b))
    if type(a) is float:
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if hasattr(a, "bid"):
        return bool(a.bid == b.bid) or (a.to_decimal().is_nan() and b.to_decimal().is_nan())
    return bool(a == b)
