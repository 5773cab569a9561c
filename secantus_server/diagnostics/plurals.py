"""Numbers with nouns in texts for people."""

from __future__ import annotations


def counted(count: int, word: str, plural: str = "") -> str:
    """Return a number with a noun, such as `1 document` or `2,000 documents`.

    Arguments:
        plural: the plural of the noun, unless it is formed with an s.
    """
    return f"{count:,} {word if count == 1 else plural or f'{word}s'}"
