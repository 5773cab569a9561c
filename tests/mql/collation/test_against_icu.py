"""The order of every locale compared with ICU's C library, if it is installed.

SECANTUS_ICU_PAIRS is the number of pairs per locale; 100000 takes a few seconds for each locale.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import random
import re
from collections.abc import Callable

import pytest

from secantus_server.mql.collation import parse_collation
from secantus_server.mql.collation.chinese import HAN_ORDERS
from secantus_server.mql.collation.locales import MOVED_SCRIPTS, ROOT_LOCALES, RULES

PAIRS = int(os.environ.get("SECANTUS_ICU_PAIRS", "300"))
STRENGTH = 5
LIBRARY = ctypes.util.find_library("icui18n")
COMMON = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ 12-'éüñąœ"


class Icu:
    """A collator of ICU: https://unicode-org.github.io/icu-docs/apidoc/released/icu4c/ucol_8h.html"""

    def __init__(self, locale: str) -> None:
        assert LIBRARY is not None
        self._library = ctypes.CDLL(LIBRARY)
        self._suffix = re.sub(r".*\.so\.", "_", LIBRARY)
        self._status = ctypes.c_int(0)
        opener = self._function("ucol_open")
        opener.restype = ctypes.c_void_p
        self._collator = ctypes.c_void_p(opener(locale.encode(), ctypes.byref(self._status)))
        assert self._status.value <= 0, f"ICU has no locale {locale}"

    def _function(self, name: str) -> Callable[..., int]:
        found: Callable[..., int] = getattr(self._library, name + self._suffix)
        return found

    def set_strength(self, strength: int) -> None:
        """Set the strength, 1 to 3."""
        self._function("ucol_setAttribute")(self._collator, STRENGTH, strength - 1, ctypes.byref(self._status))

    def sort_key(self, text: str) -> bytes:
        """Return the sort key of a text."""
        encoded = text.encode("utf-16-le", "surrogatepass")
        out = ctypes.create_string_buffer(4096)
        size = self._function("ucol_getSortKey")(self._collator, encoded, len(encoded) // 2, out, len(out))
        return out.raw[:size]


def letters(locale: str) -> str:
    """Return the characters that distinguish the locale."""
    if locale in MOVED_SCRIPTS:
        first, _, _ = MOVED_SCRIPTS[locale]
        return "".join(chr(ord(first) + number) for number in range(30)) + "абвгдαβ"
    if locale in HAN_ORDERS:
        # A few hundred pairs cannot cover all ideographs.
        return "".join(chr(code) for code in range(0x4E00, 0x9F00, 97)) + "āáǎàēüǖǘÜ〇々⼀㊀ㄅアぁ，"
    return "".join(sorted(set(re.sub(r"\[[^\]]*\]|[&<=/ ]", "", RULES.get(locale, "")))))


def pairs(source: random.Random, alphabet: str) -> tuple[str, str]:
    first = "".join(source.choices(alphabet, k=source.randint(0, 5)))
    if source.random() < 0.5:
        return first, "".join(source.choices(alphabet, k=source.randint(0, 5)))
    return first, "".join(letter.swapcase() if source.random() < 0.3 else letter for letter in first) + source.choice(["", "a"])


@pytest.mark.skipif(LIBRARY is None or ".so." not in LIBRARY, reason="ICU is not installed")
@pytest.mark.parametrize("locale", sorted(ROOT_LOCALES | RULES.keys() | MOVED_SCRIPTS.keys() | HAN_ORDERS.keys() | {"en_US_POSIX"}))
def test_order(locale: str) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    source, icu = random.Random(seed), Icu(locale)
    alphabet = COMMON + 3 * letters(locale)
    for strength in (1, 2, 3):
        icu.set_strength(strength)
        collation = parse_collation({"locale": locale, "strength": strength})
        assert collation is not None
        for _ in range(PAIRS // 3):
            one, other = pairs(source, alphabet)
            expected, found = (icu.sort_key(one), icu.sort_key(other)), (collation.sort_key(one), collation.sort_key(other))
            assert (expected[0] < expected[1], expected[0] == expected[1]) == (found[0] < found[1], found[0] == found[1]), (one, other)
