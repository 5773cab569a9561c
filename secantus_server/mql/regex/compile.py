"""Compiles a regular expression with its option letters to a `Pattern`."""

from __future__ import annotations

from functools import lru_cache

from secantus_server.errors import CommandError
from secantus_server.mql.regex._pattern import Pattern, PatternError
from secantus_server.mql.regex.literal import literal_of

OPTION_LETTERS = "imsxu"


@lru_cache(maxsize=512)
def compile_pattern(pattern: str, options: str) -> Pattern:
    """Compile a regular expression.

    Arguments:
        pattern: the regular expression in PCRE2's syntax.
        options: any of the letters i, m, s, x and u, in any order.

    Raises:
        CommandError: 2 for a null character, 51108 for an unknown option, 51091 for an invalid pattern, with PCRE2's error text.
    """
    check_options(options)
    if "\0" in pattern:
        raise CommandError(2, "Regular expression cannot contain an embedded null byte")
    literal, anchored = literal_of(pattern, options)
    encoded = None if literal is None else literal.encode("utf-8", "surrogateescape")
    try:
        return Pattern(pattern.encode("utf-8", "surrogateescape"), options, encoded, anchored)
    except PatternError as error:
        raise CommandError(51091, f"Regular expression is invalid: {error}") from error


def check_options(options: str) -> None:
    """Raise an error for option letters that MongoDB does not support.

    Raises:
        CommandError: 51108.
    """
    if "\0" in options:
        raise CommandError(51108, "Regular expression options string cannot contain an embedded null byte")
    for letter in options:
        if letter not in OPTION_LETTERS:
            raise CommandError(51108, f" invalid flag in regex options: {letter}")
