"""The test for null, undefined and missing values, which most operators apply to their arguments first."""

from __future__ import annotations

from typing import Any

from secantus_server.bson.values import MISSING, UNDEFINED


def is_nullish(value: Any) -> bool:
    """Return whether a value is null, undefined or missing. Most operators return null for such an argument."""
    return value is None or value is MISSING or value is UNDEFINED
