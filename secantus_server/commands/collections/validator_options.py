"""The collection options of schema validation: validator, validationLevel, validationAction.

https://www.mongodb.com/docs/manual/core/schema-validation/
"""

from __future__ import annotations

from typing import Any

from bson.timestamp import Timestamp

from secantus_server.differences import CONSTRAINT_LEVEL
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.mql.match.restricted import check_operators
from secantus_server.version import Release

_ALLOWED = {"validationLevel": ("off", "strict", "moderate"), "validationAction": ("error", "warn", "errorAndLog")}


CONSTRAINT = "constraint"
#: The option of collMod that prepares a collection for the level "constraint".
PREPARED = "prepareConstraintValidationLevel"


def check_validation(command: str, option: str, value: str | None, release: Release) -> None:
    """Check the value of validationLevel or validationAction.

    Raises:
        CommandError: 2 BadValue.
    """
    if value == CONSTRAINT and option == "validationLevel" and release.has(CONSTRAINT_LEVEL):
        return
    if value is not None and value not in _ALLOWED[option]:
        raise CommandError(2, f"Enumeration value '{value}' for field '{command}.{option}' is not a valid value.")


def check_constraint(options: dict[str, Any]) -> None:
    """Check that a collection with the validation level "constraint" has consistent options.

    Raises:
        CommandError: 72 InvalidOptions if there is no validator, or if validationAction is not "error".
    """
    if options.get("validationLevel") != CONSTRAINT:
        return
    if not options.get("validator"):
        raise CommandError(72, "The validation level 'constraint' requires a validator")
    if options.get("validationAction", "error") == "warn":
        raise CommandError(72, "The validation level 'constraint' requires the validation action 'error' or 'errorAndLog'")


def check_validator(db: str, name: str, validator: dict[str, Any], release: Release) -> None:
    """Check a collection's validator, and that the collection may have one.

    Raises:
        CommandError: 72 for a collection that cannot have a validator, or the error of an invalid filter.
    """
    if validator and db in ("admin", "local", "config"):
        raise CommandError(72, f"Document validators are not allowed on collection {db}.{name} in the {db} database")
    if validator and name.startswith("system."):
        raise CommandError(72, f"Document validators not allowed on system collection {db}.{name}")
    check_operators(validator, "a collection validator")
    # Only the errors matter here: each write parses the validator again, with its own current time.
    parse_match(validator, ParseContext(cluster_time=Timestamp(0, 0), clock_ms=lambda: 0, release=release))
