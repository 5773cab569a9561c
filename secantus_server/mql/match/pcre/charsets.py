"""Sets of characters as lists of code point ranges: escapes such as `\\d`, POSIX classes, Unicode properties.

Without `(*UCP)` the escapes and the POSIX classes are about ASCII only.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby

from secantus_server.mql.match.pcre.errors import invalid, unsupported

Ranges = tuple[tuple[int, int], ...]

LAST = sys.maxunicode


def _of(text: str) -> Ranges:
    return tuple((ord(char), ord(char)) for char in text)


DIGIT: Ranges = ((48, 57),)
UPPER: Ranges = ((65, 90),)
LOWER: Ranges = ((97, 122),)
ALPHA: Ranges = UPPER + LOWER
WORD: Ranges = DIGIT + UPPER + _of("_") + LOWER
SPACE: Ranges = ((9, 13), (32, 32))
VERTICAL: Ranges = ((10, 13), (0x85, 0x85), (0x2028, 0x2029))
HORIZONTAL: Ranges = (
    (9, 9),
    (32, 32),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x180E, 0x180E),
    (0x2000, 0x200A),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
)

POSIX: dict[str, Ranges] = {
    "alpha": ALPHA,
    "lower": LOWER,
    "upper": UPPER,
    "alnum": DIGIT + ALPHA,
    "ascii": ((0, 127),),
    "blank": _of("\t "),
    "cntrl": ((0, 31), (127, 127)),
    "digit": DIGIT,
    "graph": ((33, 126),),
    "print": ((32, 126),),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": SPACE,
    "word": WORD,
    "xdigit": (*DIGIT, (65, 70), (97, 102)),
}

# What a POSIX class means with (*UCP); the others stay as they are.
UCP_POSIX = {"alpha": "L", "lower": "Ll", "upper": "Lu", "alnum": "Xan", "space": "Xps", "word": "Xwd", "digit": "Nd"}

# PCRE's own sets, as beginnings of general categories and what else belongs to them.
PROPERTIES: dict[str, tuple[str, ...]] = {
    "L&": ("Lu", "Ll", "Lt"),
    "LC": ("Lu", "Ll", "Lt"),
    "Xan": ("L", "N"),
    "Xwd": ("L", "N"),
    "Xsp": ("Z",),
    "Xps": ("Z",),
}
EXTRA: dict[str, Ranges] = {"Xwd": _of("_"), "Xsp": VERTICAL + HORIZONTAL, "Xps": VERTICAL + HORIZONTAL}

# fmt: off
NAMED_SCRIPTS = (
    "Arabic", "Armenian", "Bengali", "Cyrillic", "Devanagari", "Ethiopic", "Georgian", "Greek", "Gujarati", "Gurmukhi", "Hangul",
    "Hebrew", "Hiragana", "Kannada", "Katakana", "Khmer", "Lao", "Latin", "Malayalam", "Mongolian", "Myanmar", "Sinhala", "Tamil",
    "Telugu", "Thai", "Tibetan",
)
# fmt: on

# Scripts and how the names of their characters begin.
SCRIPTS: dict[str, tuple[str, ...]] = {
    "Han": ("CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH", "IDEOGRAPHIC ITERATION MARK", "IDEOGRAPHIC NUMBER ZERO"),
    **{name: (name.upper() + " ",) for name in NAMED_SCRIPTS},
}


def complement(ranges: Ranges) -> Ranges:
    """All characters that are not in the ranges."""
    found = []
    next_start = 0
    for low, high in sorted(ranges):
        if low > next_start:
            found.append((next_start, low - 1))
        next_start = max(next_start, high + 1)
    if next_start <= LAST:
        found.append((next_start, LAST))
    return tuple(found)


@lru_cache(maxsize=1)
def _categories() -> dict[str, list[tuple[int, int]]]:
    """The characters of each general category."""
    found: dict[str, list[tuple[int, int]]] = {}
    start = 0
    for category, run in groupby(map(unicodedata.category, map(chr, range(LAST + 1)))):
        end = start + sum(1 for _ in run)
        found.setdefault(category, []).append((start, end - 1))
        start = end
    return found


def _with_category(prefixes: tuple[str, ...]) -> Ranges:
    ranges = [item for category, items in _categories().items() if category.startswith(prefixes) for item in items]
    if not ranges:
        raise invalid("unknown property after \\P or \\p")
    return tuple(sorted(ranges))


def _with_script(name: str) -> Ranges:
    codes = (code for low, high in _with_category(("L", "M", "N")) for code in range(low, high + 1))
    return tuple((code, code) for code in codes if unicodedata.name(chr(code), "").startswith(SCRIPTS[name]))


@lru_cache(maxsize=64)
def unicode_property(name: str) -> Ranges:
    """The characters with a Unicode property: a general category, a script or one of PCRE's own sets.

    Raises:
        CommandError: 51091 for an unknown name, 238 for a script that is not in `SCRIPTS`.
    """
    if name in PROPERTIES:
        return joined((*_with_category(PROPERTIES[name]), *EXTRA.get(name, ())))
    if name == "Any":
        return ((0, LAST),)
    if name in SCRIPTS:
        return joined(_with_script(name))
    if name[:1] in "CLMNPSZ" and len(name) <= 2 and name.isalpha():
        return joined(_with_category((name,)))
    if name.isalpha() and name.istitle():
        raise unsupported(f"the script \\p{{{name}}}")
    raise invalid("unknown property after \\P or \\p")


def joined(ranges: Ranges) -> Ranges:
    """The same characters with neighbouring and overlapping ranges made one."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return tuple(found)


def posix_class(name: str, ucp: bool) -> Ranges:
    """The characters of a POSIX class such as `alpha`; `^alpha` is its complement.

    Raises:
        CommandError: 51091 for an unknown name.
    """
    if name.startswith("^"):
        return complement(posix_class(name[1:], ucp))
    if name not in POSIX:
        raise invalid("unknown POSIX class name")
    return unicode_property(UCP_POSIX[name]) if ucp and name in UCP_POSIX else POSIX[name]


def escape_class(letter: str, ucp: bool) -> Ranges | None:
    """The characters of `\\d`, `\\w`, `\\s`, `\\h`, `\\v` and their complements, or None for another letter."""
    plain = {"d": DIGIT, "w": WORD, "s": SPACE, "h": HORIZONTAL, "v": VERTICAL}.get(letter.lower())
    if plain is None:
        return None
    if ucp and letter.lower() in "dws":
        plain = unicode_property({"d": "Nd", "w": "Xwd", "s": "Xps"}[letter.lower()])
    return complement(plain) if letter.isupper() else plain


def write_char(code: int) -> str:
    """A character for a pattern of `re`, inside or outside a class."""
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return chr(code) if code < 128 and chr(code).isalnum() else f"\\u{code:04x}"


def write_ranges(ranges: Iterable[tuple[int, int]]) -> str:
    """Ranges for the inside of a class."""
    return "".join(write_char(low) if low == high else f"{write_char(low)}-{write_char(high)}" for low, high in ranges)
