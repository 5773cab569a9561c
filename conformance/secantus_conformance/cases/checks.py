"""The named checks of recorded cases. Each tests a condition on one value at a dotted path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secantus_conformance.cases.values import equal
from secantus_conformance.failures import BadTest
from secantus_conformance.unified.values import ABSENT, type_alias


def walk(document: Any, path: str) -> Any:
    """Return the value at a dotted path, in which numbers are array indexes. Return ABSENT if the path does not exist."""
    for part in path.split(".") if path else []:
        if isinstance(document, list):
            document = document[int(part)] if part.isdigit() and int(part) < len(document) else ABSENT
        else:
            document = document.get(part, ABSENT) if isinstance(document, dict) else ABSENT
    return document


def _elements(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# The checks that also accept a missing value.
_OF_ABSENT: dict[str, Callable[..., bool]] = {
    "Exists": lambda value: value is not ABSENT,
    "NotExists": lambda value: value is ABSENT,
    "Ne": lambda value, other: value is ABSENT or not equal(other, value),
    "NotContains": lambda value, key, other: isinstance(value, list) and not _has(value, key, other),
}
_OF_VALUE: dict[str, Callable[..., bool]] = {
    "IsType": lambda value, name: type_alias(value) == name,
    "Eq": lambda value, other: equal(other, value),
    "NonEmptyStr": lambda value: isinstance(value, str) and value != "",
    "OrderedKeys": lambda value, keys: isinstance(value, dict) and list(value) == keys,
    "Len": lambda value, length: len(value) == length,
    "LenGt": lambda value, length: len(value) > length,
    "LenLte": lambda value, length: len(value) <= length,
    "Contains": lambda value, key, other: _has(_elements(value), key, other),
    "HasKey": lambda value, key: isinstance(value, dict) and key in value,
    "ContainsElement": lambda value, other: any(equal(other, item) for item in _elements(value)),
    "Gt": lambda value, other: bool(value > other),
    "Gte": lambda value, other: bool(value >= other),
    "Lte": lambda value, other: bool(value <= other),
}


def _has(items: list[Any], key: str, other: Any) -> bool:
    return any(isinstance(item, dict) and equal(other, item.get(key)) for item in items)


def holds(name: str, value: Any, arguments: list[Any]) -> bool:
    """Return whether a value passes a check. Raise BadTest for an unknown check."""
    if name in _OF_ABSENT:
        return _OF_ABSENT[name](value, *arguments)
    if name not in _OF_VALUE:
        raise BadTest("malformed", f"Unknown check {name!r}.")
    try:
        return value is not ABSENT and _OF_VALUE[name](value, *arguments)
    except TypeError:
        # Values of different types cannot be ordered, and a number has no length. In these cases, the check fails.
        return False
