"""The order of every locale compared with ICU's C library, if it is installed.

SECANTUS_ICU_PAIRS is the number of pairs per locale; 100000 takes about ten seconds for each.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import random
import re
from typing import Any
from unicodedata import category

import pytest

from secantus_server.mql.collation import parse_collation
from secantus_server.mql.collation.han import HAN_ORDERS
from secantus_server.mql.collation.locales import RULES, SUPPORTED
from secantus_server.mql.collation.reordering import IDEOGRAPHS, SCRIPTS
from secantus_server.mql.collation.tailoring import tailoring

PAIRS = int(os.environ.get("SECANTUS_ICU_PAIRS", "300"))
LIBRARY = ctypes.util.find_library("icui18n")
COMMON = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ 12-'éüñąœ"
PAIRS_PER_CHOICE = max(25, PAIRS // 200)

ATTRIBUTES: dict[str, tuple[int, dict[Any, int]]] = {
    "backwards": (0, {False: 16, True: 17}),
    "alternate": (1, {"shifted": 20, "non-ignorable": 21}),
    "caseFirst": (2, {"off": 16, "lower": 24, "upper": 25}),
    "caseLevel": (3, {False: 16, True: 17}),
    "normalization": (4, {False: 16, True: 17}),
    "strength": (5, {1: 0, 2: 1, 3: 2, 4: 3, 5: 15}),
    "numericOrdering": (7, {False: 16, True: 17}),
}
"""ICU's number of each option, and of its values."""
MAX_VARIABLE = {"space": 0x1000, "punct": 0x1001}


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

    def _function(self, name: str) -> Any:
        return getattr(self._library, name + self._suffix)

    def set_options(self, options: dict[str, Any]) -> None:
        """Set the options of a collation document."""
        for name, value in options.items():
            if name == "maxVariable":
                self._function("ucol_setMaxVariable")(self._collator, MAX_VARIABLE[value], ctypes.byref(self._status))
            else:
                number, values = ATTRIBUTES[name]
                self._function("ucol_setAttribute")(self._collator, number, values[value], ctypes.byref(self._status))
        assert self._status.value <= 0

    def option(self, name: str) -> Any:
        """Return the value of an option."""
        number, values = ATTRIBUTES[name]
        found = self._function("ucol_getAttribute")(self._collator, number, ctypes.byref(self._status))
        return next(value for value, shown in values.items() if shown == found)

    def sort_key(self, text: str) -> bytes:
        """Return the sort key of a text."""
        encoded = text.encode("utf-16-le", "surrogatepass")
        out = ctypes.create_string_buffer(4096)
        size = self._function("ucol_getSortKey")(self._collator, encoded, len(encoded) // 2, out, len(out))
        return out.raw[:size]


def letters(locale: str) -> list[str]:
    """Return the characters and contractions that make the locale different."""
    changes = tailoring(locale)
    found = [text for text in changes.elements if text < "\U00010000"]
    found += list(re.sub(r"\[[^\]]*\]|[&<=/ ]", "", RULES.get(locale, "")))
    found += [prefix + text for text, prefixes in changes.contexts.items() for prefix in prefixes]
    for script in changes.scripts.split()[:3]:
        if script != IDEOGRAPHS:
            first = ord(SCRIPTS[script][0]) & ~0x7F
            found += [chr(code) for code in range(first, first + 0x80) if category(chr(code)) not in ("Cn", "Co", "Cs")]
    if IDEOGRAPHS in changes.scripts or locale in HAN_ORDERS:
        # All ideographs are too many for a few hundred pairs.
        found += [chr(code) for code in range(0x4E00, 0x9F00, 97)]
        found += list("āáǎàēüǖǘÜ〇々⼀㊀ㄅㄆアぁがガーゝ，가각한㐀㐁丁𠀀豈")
    return found


def pairs(source: random.Random, alphabet: list[str]) -> tuple[str, str]:
    first = source.choices(alphabet, k=source.randint(0, 5))
    if source.random() < 0.5:
        return "".join(first), "".join(source.choices(alphabet, k=source.randint(0, 5)))
    other = [source.choice(alphabet) if source.random() < 0.2 else text.swapcase() if source.random() < 0.3 else text for text in first]
    return "".join(first), "".join(other) + source.choice(["", "a"])


def choice(source: random.Random) -> dict[str, Any]:
    """Return options that are valid together. The first levels are the most common ones."""
    options: dict[str, Any] = {"strength": source.choice([1, 2, 3, 3, 4, 5])}
    for name in ("caseLevel", "numericOrdering", "normalization"):
        if source.random() < 0.25:
            options[name] = source.random() < 0.7
    if source.random() < 0.3:
        options |= {"alternate": source.choice(["shifted", "non-ignorable"]), "maxVariable": source.choice(["space", "punct"])}
    if options["strength"] > 1 and source.random() < 0.2:
        options["backwards"] = True
    if (options["strength"] > 2 or options.get("caseLevel")) and source.random() < 0.3:
        options["caseFirst"] = source.choice(["upper", "lower", "off"])
    return options


def relation(keys: list[bytes]) -> int:
    return (keys[0] > keys[1]) - (keys[0] < keys[1])


needs_icu = pytest.mark.skipif(LIBRARY is None or ".so." not in LIBRARY, reason="ICU is not installed")


@needs_icu
@pytest.mark.parametrize("locale", sorted(SUPPORTED))
def test_order(locale: str) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    source, own = random.Random(seed), letters(locale)
    alphabet = [*COMMON, *(own * (1 + 3 * len(COMMON) // len(own)) if own else [])]
    for _ in range(PAIRS // PAIRS_PER_CHOICE):
        options = choice(source)
        icu, collation = Icu(locale), parse_collation({"locale": locale, **options})
        assert collation is not None
        icu.set_options(options)
        for _ in range(PAIRS_PER_CHOICE):
            texts = pairs(source, alphabet)
            expected, found = [icu.sort_key(text) for text in texts], [collation.sort_key(text) for text in texts]
            assert relation(expected) == relation(found), (options, texts, [text.encode("unicode_escape") for text in texts])


@needs_icu
@pytest.mark.parametrize("locale", sorted(SUPPORTED))
def test_defaults(locale: str) -> None:
    collation, icu = parse_collation({"locale": locale}), Icu(locale)
    assert collation is not None
    document = collation.document()
    assert {name: document[name] for name in ATTRIBUTES} == {name: icu.option(name) for name in ATTRIBUTES}
