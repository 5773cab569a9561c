"""The size limit for strings in expressions.

https://www.mongodb.com/docs/manual/reference/limits/#bson-documents
"""

from __future__ import annotations

from secantus_server.errors import CommandError

MAX_STRING_BYTES = 16 * 1024 * 1024
# A code point has at most four bytes, so a shorter string need not be measured.
_ALWAYS_ALLOWED = MAX_STRING_BYTES // 4


def checked_string(text: str) -> str:
    """Check the size of a string that an expression contains or computes, and return the string.

    Raises:
        CommandError: 16493 if the string has at least 16 MiB.
    """
    if len(text) >= _ALWAYS_ALLOWED and (
        len(text) >= MAX_STRING_BYTES or (not text.isascii() and len(text.encode("utf-8", "surrogateescape")) >= MAX_STRING_BYTES)
    ):
        raise CommandError(16493, "Tried to create string longer than 16MB")
    return text
