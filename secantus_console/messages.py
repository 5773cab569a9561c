"""The messages of errors as a page shows them."""

from __future__ import annotations

from pymongo.errors import OperationFailure


def message_of(error: Exception) -> str:
    """Return the message of an error, without the driver's copy of the reply."""
    if isinstance(error, OperationFailure) and error.details:
        name = error.details.get("codeName", "")
        return f"{error.details.get('errmsg', error)} (code {error.code}{f' {name}' if name else ''})"
    return str(error)
