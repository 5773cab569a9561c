"""The reordering for locales that sort a script earlier than the root order does."""

from __future__ import annotations

from collections.abc import Callable

from secantus_server.mql.collation.chinese import HAN_ORDERS, chinese_weights
from secantus_server.mql.collation.locales import MOVED_SCRIPTS
from secantus_server.mql.collation.order import RootOrder


def moved_script(locale: str, root: RootOrder) -> Callable[[bytes], bytes] | None:
    """Return the function that reorders primary weights for a locale. One script moves forward; the scripts that it passes move back.

    Returns:
        None if the locale does not reorder scripts.
    """
    if locale in HAN_ORDERS:
        return chinese_weights(locale, root)
    if locale not in MOVED_SCRIPTS:
        return None
    first, end, start = (int.from_bytes(root.primary(letter), "big") for letter in MOVED_SCRIPTS[locale])

    def move(primary: bytes) -> bytes:
        number = int.from_bytes(primary[:2], "big")
        if not start <= number < end:
            return primary
        moved = number - first + start if number >= first else number + end - first
        return moved.to_bytes(2, "big") + primary[2:]

    return move
