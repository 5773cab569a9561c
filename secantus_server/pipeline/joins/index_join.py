"""The join of a `$lookup` with `localField` and `foreignField`, through an index of the other collection.

Results are cached by value, because outer documents often look up equal values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from secantus_server.bson import decode_stored
from secantus_server.mql.context import Collation
from secantus_server.pipeline._paths import JoinPath

MAX_REMEMBERED_DOCUMENTS = 10_000


class IndexJoin:
    """One execution of a `$lookup` through an index.

    Arguments:
        finder: a function that returns the documents matching one value.
        path: the local field.
        collation: the collation for comparing strings.
    """

    def __init__(self, finder: Callable[[Any], Iterator[bytes]], path: str, collation: Collation | None) -> None:
        self.finder = finder
        self.names = tuple(path.split("."))
        self.path = JoinPath(path, False, collation)
        self.remembered: dict[tuple[bytes, ...], list[bytes]] = {}
        self.room = MAX_REMEMBERED_DOCUMENTS

    def find(self, document: bytes) -> list[bytes]:
        """Return the documents that match any value of the outer document's local field, each document once."""
        keys = tuple(self.path.keys(document))
        found = self.remembered.get(keys)
        if found is None:
            found = self._search(local_values(document, self.names))
            self._remember(keys, found)
        return found

    def _search(self, values: list[Any]) -> list[bytes]:
        if len(values) == 1:
            return list(self.finder(values[0]))
        found: dict[bytes, None] = {}
        for value in values:
            found.update(dict.fromkeys(self.finder(value)))
        return list(found)

    def _remember(self, keys: tuple[bytes, ...], found: list[bytes]) -> None:
        self.room -= len(found) + 1
        if self.room < 0:
            self.remembered.clear()
            self.room = MAX_REMEMBERED_DOCUMENTS
        self.remembered[keys] = found


def local_values(document: bytes, names: tuple[str, ...]) -> list[Any]:
    """Return the values at a path, with the elements of arrays in place of the arrays. Return null if the path has no value.

    Arguments:
        document: the outer document.
        names: the path's components.

    Raises:
        CommandError: 238 if the document has duplicate field names.
    """
    return list(_walk(decode_stored(document), names, 0)) or [None]


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
