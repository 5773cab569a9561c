"""Rejects operators that are allowed only in the filters of queries, not in validators, filters of list commands or array filters.

https://www.mongodb.com/docs/manual/core/schema-validation/#restrictions
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secantus_server.errors import CommandError
from secantus_server.mql.match.parser import NEAR, QUERY_ONLY


def check_operators(filter: dict[str, Any], where: str) -> None:
    """Raise an error if a filter contains an operator that is allowed only in the filters of queries.

    Arguments:
        filter: the filter, before it is parsed.
        where: a description of the filter's purpose, for the error message.

    Raises:
        CommandError: 2, or 5626500 for $near, $nearSphere and $geoNear.
    """
    for key in _keys(filter):
        if key in QUERY_ONLY:
            raise CommandError(5626500 if key in NEAR else 2, f"{key} is not allowed in {where}")


def _keys(value: Any) -> Iterator[str]:
    if type(value) is dict:
        for key, item in value.items():
            yield key
            yield from _keys(item)
    elif type(value) is list:
        for item in value:
            yield from _keys(item)
