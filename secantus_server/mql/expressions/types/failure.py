"""The errors of failed conversions. They all have the error code that `onError` handles.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/convert/
"""

from __future__ import annotations

from typing import Any

from secantus_server.errors import CommandError

CONVERSION_FAILURE = 241


def failure(message: str, detail: str = "") -> CommandError:
    """Return the error for a failed conversion. Its text consists of the message, MongoDB's standard text, and the detail."""
    return CommandError(CONVERSION_FAILURE, f"{message} in $convert with no onError value{detail}")


def unsupported(source: str, target: str) -> CommandError:
    """Return the error for an unsupported conversion between two types."""
    return failure(f"Unsupported conversion from {source} to {target}")


def unparsable(text: str, why: str) -> CommandError:
    """Return the error for a string that cannot be parsed as a number.

    Arguments:
        text: the string.
        why: the reason.
    """
    return failure(f"Failed to parse number '{text}'", f": {why}")


def overflow(value: Any) -> CommandError:
    """Return the error for a number that is out of the target type's range."""
    return failure("Conversion would overflow target type", f": {value}")
