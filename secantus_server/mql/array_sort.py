"""Sorts an array's elements by their fields, for `$push` with `$sort` and for `$sortArray`.

https://www.mongodb.com/docs/manual/reference/operator/update/sort/

Unlike the sort of a query, this sort compares an array in a field as a whole, and does not traverse arrays on the path to a field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from secantus_server.bson import key_string
from secantus_server.mql.context import Collation

# The sort keys. Each one consists of the field names on a path (none for the whole element), and whether the order is descending.
SortKeys = Sequence[tuple[tuple[str, ...], bool]]


def sort_elements(array: list[Any], keys: SortKeys, collation: Collation | None) -> list[Any]:
    """Return a sorted copy of the array.

    The array is sorted once per key, from the last key to the first. Because each sort is stable, the result is ordered by all keys.
    """
    for names, descending in reversed(keys):
        array = sorted(array, key=_sort_key(names, collation), reverse=descending)
    return array


def _sort_key(names: tuple[str, ...], collation: Collation | None) -> Callable[[Any], bytes]:
    return lambda element: key_string(_part(element, names), collation)


def _part(element: Any, names: tuple[str, ...]) -> Any:
    """Return the value at a path in nested documents, or null if it is missing."""
    for name in names:
        if type(element) is not dict or name not in element:
            return None
        element = element[name]
    return element
