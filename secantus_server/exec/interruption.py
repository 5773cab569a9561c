"""The interruption check of scans that cannot be interrupted, such as short lookups, statistics and TTL passes."""

from __future__ import annotations


def never_interrupt() -> None:
    """Do nothing, so that the scan is never interrupted."""
