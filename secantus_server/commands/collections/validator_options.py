"""The options that make a collection's validator.

https://www.mongodb.com/docs/manual/core/schema-validation/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bson.timestamp import Timestamp

from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match

_ALLOWED = {"validationLevel": ("off", "strict", "moderate"), "validationAction": ("error", "warn", "errorAndLog")}
# What only a query of a collection may use, and MongoDB's code for it.
_FORBIDDEN = {"$where": 2, "$text": 2, "$near": 5626500, "$nearSphere": 5626500, "$geoNear": 5626500}


def check_validation(command: str, option: str, value: str | None) -> None:
    """Hold validationLevel or validationAction to the rules.

    Raises:
        CommandError: 2 BadValue.
    """
    if value is not None and value not in _ALLOWED[option]:
        raise CommandError(2, f"Enumeration value '{value}' for field '{command}.{option}' is not a valid value.")


def check_validator(db: str, name: str, validator: dict[str, Any]) -> None:
    """Hold a validator to the rules.

    Raises:
        CommandError: 72 where there can be none, or the filter is not valid.
    """
    if validator and db in ("admin", "local", "config"):
        raise CommandError(72, f"Document validators are not allowed on collection {db}.{name} in the {db} database")
    if validator and name.startswith("system."):
        raise CommandError(72, f"Document validators not allowed on system collection {db}.{name}")
    check_operators(validator, "a collection validator")
    # What the time is, the validator learns anew at each write.
    parse_match(validator, ParseContext(cluster_time=Timestamp(0, 0)))


def check_operators(filter: dict[str, Any], where: str) -> None:
    """Refuse the operators that make sense in a query of a collection alone.

    Raises:
        CommandError: 2, or 5626500 for $near and its kind.
    """
    for key in _operators(filter):
        if key in _FORBIDDEN:
            raise CommandError(_FORBIDDEN[key], f"{key} is not allowed in {where}")


def _operators(value: Any) -> Iterator[str]:
    if type(value) is dict:
        for key, item in value.items():
            yield key
            yield from _operators(item)
    elif type(value) is list:
        for item in value:
            yield from _operators(item)
