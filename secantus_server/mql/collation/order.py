"""The root order, which consists of each character's weights in CLDR's root collation.

https://www.unicode.org/reports/tr35/tr35-collation.html#Root_Collation

The compressed text file `root_order.z` has one line per character, contraction or run of consecutive characters. The file is read when a
collation is first used, and each line is parsed when its character first occurs. `tests/mql/collation/make_root_order.py` generates the
file.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from secantus_server.system.files import package_data

# Ideographs and unassigned characters sort after all other characters. Their primary weights contain their codes. `reordering` replaces the
# codes of ideographs with ranks.
_CORE_HAN_LEAD, _OTHER_HAN_LEAD, _UNASSIGNED_LEAD = b"\xf0", b"\xf1", b"\xf2"
_CORE_HAN = ((0x4E00, 0x9FFF), (0xFA0E, 0xFA29))
_OTHER_HAN = ((0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2EBE0), (0x2EBF0, 0x2EE5D), (0x30000, 0x323AF))
LETTER_ROOM = 12
"""The gap between the primary weights of Latin, Greek and Cyrillic letters, which leaves room for a locale's additional letters."""

FIRST_NUMBER = "৴"
"""The first character after the currency signs. Before it, there is room for the weights of the numbers of `numericOrdering`."""

SECONDARY, TERTIARY = 0x100, 16
"""The secondary weight of a letter without accents, and the tertiary weight of a lower-case letter."""


class Weights(NamedTuple):
    """A collation element, which consists of a character's weights at each level. A level ignores a character whose weight is zero or
    empty.

    Arguments:
        primary: the primary weight. No primary weight is a prefix of another primary weight.
        case: 0 for lower case, 1 for mixed case, 2 for upper case.
        quaternary: the weight at the fourth level, which only the Japanese locale uses. It is 0 for hiragana and for characters that are
            not kana.
    """

    primary: bytes
    secondary: int = SECONDARY
    tertiary: int = TERTIARY
    case: int = 0
    quaternary: int = 0


Elements = tuple[Weights, ...]


class Tailoring(NamedTuple):
    """The changes that a locale makes to the root order.

    Arguments:
        elements: the new collation elements of characters and contractions.
        contexts: for each character, its collation elements after certain prefixes.
        scripts: the codes of the scripts that sort before all other scripts, separated by spaces.
        han_order: the order of ideographs (see `han`); None for their order in the root order.
    """

    elements: Mapping[str, Elements]
    contexts: Mapping[str, Mapping[str, Elements]] = MappingProxyType({})
    scripts: str = ""
    han_order: str | None = None


class RootOrder:
    """The weights of characters and contractions in the root order."""

    def __init__(self, text: str) -> None:
        runs, _, others = text.partition("\n\n")
        self._runs = sorted(_parse_run(line) for line in runs.splitlines())
        self._lines: dict[str, str] = dict([line.split(" ", 1) for line in others.splitlines()])
        self._known: dict[str, Elements] = {}
        self.contractions = {_characters(name) for name in self._lines if "_" in name}
        """Sequences of several characters that have their own weights."""

    def elements(self, characters: str) -> Elements:
        """Return the collation elements of a contraction, or of a character that has no canonical decomposition."""
        found = self._known.get(characters)
        if found is None:
            found = self._known[characters] = self._find(characters)
        return found

    def primary(self, character: str) -> bytes:
        """Return the primary weight of a character's first collation element."""
        return self.elements(character)[0].primary

    def _find(self, characters: str) -> Elements:
        line = self._lines.get("_".join([f"{ord(character):x}" for character in characters]))
        if line is not None:
            return tuple(_parse_weights(word) for word in line.split(" ") if word)
        code = ord(characters)
        run = self._runs[bisect_right(self._runs, (code + 1,)) - 1]
        if run[0] <= code < run[0] + run[1]:
            return (Weights((run[3] + run[2] * (code - run[0])).to_bytes(2, "big")),)
        return (Weights(implicit_primary(code)),)


def _parse_run(line: str) -> tuple[int, int, int, int]:
    """Parse a line of `root_order.z` that describes a run of consecutive characters.

    Return the first character, the number of characters, the step between primary weights, and the first primary weight.
    """
    start, count, step, primary = line.split(" ")
    return int(start, 16), int(count, 16), int(step, 16), int(primary, 16)


def _characters(name: str) -> str:
    return "".join([chr(int(code, 16)) for code in name.split("_")])


def _parse_weights(word: str) -> Weights:
    primary, secondary, tertiary, case = (int(part, 16) if part else 0 for part in (word + "...").split(".")[:4])
    return Weights(primary.to_bytes(2 if primary < 0x10000 else 4, "big") if primary else b"", secondary, tertiary, case)


def implicit_primary(code: int) -> bytes:
    """Return the primary weight of an ideograph or unassigned character, which is computed from its code point."""
    lead = _CORE_HAN_LEAD if _within(code, _CORE_HAN) else _OTHER_HAN_LEAD if _within(code, _OTHER_HAN) else _UNASSIGNED_LEAD
    return lead + code.to_bytes(3, "big")


def _within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= code <= last for first, last in ranges)


@lru_cache(maxsize=1)
def root_order() -> RootOrder:
    """Return the root order, which is read from its file on the first call."""
    return RootOrder(zlib.decompress(package_data(__package__, "root_order.z")).decode("ascii"))
