"""Locales whose own script comes before all others."""

from __future__ import annotations

from collections.abc import Callable

from secantus_server.mql.collation.locales import OWN_SCRIPTS
from secantus_server.mql.collation.order import RootOrder


def own_script(locale: str, root: RootOrder) -> Callable[[bytes], bytes] | None:
    """What a locale does to primary weights: its letters come right after the digits, those before them further back.

    Returns:
        None if the locale leaves the scripts in the root order.
    """
    if locale not in OWN_SCRIPTS:
        return None
    first, end = (int.from_bytes(root.primary(letter), "big") for letter in OWN_SCRIPTS[locale])
    start = int.from_bytes(root.primary("a"), "big")

    def reorder(primary: bytes) -> bytes:
        number = int.from_bytes(primary[:2], "big")
        if not start <= number < end:
            return primary
        moved = number - first + start if number >= first else number + end - first
        return moved.to_bytes(2, "big") + primary[2:]

    return reorder
