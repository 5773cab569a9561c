"""The interruption check for scans that are never interrupted, such as short lookups, statistics and TTL passes."""

from __future__ import annotations


def never_interrupt() -> None:
    """Do nothing, so that a scan with this check is never interrupted."""
