"""The values of a document that a join looks for: as `JoinPath.keys`, but the values themselves, for an index to be asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secantus_server.bson import decode


def local_values(document: bytes, names: tuple[str, ...]) -> list[Any]:
    """What is at a path, the elements in the place of an array; null if there is nothing.

    Arguments:
        document: the outer document.
        names: the path's components.
    """
    return list(_walk(decode(document), names, 0)) or [None]


def _walk(value: Any, names: tuple[str, ...], index: int) -> Iterator[Any]:
    if index == len(names):
        yield from value if type(value) is list else [value]
    elif type(value) is dict:
        if names[index] in value:
            yield from _walk(value[names[index]], names, index + 1)
    elif type(value) is list:
        for item in value:
            if type(item) is dict:
                yield from _walk(item, names, index)
        position = names[index]
        if position.isascii() and position.isdigit() and int(position) < len(value):
            yield from _walk(value[int(position)], names, index + 1)
