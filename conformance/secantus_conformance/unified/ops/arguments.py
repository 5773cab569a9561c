"""The conversion of operation arguments from the format to pymongo's names and values."""

from __future__ import annotations

from typing import Any

from pymongo import CursorType, ReturnDocument

from secantus_conformance.failures import BadTest
from secantus_conformance.unified import options
from secantus_conformance.unified.context import TestContext

_CURSOR_TYPES = {
    "nonTailable": CursorType.NON_TAILABLE,
    "tailable": CursorType.TAILABLE,
    "tailableAwait": CursorType.TAILABLE_AWAIT,
}
_RETURN_DOCUMENT = {"before": ReturnDocument.BEFORE, "after": ReturnDocument.AFTER}


def keywords(test: TestContext, arguments: dict[str, Any], *, verbatim: str = "", **renamed: str) -> dict[str, Any]:
    """Return the keyword arguments for a pymongo method.

    Names are converted to snake_case, except names in `verbatim`, which pymongo sends to the server unchanged. `renamed` maps names that
    differ otherwise. Values are converted to pymongo objects. Raise BadTest for an invalid value.
    """
    kept = verbatim.split()
    result = {}
    for name, value in arguments.items():
        python_name = renamed.get(name) or (name if name in kept else options.snake_case(name))
        result[python_name] = convert(test, name, value)
    return result


def convert(test: TestContext, name: str, value: Any) -> Any:
    """Convert the value of one argument to a pymongo object. Raise BadTest for an invalid value."""
    if name == "session":
        return test.entities.session(value)
    if name in options.CONVERTERS:
        return options.CONVERTERS[name](value)
    if name in ("sort", "keys", "hint") and isinstance(value, dict):
        return list(value.items())
    if name == "cursorType":
        return _choice(name, value, _CURSOR_TYPES)
    if name == "returnDocument":
        return _choice(name, str(value).lower(), _RETURN_DOCUMENT)
    return value


def _choice(name: str, value: Any, choices: dict[str, Any]) -> Any:
    if value not in choices:
        raise BadTest("bad-argument", f"{name} cannot be {value!r}.")
    return choices[value]
