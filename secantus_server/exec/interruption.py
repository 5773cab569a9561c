"""The interruption check of scans that are never interrupted: short lookups, statistics, TTL passes."""

from __future__ import annotations


def never_interrupt() -> None:
    """Never interrupt."""
