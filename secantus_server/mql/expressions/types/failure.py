"""The errors of conversions, all of the one code that `onError` catches.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/convert/
"""

from __future__ import annotations

from typing import Any

from secantus_server.errors import CommandError

CONVERSION_FAILURE = 241


def failure(message: str, detail: str = "") -> CommandError:
    """A conversion that failed, with MongoDB's words between message and detail."""
    return CommandError(CONVERSION_FAILURE, f"{message} in $convert with no onError value{detail}")


def unsupported(source: str, target: str) -> CommandError:
    """A conversion that does not exist."""
    return failure(f"Unsupported conversion from {source} to {target}")


def unparsable(text: str, why: str) -> CommandError:
    """A string that is no number."""
    return failure(f"Failed to parse number '{text}'", f": {why}")


def overflow(value: Any) -> CommandError:
    """A number that the target type cannot hold."""
    return failure("Conversion would overflow target type", f": {value}")
