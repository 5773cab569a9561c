"""Refuses the operators that are allowed only in the filter of a query, not in validators, filters of list commands or array filters.

https://www.mongodb.com/docs/manual/core/schema-validation/#restrictions
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secantus_server.errors import CommandError

_CODES = {"$where": 2, "$text": 2, "$near": 5626500, "$nearSphere": 5626500, "$geoNear": 5626500}


def check_operators(filter: dict[str, Any], where: str) -> None:
    """Refuse the operators that only the filter of a query may use.

    Arguments:
        filter: the filter, before it is parsed.
        where: the name of the place where the filter is used, for the error message.

    Raises:
        CommandError: 2, or 5626500 for $near, $nearSphere and $geoNear.
    """
    for key in _keys(filter):
        if key in _CODES:
            raise CommandError(_CODES[key], f"{key} is not allowed in {where}")


def _keys(value: Any) -> Iterator[str]:
    if type(value) is dict:
        for key, item in value.items():
            yield key
            yield from _keys(item)
    elif type(value) is list:
        for item in value:
            yield from _keys(item)
