"""What a scan asks whether to go on, where nothing is to end it: short looks, statistics, passes of the TTL monitor."""

from __future__ import annotations


def uninterrupted() -> None:
    """Go on."""
