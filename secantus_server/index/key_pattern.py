"""Helpers for the fields of a key pattern, `{path: direction}`."""

from __future__ import annotations

from typing import Any

from secantus_server.bson.numbers import python_number


def direction(value: Any) -> int:
    """Return 1 or -1 for the direction of a field. A field whose value names an index kind is ascending."""
    return -1 if type(value) is not str and python_number(value) < 0 else 1


def is_wildcard(path: str) -> bool:
    """Return whether a path is a wildcard: `$**`, or `a.$**`."""
    return path == "$**" or path.endswith(".$**")
