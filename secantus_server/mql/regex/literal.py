"""Patterns without special characters, for which comparing bytes is quicker than PCRE2."""

from __future__ import annotations

SPECIAL = frozenset("^$.|?*+()[{")


def literal_of(pattern: str, options: str) -> tuple[str | None, bool]:
    """Return the literal text that a pattern matches, or None if it is not a literal, and whether the text must be at the beginning.

    Arguments:
        pattern: PCRE2 syntax.
        options: the option letters.
    """
    if set(options) & set("imx"):
        return None, False
    anchored = pattern.startswith("^")
    literal = ""
    escaped = False
    for character in pattern[anchored:]:
        if escaped:
            # An escaped letter or digit has a special meaning; any other escaped ASCII character matches itself.
            if not character.isascii() or character.isalnum():
                return None, False
        elif character in SPECIAL:
            return None, False
        elif character == "\\":
            escaped = True
            continue
        literal += character
        escaped = False
    return (None, False) if escaped else (literal, anchored)
