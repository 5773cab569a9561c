"""The collection options of schema validation: validator, validationLevel, validationAction.

https://www.mongodb.com/docs/manual/core/schema-validation/
"""

from __future__ import annotations

from typing import Any

from bson.timestamp import Timestamp

from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.mql.match.restricted import check_operators

_ALLOWED = {"validationLevel": ("off", "strict", "moderate"), "validationAction": ("error", "warn", "errorAndLog")}


def check_validation(command: str, option: str, value: str | None) -> None:
    """Check validationLevel or validationAction.

    Raises:
        CommandError: 2 BadValue.
    """
    if value is not None and value not in _ALLOWED[option]:
        raise CommandError(2, f"Enumeration value '{value}' for field '{command}.{option}' is not a valid value.")


def check_validator(db: str, name: str, validator: dict[str, Any]) -> None:
    """Check a validator.

    Raises:
        CommandError: 72 for a collection that cannot have one, or the filter is not valid.
    """
    if validator and db in ("admin", "local", "config"):
        raise CommandError(72, f"Document validators are not allowed on collection {db}.{name} in the {db} database")
    if validator and name.startswith("system."):
        raise CommandError(72, f"Document validators not allowed on system collection {db}.{name}")
    check_operators(validator, "a collection validator")
    # Only parsed to check it: each write parses the validator with its own time.
    parse_match(validator, ParseContext(cluster_time=Timestamp(0, 0), clock_ms=lambda: 0))
