"""The orders of ideographs: by radical and strokes in the root order, by pronunciation, strokes or character sets in other locales.

https://www.mongodb.com/docs/manual/reference/collation-locales-defaults/

A file `han_*.z` lists ideographs in CLDR's order, compressed. It has three bytes per ideograph: the first bytes of all of them, then
the second and the third ones. The first byte is the code's bits from the 13th on; the other two are the difference from the code of
the previous ideograph with the same first byte. A file is read when a collation first meets an ideograph.
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
"""The locales that list ideographs before those of the root order."""

HAN_LEADS = b"\xf0\xf1\xf4"
"""The first bytes of the primary weights of ideographs. The other three are the code. The last one is for characters that sort like an
ideograph in the root order, even if the locale lists the ideograph itself."""

_END = 0x40000
"""The code after the last ideograph."""
_ROOT_LEAD, _UNLISTED_LEAD = HAN_LEADS[:1], HAN_LEADS[1:2]


def pack(characters: str) -> bytes:
    """Return the content of a file."""
    last: dict[int, int] = {}
    rows = []
    for code in map(ord, characters):
        block = code >> 12
        rows.append((block, *((code - last.get(block, 0)) & 0xFFFF).to_bytes(2, "big")))
        last[block] = code
    return zlib.compress(b"".join(map(bytes, zip(*rows, strict=True))), 9)


def unpack(packed: bytes) -> list[int]:
    """Return the codes of a file's characters in their order."""
    raw = zlib.decompress(packed)
    size = len(raw) // 3
    last = [0] * 256
    codes = []
    for block, high, low in zip(raw[:size], raw[size : 2 * size], raw[2 * size :], strict=True):
        last[block] = code = last[block] + (high << 8 | low) & 0xFFFF | block >> 4 << 16
        codes.append(code)
    return codes


def listed_ideographs(order: str) -> str:
    """Return the ideographs of an order."""
    return "".join(map(chr, unpack(package_data(__package__, f"han_{order}.z"))))


@cache
def _ranks(order: str) -> array[int]:
    """Return the place of each ideograph in an order, by its code; 0 if it is not listed."""
    ranks = array("I", bytes(4 * _END))
    for rank, code in enumerate(unpack(package_data(__package__, f"han_{order}.z")), 1):
        ranks[code] = rank
    return ranks


def han_weights(order: str | None) -> Callable[[bytes], bytes]:
    """Return the function that turns an ideograph's primary weight into one that sorts in the order of a locale.

    Arguments:
        order: the order in `HAN_ORDERS`; None for the root order.
    """

    def weight(primary: bytes) -> bytes:
        code = int.from_bytes(primary[1:], "big")
        if order is not None and primary[0] != HAN_LEADS[2] and (rank := _ranks(order)[code]):
            return rank.to_bytes(3, "big")
        rank = _ranks(ROOT_HAN_ORDER)[code]
        return _ROOT_LEAD + rank.to_bytes(3, "big") if rank else _UNLISTED_LEAD + primary[1:]

    return weight
