"""The root order: which weights each character has in CLDR's root collation.

https://www.unicode.org/reports/tr35/tr35-collation.html#Root_Collation
`root_order.z` holds it compressed, one line for a character, a contraction or a run of characters. It is read when the first
collation is used, and a line is parsed when its character is first met. `tests/mql/collation/make_root_order.py` writes it.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

# Ideographs and characters that have no place of their own follow all others, by code point.
_CORE_HAN_LEAD, _OTHER_HAN_LEAD, _UNASSIGNED_LEAD = b"\xf0", b"\xf1", b"\xf2"
_CORE_HAN = ((0x4E00, 0x9FFF), (0xFA0E, 0xFA29))
_OTHER_HAN = ((0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2EBE0), (0x2EBF0, 0x2EE5D), (0x30000, 0x323AF))

LETTER_ROOM = 12
"""How far apart the primary weights of Latin, Greek and Cyrillic letters are, so that a locale's letters fit between them."""

SECONDARY, TERTIARY = 0x100, 16
"""The weights of a letter without accents, and of one in lower case."""


class Weights(NamedTuple):
    """A collation element: what a character is worth at each level; zero or empty where it is ignored.

    Arguments:
        primary: no element's is the beginning of another's.
        case: 0 for lower case, 1 for mixed, 2 for upper.
    """

    primary: bytes
    secondary: int = SECONDARY
    tertiary: int = TERTIARY
    case: int = 0


Elements = tuple[Weights, ...]


class RootOrder:
    """Looks up the weights of characters and contractions in the root order."""

    def __init__(self, text: str) -> None:
        runs, _, others = text.partition("\n\n")
        self._runs = sorted(_parse_run(line) for line in runs.splitlines())
        self._lines: dict[str, str] = dict([line.split(" ", 1) for line in others.splitlines()])
        self._known: dict[str, Elements] = {}
        self.contractions = {_characters(name) for name in self._lines if "_" in name}
        """Strings of several characters that have weights of their own."""

    def elements(self, characters: str) -> Elements:
        """The weights of a character without canonical decomposition, or of a contraction."""
        found = self._known.get(characters)
        if found is None:
            found = self._known[characters] = self._find(characters)
        return found

    def primary(self, character: str) -> bytes:
        """The first primary weight of a character."""
        return self.elements(character)[0].primary

    def _find(self, characters: str) -> Elements:
        line = self._lines.get("_".join([f"{ord(character):x}" for character in characters]))
        if line is not None:
            return tuple(_parse_weights(word) for word in line.split(" ") if word)
        code = ord(characters)
        run = self._runs[bisect_right(self._runs, (code + 1,)) - 1]
        if run[0] <= code < run[0] + run[1]:
            return (Weights((run[3] + run[2] * (code - run[0])).to_bytes(2, "big")),)
        return (Weights(_implicit_primary(code)),)


def _parse_run(line: str) -> tuple[int, int, int, int]:
    """A run's first character, its length, the step from one primary weight to the next, and the first of them."""
    start, count, step, primary = line.split(" ")
    return int(start, 16), int(count, 16), int(step, 16), int(primary, 16)


def _characters(name: str) -> str:
    return "".join([chr(int(code, 16)) for code in name.split("_")])


def _parse_weights(word: str) -> Weights:
    primary, secondary, tertiary, case = (int(part, 16) if part else 0 for part in (word + "...").split(".")[:4])
    return Weights(primary.to_bytes(2, "big") if primary else b"", secondary, tertiary, case)


def _implicit_primary(code: int) -> bytes:
    lead = _CORE_HAN_LEAD if _within(code, _CORE_HAN) else _OTHER_HAN_LEAD if _within(code, _OTHER_HAN) else _UNASSIGNED_LEAD
    return lead + code.to_bytes(3, "big")


def _within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= code <= last for first, last in ranges)


@lru_cache(maxsize=1)
def root_order() -> RootOrder:
    """The root order, read once."""
    return RootOrder(zlib.decompress(files(__package__).joinpath("root_order.z").read_bytes()).decode("ascii"))
