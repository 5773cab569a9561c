"""What follows a backslash: characters by number or name, classes, assertions and references."""

from __future__ import annotations

from secantus_server.mql.match.pcre.charsets import LAST, Ranges, complement, escape_class, unicode_property
from secantus_server.mql.match.pcre.errors import invalid, unsupported
from secantus_server.mql.match.pcre.reader import Reader

CONTROL = {"a": 7, "e": 27, "f": 12, "n": 10, "r": 13, "t": 9}

# Assertions, and the sets that have no complement; without (*UCP) a word is made of ASCII letters, digits and `_`.
ASSERTIONS = {
    "A": r"\A",
    "z": r"\Z",
    "Z": r"(?=\n?\Z)",
    "G": r"\A",
    "R": "(?:\\r\\n|[\\n-\\r\\x85\\u2028\\u2029])",
    "N": r"[^\n]",
}

UNKNOWN = "unrecognized character follows \\"


def read_character(reader: Reader, letter: str) -> int | None:
    """The code point of an escape that stands for one character, or None if it is another kind of escape.

    Arguments:
        reader: stands behind the letter.
        letter: what follows the backslash.

    Raises:
        CommandError: 51091 for a malformed number.
    """
    if letter in CONTROL:
        return CONTROL[letter]
    if letter == "x":
        return _read_hexadecimal(reader)
    if letter == "o":
        if not reader.accept("{"):
            raise invalid("missing opening brace after \\o")
        return _check_code(reader.until("}", "missing terminating ] for character class"), 8)
    if letter == "0":
        return int("0" + reader.digits("01234567", 2), 8)
    if letter == "c":
        control = reader.take()
        if not control:
            raise invalid("\\c at end of pattern")
        return ord(control.upper()) ^ 64
    return None if letter.isalnum() else ord(letter)


def _read_hexadecimal(reader: Reader) -> int:
    if reader.accept("{"):
        return _check_code(reader.until("}", "non-hex character in \\x{} (closing brace missing?)"), 16)
    return int("0" + reader.digits("0123456789abcdefABCDEF", 2), 16)


def _check_code(digits: str, base: int) -> int:
    try:
        code = int(digits.strip(), base)
    except ValueError:
        raise invalid("non-hex character in \\x{} (closing brace missing?)") from None
    if code > LAST:
        raise invalid("character code point value in \\x{} or \\o{} is too large")
    return code


def read_set(reader: Reader, letter: str, ucp: bool) -> Ranges | None:
    """The characters of `\\d`, `\\p{L}` and the like, or None if it is another kind of escape."""
    if letter in "pP":
        return _read_property(reader, letter == "P")
    return escape_class(letter, ucp)


def _read_property(reader: Reader, negated: bool) -> Ranges:
    if reader.accept("{"):
        name = reader.until("}", "malformed \\P or \\p sequence").strip().replace("_", "").replace(" ", "")
    else:
        name = reader.take()
    if name.startswith("^"):
        name, negated = name[1:], not negated
    if not name:
        raise invalid("malformed \\P or \\p sequence")
    ranges = unicode_property(name)
    return complement(ranges) if negated else ranges


def read_assertion(letter: str, ucp: bool) -> str | None:
    """What `re` writes for an assertion or line-break escape, or None if it is another kind of escape."""
    if letter in "bB":
        return f"\\{letter}" if ucp else f"(?a:\\{letter})"
    return ASSERTIONS.get(letter)


def read_reference(reader: Reader, letter: str, groups: int) -> str | None:
    """What `re` writes for a reference to a group, or None if it is no reference.

    Arguments:
        reader: stands behind the letter.
        letter: what follows the backslash.
        groups: how many groups have been opened before, for relative references.
    """
    if letter in "123456789":
        return f"(?:\\{letter}{reader.digits('0123456789', 2)})"
    if letter == "k":
        return f"(?P={_read_name(reader)})"
    if letter != "g":
        return None
    if reader.peek() in ("<", "'"):
        raise unsupported("calling a group as a subroutine (\\g<...>)")
    name = reader.until("}", "a numbered reference must not be zero") if reader.accept("{") else _read_number(reader)
    if name.lstrip("+-").isdigit():
        number = groups + 1 + int(name) if name.startswith("-") else groups + int(name) if name.startswith("+") else int(name)
        return f"(?:\\{number})"
    return f"(?P={name})"


def _read_number(reader: Reader) -> str:
    sign = reader.take() if reader.peek() in ("-", "+") else ""
    return sign + reader.digits("0123456789", 3)


def _read_name(reader: Reader) -> str:
    closing = {"<": ">", "{": "}", "'": "'"}.get(reader.take())
    if closing is None:
        raise invalid("\\k is not followed by a braced, angle-bracketed, or quoted name")
    return reader.until(closing, "syntax error in subpattern name (missing terminator?)")
