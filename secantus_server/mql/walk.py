"""Finds the values at a path in a decoded document. It is for code that is not performance-critical."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def values_at(value: Any, path: list[str]) -> Iterator[Any]:
    """Yield the values at a path, including values inside arrays on the path. Numbers in the path are field names, not array indexes.

    Arguments:
        value: a decoded document.
        path: the components of the path.
    """
    if not path:
        yield value
    elif type(value) is dict:
        if path[0] in value:
            yield from values_at(value[path[0]], path[1:])
    elif type(value) is list:
        for item in value:
            yield from values_at(item, path)
