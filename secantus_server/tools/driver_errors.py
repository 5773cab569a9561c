"""The errors of the driver as sentences."""

from __future__ import annotations

from pymongo.errors import OperationFailure


def reason_of(error: Exception) -> str:
    """Return the sentence in an error of the driver, without the server's reply, the timeouts and the list of servers after it."""
    if isinstance(error, OperationFailure) and error.details is not None:
        return str(error.details.get("errmsg", error))
    return str(error).partition(" (configured timeouts")[0].partition(", Timeout: ")[0]
