"""Helpers for the fields of a key pattern, `{path: direction}`."""

from __future__ import annotations

from typing import Any

from secantus_server.bson.numbers import python_number


def direction(value: Any) -> int:
    """Return the sort direction of a key pattern's field, 1 or -1. A field with an index kind such as "hashed" is ascending, so the
    result is 1.
    """
    return -1 if type(value) is not str and python_number(value) < 0 else 1


def is_wildcard(path: str) -> bool:
    """Return whether a path is a wildcard, such as `$**` or `a.$**`."""
    return path == "$**" or path.endswith(".$**")
