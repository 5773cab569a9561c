"""The conversion of errors to messages for pages."""

from __future__ import annotations

from pymongo.errors import OperationFailure


def message_of(error: Exception) -> str:
    """Return the message of an error without the server's reply, which the driver appends."""
    if isinstance(error, OperationFailure) and error.details:
        name = error.details.get("codeName", "")
        return f"{error.details.get('errmsg', error)} (code {error.code}{f' {name}' if name else ''})"
    return str(error)
