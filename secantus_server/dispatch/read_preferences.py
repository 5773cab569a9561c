"""The read preference of a command, the field `$readPreference`.

https://www.mongodb.com/docs/manual/core/read-preference/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.dispatch.argument_values import as_document, wrong_type
from secantus_server.errors import CommandError

_MODES = frozenset(["primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"])


def as_read_preference(name: str, value: Any) -> dict[str, Any]:
    """Check that the value is a read preference.

    Raises:
        CommandError: 14 for a wrong type, 9 FailedToParse for an unknown or missing mode, 2 BadValue for tags with the mode `primary`.
    """
    preference = as_document(name, value)
    mode = preference.get("mode", "")
    if type(mode) is not str:
        raise wrong_type(f"{name}.mode", mode, "string")
    if mode not in _MODES:
        text = "Only the modes 'primary', 'primaryPreferred', 'secondary', 'secondaryPreferred', and 'nearest' are supported."
        raise CommandError(9, f"Could not parse $readPreference mode '{mode}'. {text}")
    tags = preference.get("tags")
    if tags is not None:
        _check_tags(f"{name}.tags", tags, mode)
    return preference


def _check_tags(name: str, tags: Any, mode: str) -> None:
    if type(tags) is not list:
        raise wrong_type(name, tags, "array")
    for tag in tags:
        if type(tag) is not dict:
            raise CommandError(14, f"Elements of field '{name}' must be documents, found '{type_name(tag)}'")
    if mode == "primary" and any(tags):
        raise CommandError(2, "Only empty tags are allowed with primary read preference")
