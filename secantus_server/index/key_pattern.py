"""Helpers for the fields of a key pattern, `{path: direction}`."""

from __future__ import annotations

from typing import Any

from secantus_server.bson.numbers import python_number


def direction(value: Any) -> int:
    """Return the sort direction of a field in a key pattern, 1 or -1. The result is 1 if the field's value names an index kind such as
    "hashed".
    """
    return -1 if type(value) is not str and python_number(value) < 0 else 1


def is_wildcard(path: str) -> bool:
    """Return whether a path is a wildcard, such as `$**` or `a.$**`."""
    return path == "$**" or path.endswith(".$**")
