"""The test for null, undefined and missing arguments that most operators begin with."""

from __future__ import annotations

from typing import Any

from secantus_server.bson.values import MISSING, UNDEFINED


def is_nullish(value: Any) -> bool:
    """Return whether a value is null, undefined or missing; most operators return null for it."""
    return value is None or value is MISSING or value is UNDEFINED
