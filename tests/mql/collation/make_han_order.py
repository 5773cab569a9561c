"""Generate the orders of ideographs in `secantus_server/mql/collation/` from ICU's rules, which are CLDR's.

usage: python make_han_order.py LIBRARY SUFFIX

LIBRARY is ICU's libicui18n; SUFFIX is the version suffix of its function names, such as 72. Run it only to adopt a new order: the keys of
stored indexes depend on the files.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from unicodedata import normalize

from make_root_order import IDEOGRAPHS, Icu

from secantus_server.mql.collation.han import ROOT_HAN_ORDER, pack, unpack

TARGET = Path(__file__).parents[3] / "secantus_server/mql/collation"
LOCALES = {
    "big5han": "zh@collation=big5han",
    "gb2312han": "zh@collation=gb2312han",
    "ja": "ja",
    "pinyin": "zh@collation=pinyin",
    "stroke": "zh@collation=stroke",
    "zhuyin": "zh@collation=zhuyin",
}


def listed(text: str) -> str:
    """Return the characters of the lists that follow the last character of the root order."""
    lists = text.rpartition("&[last regular]")[2].partition("&")[0]
    # Between the lists are the marks of an index, such as <'\ufdd0A' and <'\ufdd0'ㄅ.
    found = re.sub("'[^']*'[\u3105-\u312f]?", "", lists).replace("<", "").replace("*", "")
    assert "-" not in found, "no list has a range"
    return found


def by_radical(icu: Icu) -> str:
    """Return the ideographs in the root order: by radical and strokes."""
    found = [chr(code) for first, last in IDEOGRAPHS for code in range(first, last + 1) if normalize("NFD", chr(code)) == chr(code)]
    weights = {character: icu.elements(character)[0] for character in found if icu.is_assigned(character)}
    return "".join(sorted(weights, key=lambda character: weights[character]))


def main() -> None:
    """Write the files."""
    library, suffix = sys.argv[1:3]
    orders = {name: listed(Icu(library, suffix, locale).rules()) for name, locale in LOCALES.items()}
    orders[ROOT_HAN_ORDER] = by_radical(Icu(library, suffix))
    for name, characters in orders.items():
        packed = pack(characters)
        assert unpack(packed) == list(map(ord, characters))
        (TARGET / f"han_{name}.z").write_bytes(packed)
        print(f"{name}: {len(characters)} characters, {len(packed)} bytes")


if __name__ == "__main__":
    main()
