"""Conversion of sizes such as "4G" and of durations such as "90s" or "24h"."""

from __future__ import annotations

import re
from typing import Any, Final

from secantus_server.settings import SettingsError

_KILOBYTE: Final = 1024
_SIZES: Final = {"B": 1, "K": _KILOBYTE, "M": _KILOBYTE**2, "G": _KILOBYTE**3, "T": _KILOBYTE**4}
_DURATIONS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_QUANTITY: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")


def megabytes(name: str, value: Any) -> int:
    """Convert a size such as "512M", "4G" or "1.5GB" to megabytes. The units are powers of 1024. The size 0 needs no unit.

    Raises:
        SettingsError: if the value is not a size that is a whole number of megabytes.
    """
    number, unit = _split(value)
    if number == 0:
        return 0
    unit = unit.upper().removesuffix("IB") or unit.upper()
    unit = unit.removesuffix("B") or unit
    if number is None or unit not in _SIZES:
        raise SettingsError(f'{name} must be a size with a unit, such as "512M" or "4G", not {value!r}.')
    size = number * _SIZES[unit]
    if size % _SIZES["M"]:
        raise SettingsError(f"{name} must be a whole number of megabytes, not {value!r}.")
    return int(size // _SIZES["M"])


def seconds(name: str, value: Any) -> int:
    """Convert a duration to seconds. The value is a number of seconds, or a text such as "90s", "10m", "24h" or "7d".

    Raises:
        SettingsError: if the value is not a duration that is a whole number of seconds.
    """
    duration = milliseconds(name, value)
    if duration % 1000:
        raise SettingsError(f"{name} must be a whole number of seconds, not {value!r}.")
    return duration // 1000


def milliseconds(name: str, value: Any) -> int:
    """Convert a duration to milliseconds; see `seconds`.

    Raises:
        SettingsError: if the value is not a duration that is a whole number of milliseconds.
    """
    number, unit = _split(value)
    if number is None or (unit and unit not in _DURATIONS):
        raise SettingsError(f'{name} must be a number of seconds or a duration such as "90s", "10m" or "24h", not {value!r}.')
    duration = number * _DURATIONS[unit or "s"]
    if duration != int(duration):
        raise SettingsError(f"{name} must be a whole number of milliseconds, not {value!r}.")
    return int(duration)


def _split(value: Any) -> tuple[float | None, str]:
    """Split a quantity into its number and its unit. The number is None if the value is not a quantity."""
    if type(value) in (int, float):
        return (float(value), "") if value >= 0 else (None, "")
    match = _QUANTITY.fullmatch(value.strip()) if type(value) is str else None
    return (float(match[1]), match[2]) if match is not None else (None, "")
