"""The orders of ideographs. The root order sorts them by radical and strokes, other locales by pronunciation, strokes or character sets.

https://www.mongodb.com/docs/manual/reference/collation-locales-defaults/

A compressed file `han_*.z` lists ideographs in CLDR's order, with three bytes per ideograph. The file contains the first bytes of all
ideographs, then all second bytes, then all third bytes. The first byte contains the code point's bits from the 13th on. The second and
third byte contain the difference from the code point of the previous ideograph with the same first byte. A file is read when a collation
first encounters an ideograph.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable
from functools import cache

from secantus_server.system.files import package_data

ROOT_HAN_ORDER = "unihan"
HAN_ORDERS = {
    "ja": "ja",
    "zh": "pinyin",
    "zh@collation=big5han": "big5han",
    "zh@collation=gb2312han": "gb2312han",
    "zh@collation=pinyin": "pinyin",
    "zh@collation=stroke": "stroke",
    "zh@collation=zhuyin": "zhuyin",
    "zh_Hant": "stroke",
    "zh_Hant@collation=big5han": "big5han",
    "zh_Hant@collation=gb2312han": "gb2312han",
    "zh_Hant@collation=pinyin": "pinyin",
    "zh_Hant@collation=stroke": "stroke",
    "zh_Hant@collation=zhuyin": "zhuyin",
}
"""For each locale, the order whose ideographs precede those of the root order."""

HAN_LEADS = b"\xf0\xf1\xf4"
"""The possible first bytes of the primary weight of an ideograph; three bytes with the code follow.

The last one is for characters that sort like an ideograph of the root order, even if the locale lists that ideograph.
"""

_END = 0x40000
"""A code above that of every ideograph."""
_ROOT_LEAD, _UNLISTED_LEAD = HAN_LEADS[:1], HAN_LEADS[1:2]


def pack(characters: str) -> bytes:
    """Return the compressed content of a `han_*.z` file that lists the given ideographs."""
    last: dict[int, int] = {}
    rows = []
    for code in map(ord, characters):
        block = code >> 12
        rows.append((block, *((code - last.get(block, 0)) & 0xFFFF).to_bytes(2, "big")))
        last[block] = code
    return zlib.compress(b"".join(map(bytes, zip(*rows, strict=True))), 9)


def unpack(packed: bytes) -> list[int]:
    """Return the code points of the ideographs listed in the content of a `han_*.z` file, in the file's order."""
    raw = zlib.decompress(packed)
    size = len(raw) // 3
    last = [0] * 256
    codes = []
    for block, high, low in zip(raw[:size], raw[size : 2 * size], raw[2 * size :], strict=True):
        last[block] = code = last[block] + (high << 8 | low) & 0xFFFF | block >> 4 << 16
        codes.append(code)
    return codes


def listed_ideographs(order: str) -> str:
    """Return the ideographs of an order's `han_*.z` file as a string, in sort order."""
    return "".join(map(chr, unpack(package_data(__package__, f"han_{order}.z"))))


@cache
def _ranks(order: str) -> array[int]:
    """Return an array that maps an ideograph's code point to its rank in an order. The rank is 0 for ideographs that the order does not
    list.
    """
    ranks = array("I", bytes(4 * _END))
    for rank, code in enumerate(unpack(package_data(__package__, f"han_{order}.z")), 1):
        ranks[code] = rank
    return ranks


def han_weights(order: str | None) -> Callable[[bytes], bytes]:
    """Return a function that converts an ideograph's primary weight from the root order to a locale's order.

    Arguments:
        order: a value of `HAN_ORDERS`; None for the root order.
    """

    def weight(primary: bytes) -> bytes:
        code = int.from_bytes(primary[1:], "big")
        if order is not None and primary[0] != HAN_LEADS[2] and (rank := _ranks(order)[code]):
            return rank.to_bytes(3, "big")
        rank = _ranks(ROOT_HAN_ORDER)[code]
        return _ROOT_LEAD + rank.to_bytes(3, "big") if rank else _UNLISTED_LEAD + primary[1:]

    return weight
