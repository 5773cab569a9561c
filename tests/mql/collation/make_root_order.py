"""Generate `secantus_server/mql/collation/root_order.z` from ICU's root collation, which is CLDR's.

usage: python make_root_order.py LIBRARY SUFFIX

LIBRARY is ICU's libicui18n; SUFFIX is the version suffix of its function names, such as 72. Run it only to adopt a new root
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

from secantus_server.mql.collation.order import FIRST_NUMBER, implicit_primary

TARGET = Path(__file__).parents[3] / "secantus_server/mql/collation/root_order.z"
LETTER_ROOM, SECONDARY_ROOM, TERTIARY_ROOM = 12, 64, 8
# Neither needs lines: `make_han_order` writes the order of ideographs, and Hangul syllables decompose.
IDEOGRAPHS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xFA0E, 0xFA29), (0x20000, 0x3FFFF))
HANGUL = ((0xAC00, 0xD7A3),)
COMMON = 0x500
AFTER_IDEOGRAPHS = 0xF300
STRENGTH = 5

Element = tuple[int, int, int]


class Icu:
    """A collator of ICU's C library. https://unicode-org.github.io/icu-docs/apidoc/released/icu4c/ucol_8h.html"""

    def __init__(self, library: str, suffix: str, locale: str = "root") -> None:
        self._library = ctypes.CDLL(library)
        self._suffix = suffix
        self._status = ctypes.c_int(0)
        self._collator = self._pointer("ucol_open", locale.encode(), ctypes.byref(self._status))
        assert self._status.value <= 0, f"ICU has no locale {locale}"

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
            if self.is_assigned(chr(code)) and not skipped and normalize("NFD", chr(code)) == chr(code):
                yield chr(code)

    def is_assigned(self, character: str) -> bool:
        """Return whether ICU's version of Unicode has the character."""
        return self._function("u_charType")(ord(character)) not in (0, 17, 18)

    def contractions(self) -> Iterator[str]:
        """Yield the character sequences that have their own collation elements."""
        found = self._pointer("uset_openEmpty")
        self._function("ucol_getContractionsAndExpansions")(self._collator, found, None, 1, ctypes.byref(self._status))
        return self._strings(found)

    def tailored(self) -> Iterator[str]:
        """Yield the characters and sequences that the locale changes."""
        found = self._pointer("ucol_getTailoredSet", self._collator, ctypes.byref(self._status))
        for number in range(self._function("uset_getRangeCount")(found)):
            first, last = ctypes.c_int(), ctypes.c_int()
            self._function("uset_getItem")(found, number, ctypes.byref(first), ctypes.byref(last), None, 0, ctypes.byref(self._status))
            yield from map(chr, range(first.value, last.value + 1))
        yield from self._strings(found)

    def _strings(self, found: ctypes.c_void_p) -> Iterator[str]:
        buffer, ends = ctypes.create_string_buffer(200), (ctypes.c_int(), ctypes.c_int())
        for number in range(self._function("uset_getItemCount")(found)):
            places = [ctypes.byref(end) for end in ends]
            length = self._function("uset_getItem")(found, number, *places, buffer, 100, ctypes.byref(self._status))
            if length >= 2:
                yield buffer.raw[: length * 2].decode("utf-16-le")

    def rules(self) -> str:
        """Return the rules of the locale, including those that it imports."""
        length = self._function("ucol_getRulesEx")(self._collator, 1, None, 0)
        buffer = ctypes.create_string_buffer(2 * length)
        self._function("ucol_getRulesEx")(self._collator, 1, buffer, length)
        return buffer.raw.decode("utf-16-le")

    def scripts(self) -> list[str]:
        """Return the codes of the scripts that the locale sorts first."""
        codes = (ctypes.c_int32 * 50)()
        count = self._function("ucol_getReorderCodes")(self._collator, codes, len(codes), ctypes.byref(self._status))
        name = self._function("uscript_getShortName")
        name.restype = ctypes.c_char_p
        return [name(code).decode() for code in codes[:count]]

    def level(self, text: str, number: int) -> bytes:
        """Return one level of the text's sort key."""
        self._function("ucol_setAttribute")(self._collator, STRENGTH, number - 1, ctypes.byref(self._status))
        units = text.encode("utf-16-le")
        buffer = ctypes.create_string_buffer(4096)
        length = self._function("ucol_getSortKey")(self._collator, units, len(units) // 2, buffer, len(buffer))
        levels = buffer.raw[: length - 1].split(b"\1")
        return levels[number - 1] if len(levels) >= number else b""


def ideograph_weights(icu: Icu) -> dict[int, int]:
    """Return the numbers that stand for the primary weights of ideographs."""
    codes = (code for first, last in IDEOGRAPHS for code in range(first, last + 1))
    found = (code for code in codes if icu.is_assigned(chr(code)) and normalize("NFD", chr(code)) == chr(code))
    return {icu.elements(chr(code))[0][0]: int.from_bytes(implicit_primary(code), "big") for code in found}


def number_weights(elements: dict[str, list[Element]], ideographs: dict[int, int]) -> dict[str, list[tuple[int, int, int, int]]]:
    """Renumber the weights; the primary ones get gaps after letters, the space and the last currency sign."""
    levels = [sorted({element[level] for found in elements.values() for element in found} - {0} - ideographs.keys()) for level in (0, 1)]
    first, end, number, space = (elements[character][0][0] for character in f"aⰰ{FIRST_NUMBER} ")
    primary, place = {0: 0, **ideographs}, 0x100
    for weight, following in pairwise([*levels[0], 1 << 32]):
        # The replacement character sorts after all ideographs and unassigned characters.
        primary[weight] = place if weight < max(ideographs) else AFTER_IDEOGRAPHS
        place += LETTER_ROOM if first <= weight < end else 2 if weight == space or following == number else 1
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
    TARGET.write_bytes(zlib.compress("\n".join(lines(number_weights(elements, ideograph_weights(icu)))).encode("ascii"), 9))


if __name__ == "__main__":
    main()
