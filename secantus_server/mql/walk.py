"""The decoded values at a path, where speed does not matter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def values_at(value: Any, path: list[str]) -> Iterator[Any]:
    """The values at a path; arrays on the way stand for their elements, but are not reached by index.

    Arguments:
        value: a decoded document.
        path: its components.
    """
    if not path:
        yield value
    elif type(value) is dict:
        if path[0] in value:
            yield from values_at(value[path[0]], path[1:])
    elif type(value) is list:
        for item in value:
            yield from values_at(item, path)
