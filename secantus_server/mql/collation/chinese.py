"""The orders of Chinese locales. Ideographs sort by pronunciation or by strokes, before all letters.

https://www.mongodb.com/docs/manual/reference/collation-locales-defaults/

The data files list the ideographs in CLDR's order. Ideographs that are not listed follow in the root order. A vowel with a tone mark
precedes the vowel without a mark.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache
from unicodedata import normalize

from secantus_server.mql.collation.order import SECONDARY, Elements, RootOrder, Weights
from secantus_server.system.files import package_data

HAN_ORDERS = {
    "zh": "pinyin",
    "zh@collation=pinyin": "pinyin",
    "zh@collation=stroke": "stroke",
    "zh_Hant": "stroke",
    "zh_Hant@collation=pinyin": "pinyin",
    "zh_Hant@collation=stroke": "stroke",
}
"""The order of the ideographs in each locale."""

_TONES = "\u0304\u0301\u030c\u0300"
_IDEOGRAPH_SIZE = 4
# Kangxi radicals, kanbun, enclosed ideographs.
_VARIANT_BLOCKS = ((0x2F00, 0x2FD6), (0x3190, 0x31A0), (0x3220, 0x3400))
# This lead byte sorts after all ideographs, whose lead bytes are smaller.
_BOPOMOFO_LEAD = b"\xf8"


@cache
def _ideographs(order: str) -> str:
    return zlib.decompress(package_data(__package__, f"han_{order}.z")).decode()


@cache
def _ranks(order: str) -> dict[int, bytes]:
    return {ord(character): rank.to_bytes(3, "big") for rank, character in enumerate(_ideographs(order))}


def _start(root: RootOrder) -> bytes:
    """Return the unused primary weight before the first letter. It is the prefix of the ideographs' weights."""
    return (int.from_bytes(root.primary("a"), "big") - 1).to_bytes(2, "big")


def chinese_weights(locale: str, root: RootOrder) -> Callable[[bytes], bytes]:
    """Return the function that reorders primary weights for a locale of `HAN_ORDERS`."""
    order = HAN_ORDERS[locale]
    ranks, start = _ranks(order), _start(root)
    moves_bopomofo = order == "stroke"
    first, end = root.primary("ㄅ"), root.primary("ꀀ")

    def move(primary: bytes) -> bytes:
        if len(primary) == _IDEOGRAPH_SIZE and primary[0] in (0xF0, 0xF1):
            return start + ranks.get(int.from_bytes(primary[1:], "big"), primary)
        return start + _BOPOMOFO_LEAD + primary if moves_bopomofo and first <= primary < end else primary

    return move


def chinese_elements(locale: str, root: RootOrder) -> dict[str, Elements]:
    """Return the elements that a locale of `HAN_ORDERS` changes: vowels with tones, and listed characters that are not ideographs."""
    found = _variants(root)
    start = _start(root)
    for rank, character in enumerate(_ideographs(HAN_ORDERS[locale])):
        if normalize("NFD", character) == character and not _is_ideograph(character, root):
            found[character] = (Weights(start + rank.to_bytes(3, "big")),)
    for letter in "aeimnou":
        _add_tones(found, root, letter, SECONDARY - len(_TONES))
    _add_tones(found, root, "e\u0302", SECONDARY + 1)
    _add_tones(found, root, "u\u0308", SECONDARY + 1)
    for letter, case in (("u", 0), ("U", 2)):
        found[f"{letter}\u0308"] = (root.elements(letter)[0]._replace(secondary=SECONDARY + 1 + len(_TONES), case=case),)
    return found


def _variants(root: RootOrder) -> dict[str, Elements]:
    """Return the elements of radicals and enclosed ideographs, which sort like the ideographs that they stand for."""
    found: dict[str, Elements] = {}
    for character in (chr(code) for block in _VARIANT_BLOCKS for code in range(*block)):
        plain, elements = normalize("NFKD", character), root.elements(normalize("NFD", character)[0])
        if plain != character and len(elements) == len(plain) and any(len(root.primary(one)) == _IDEOGRAPH_SIZE for one in plain):
            pairs = zip(elements, plain, strict=True)
            found[character] = tuple(weights._replace(primary=root.primary(one)) for weights, one in pairs)
    return found


def _is_ideograph(character: str, root: RootOrder) -> bool:
    primary = root.primary(character)
    return len(primary) == _IDEOGRAPH_SIZE and root.elements(character) == (Weights(primary),)


def _add_tones(found: dict[str, Elements], root: RootOrder, letter: str, secondary: int) -> None:
    """Add a letter with each tone mark, in both cases."""
    for number, tone in enumerate(_TONES):
        for case, text in ((0, letter), (2, letter.upper())):
            own = root.elements(text[0])[0]
            found[text + tone] = (own._replace(secondary=secondary + number, case=case),)
