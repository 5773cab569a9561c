"""The interruption check for scans that need none, such as short lookups, statistics and TTL passes."""

from __future__ import annotations


def never_interrupt() -> None:
    """Do nothing, so that the scan is never interrupted."""
