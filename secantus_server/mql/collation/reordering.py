"""Reorders primary weights for locales in which scripts or ideographs have a different order than in the root order.

https://www.unicode.org/reports/tr35/tr35-collation.html#Script_Reordering
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

from secantus_server.mql.collation.han import HAN_LEADS, han_weights
from secantus_server.mql.collation.order import RootOrder

SCRIPTS = {
    "Latn": "L",
    "Grek": "Ω",
    "Cyrl": "Я",
    "Geor": "დ",
    "Armn": "Ա",
    "Hebr": "א",
    "Arab": "ب",
    "Ethi": "አ",
    "Deva": "अ",
    "Beng": "ক",
    "Guru": "ਕ",
    "Gujr": "ક",
    "Orya": "କ",
    "Taml": "க",
    "Telu": "క",
    "Knda": "ಕ",
    "Mlym": "ക",
    "Sinh": "අ",
    "Thai": "ท",
    "Laoo": "ລ",
    "Tibt": "ཀ",
    "Mymr": "က",
    "Khmr": "ក",
    "Mong": "ᠦ",
    "Cher": "Ꮔ",
    "Hang": "가",
    "Kana": "か",
    "Bopo": "ㄅ",
}
"""By script, a letter of it. In CLDR's root order, `SCRIPT_MARK` followed by this letter marks the beginning of the script."""

SCRIPT_MARK = "\ufdd1"
IDEOGRAPHS = "Hani"
_FIRST_IDEOGRAPH = 0xF000


def primary_order(scripts: str, han_order: str | None, root: RootOrder) -> Callable[[bytes], bytes]:
    """Return a function that converts primary weights of the root order to primary weights of a locale.

    Arguments:
        scripts: the codes of the scripts that sort before all other scripts, separated by spaces.
        han_order: the order of ideographs (see `han`); None for their order in the root order.
        root: the root order.
    """
    first, _ = _bounds("Latn", root)
    starts, offsets, prefix = _ranges(scripts.split(), first, root)
    han = han_weights(han_order)

    def order(primary: bytes) -> bytes:
        if not primary:
            return primary
        if primary[0] in HAN_LEADS:
            return prefix + han(primary[:4]) + primary[4:]
        number = int.from_bytes(primary[:2], "big")
        if number < first or number >= _FIRST_IDEOGRAPH:
            return primary
        return (number + offsets[bisect_right(starts, number) - 1]).to_bytes(2, "big") + primary[2:]

    return order


def _ranges(scripts: list[str], first: int, root: RootOrder) -> tuple[list[int], list[int], bytes]:
    """Compute how a reordering of scripts moves primary weights.

    Return the starts of the moved ranges of weights, the offset to add in each range, and the new prefix for the weights of ideographs.
    """
    moved = {script: _bounds(script, root) for script in scripts if script != IDEOGRAPHS}
    place, prefix = first, b""
    ranges: list[tuple[int, int]] = []
    for script in scripts:
        if script == IDEOGRAPHS:
            prefix = place.to_bytes(2, "big")
            place += 1
            continue
        start, end = moved[script]
        ranges.append((start, place - start))
        place += end - start
    start = first
    for moved_start, moved_end in [*sorted(moved.values()), (_FIRST_IDEOGRAPH, _FIRST_IDEOGRAPH)]:
        if start < moved_start:
            ranges.append((start, place - start))
            place += moved_start - start
        start = moved_end
    ranges.sort()
    return [start for start, _ in ranges], [offset for _, offset in ranges], prefix


def _bounds(script: str, root: RootOrder) -> tuple[int, int]:
    """Return the first primary weight of a script in the root order, and the first primary weight of the next script."""
    marks = sorted(int.from_bytes(root.primary(text), "big") for text in root.contractions if text[0] == SCRIPT_MARK)
    start = int.from_bytes(root.primary(SCRIPT_MARK + SCRIPTS[script]), "big")
    return start, marks[bisect_right(marks, start)]
