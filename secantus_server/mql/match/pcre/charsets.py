"""Sets of characters as lists of code point ranges: escapes such as `\\d`, POSIX classes, Unicode properties.

Without `(*UCP)` the escapes and the POSIX classes are about ASCII only.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache

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


def _where(test: Callable[[str], bool]) -> Ranges:
    return _join(code for code in range(LAST + 1) if test(chr(code)))


def _join(codes: Iterable[int]) -> Ranges:
    found: list[tuple[int, int]] = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1] = (found[-1][0], code)
        else:
            found.append((code, code))
    return tuple(found)


@lru_cache(maxsize=64)
def unicode_property(name: str) -> Ranges:
    """The characters with a Unicode property: a general category, a script or one of PCRE's own sets.

    Raises:
        CommandError: 51091 for an unknown name, 238 for a script that is not in `SCRIPTS`.
    """
    if name == "Any":
        return ((0, LAST),)
    if name in ("L&", "LC"):
        return _where(lambda char: unicodedata.category(char) in ("Lu", "Ll", "Lt"))
    if name in ("Xan", "Xwd"):
        return _where(lambda char: unicodedata.category(char)[0] in "LN") + (_of("_") if name == "Xwd" else ())
    if name in ("Xsp", "Xps"):
        return _where(lambda char: unicodedata.category(char)[0] == "Z") + VERTICAL + HORIZONTAL
    if name in SCRIPTS:
        return _where(lambda char: unicodedata.category(char)[0] in "LMN" and unicodedata.name(char, "").startswith(SCRIPTS[name]))
    if name[:1] in "CLMNPSZ" and len(name) in (1, 2) and name.isalpha():
        return _category(name)
    if name.isalpha() and name.istitle():
        raise unsupported(f"the script \\p{{{name}}}")
    raise invalid("unknown property after \\P or \\p")


def _category(name: str) -> Ranges:
    found = _where(lambda char: unicodedata.category(char).startswith(name))
    if not found:
        raise invalid("unknown property after \\P or \\p")
    return found


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
