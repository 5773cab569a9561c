"""Generate the orders of Chinese characters in `secantus_server/mql/collation/` from ICU's rules, which are CLDR's.

usage: python make_han_order.py LIBRARY SUFFIX

LIBRARY is ICU's libicui18n; SUFFIX is the version suffix of its function names, such as 78. Run it only to adopt a new order: the keys of
stored indexes depend on the files.
"""

from __future__ import annotations

import ctypes
import re
import sys
import zlib
from pathlib import Path

TARGET = Path(__file__).parents[3] / "secantus_server/mql/collation"
ORDERS = {"pinyin": b"zh@collation=pinyin", "stroke": b"zh@collation=stroke"}


def rules(library: str, suffix: str, locale: bytes) -> str:
    """Return the rules of a locale."""
    loaded = ctypes.CDLL(library)
    status, length = ctypes.c_int(0), ctypes.c_int32(0)
    opener, reader = getattr(loaded, f"ucol_open_{suffix}"), getattr(loaded, f"ucol_getRules_{suffix}")
    opener.restype, reader.restype = ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint16)
    collator = ctypes.c_void_p(opener(locale, ctypes.byref(status)))
    assert status.value <= 0, f"ICU has no locale {locale.decode()}"
    found = reader(collator, ctypes.byref(length))
    return b"".join(int(found[unit]).to_bytes(2, "little") for unit in range(length.value)).decode("utf-16-le")


def listed(text: str) -> str:
    """Return the characters of the lists that follow the last character of the root order."""
    lists = text.partition("&[last regular]")[2].partition("&")[0]
    # Between the lists are the marks of an index, such as <'\ufdd0A'.
    found = re.sub("'[^']*'", "", lists).replace("<", "").replace("*", "")
    assert "-" not in found, "no list has a range"
    return found


def main() -> None:
    """Write the files."""
    for name, locale in ORDERS.items():
        characters = listed(rules(sys.argv[1], sys.argv[2], locale))
        packed = zlib.compress(characters.encode(), 9)
        (TARGET / f"han_{name}.z").write_bytes(packed)
        print(f"{name}: {len(characters)} characters, {len(packed)} bytes")


if __name__ == "__main__":
    main()
