"""Generate `secantus_server/mql/collation/root_order.z` from ICU's root collation, which is CLDR's.

usage: python make_root_order.py LIBRARY SUFFIX

LIBRARY is ICU's libicui18n; SUFFIX is the version suffix of its function names, such as 78. Run it only to adopt a new root
order: the keys of stored indexes depend on the file.
"""

from __future__ import annotations

import ctypes
import sys
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from unicodedata import normalize

TARGET = Path(__file__).parents[3] / "secantus_server/mql/collation/root_order.z"
LETTER_ROOM, SECONDARY_ROOM, TERTIARY_ROOM = 12, 64, 8
# Neither needs lines: ideographs sort by code point, and Hangul syllables decompose.
IDEOGRAPHS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xFA0E, 0xFA29), (0x20000, 0x3FFFF))
HANGUL = ((0xAC00, 0xD7A3),)
COMMON = 0x500

Element = tuple[int, int, int]


class Icu:
    """The root collator of ICU's C library. https://unicode-org.github.io/icu-docs/apidoc/released/icu4c/ucol_8h.html"""

    def __init__(self, library: str, suffix: str) -> None:
        self._library = ctypes.CDLL(library)
        self._suffix = suffix
        self._status = ctypes.c_int(0)
        self._collator = self._pointer("ucol_open", b"root", ctypes.byref(self._status))

    def _function(self, name: str) -> Any:
        return getattr(self._library, f"{name}_{self._suffix}")

    def _pointer(self, name: str, *arguments: Any) -> ctypes.c_void_p:
        function = self._function(name)
        function.restype = ctypes.c_void_p
        return ctypes.c_void_p(function(*arguments))

    def elements(self, text: str) -> list[Element]:
        """Return the collation elements of a text: primary, secondary and tertiary weights, the last with two case bits."""
        units = text.encode("utf-16-le")
        iterator = self._pointer("ucol_openElements", self._collator, units, len(units) // 2, ctypes.byref(self._status))
        found: list[Element] = []
        while (order := self._function("ucol_next")(iterator, ctypes.byref(self._status)) & 0xFFFFFFFF) != 0xFFFFFFFF:
            if order & 0xC0 == 0xC0 and found:
                primary, secondary, tertiary = found.pop()
                found.append((primary | order >> 16, secondary | order >> 8 & 0xFF, tertiary | order & 0x3F))
            else:
                found.append((order & 0xFFFF0000, order & 0xFF00, (order & 0xFF) << 8))
        self._function("ucol_closeElements")(iterator)
        return found

    def characters(self) -> Iterator[str]:
        """Yield the characters that need a line or a run: assigned, without a decomposition, not ideographs."""
        for code in range(0x110000):
            skipped = any(first <= code <= last for first, last in IDEOGRAPHS + HANGUL)
            assigned = self._function("u_charType")(code) not in (0, 17, 18)
            if assigned and not skipped and normalize("NFD", chr(code)) == chr(code):
                yield chr(code)

    def contractions(self) -> Iterator[str]:
        """Yield the character sequences that have their own collation elements."""
        found = self._pointer("uset_openEmpty")
        self._function("ucol_getContractionsAndExpansions")(self._collator, found, None, 1, ctypes.byref(self._status))
        buffer, ends = ctypes.create_string_buffer(200), (ctypes.c_int(), ctypes.c_int())
        for number in range(self._function("uset_getItemCount")(found)):
            places = [ctypes.byref(end) for end in ends]
            length = self._function("uset_getItem")(found, number, *places, buffer, 100, ctypes.byref(self._status))
            if length >= 2:
                yield buffer.raw[: length * 2].decode("utf-16-le")


def number_weights(elements: dict[str, list[Element]]) -> dict[str, list[tuple[int, int, int, int]]]:
    """Renumber the weights. The primary weights get gaps after letters, the space and the last currency sign."""
    levels = [sorted({element[level] for found in elements.values() for element in found} - {0}) for level in (0, 1)]
    first, end, zero, space = (elements[character][0][0] for character in "aⰰ0 ")
    primary, place = {0: 0}, 0x100
    for weight, following in pairwise([*levels[0], 1 << 32]):
        primary[weight] = place
        place += LETTER_ROOM if first <= weight < end else 2 if weight == space or following == zero else 1
    secondary = {0: 0, **{weight: 0x100 + number * SECONDARY_ROOM for number, weight in enumerate(levels[1])}}
    tertiaries = sorted({element[2] & 0x3F3F for found in elements.values() for element in found} - {0})
    tertiary = {0: 0, **{weight: (number + 1) * TERTIARY_ROOM for number, weight in enumerate(tertiaries)}}
    return {text: [(primary[p], secondary[s], tertiary[t & 0x3F3F], t >> 14) for p, s, t in found] for text, found in elements.items()}


def lines(weights: dict[str, list[tuple[int, int, int, int]]]) -> Iterator[str]:
    """Yield the runs of characters with only primary weights in equal steps, an empty line, then one line per remaining character."""
    common = weights["a"][0][1:]
    plain = {ord(text): found[0][0] for text, found in weights.items() if len(text) == 1 and len(found) == 1 and found[0][1:] == common}
    code = 0
    while code < 0x110000:
        if code not in plain:
            code += 1
            continue
        step = plain.get(code + 1, 0) - plain[code]
        step = step if step in (1, LETTER_ROOM) else 1
        count = 1
        while plain.get(code + count) == plain[code] + step * count:
            count += 1
        yield f"{code:x} {count:x} {step:x} {plain[code]:x}"
        code += count
    yield ""
    for text, found in weights.items():
        if len(text) > 1 or ord(text) not in plain:
            shown = (".".join(f"{weight:x}" if weight else "" for weight in element).rstrip(".") for element in found)
            yield f"{'_'.join(f'{ord(character):x}' for character in text)} {' '.join(shown)}"


def main() -> None:
    """Write the file."""
    icu = Icu(*sys.argv[1:3])
    elements = {text: icu.elements(text) for text in [*icu.characters(), *sorted(icu.contractions())]}
    TARGET.write_bytes(zlib.compress("\n".join(lines(number_weights(elements))).encode("ascii"), 9))


if __name__ == "__main__":
    main()
