"""From a pattern and its option letters to a compiled `re` pattern."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from secantus_server.errors import CommandError
from secantus_server.mql.match.pcre.bounded import BoundedPattern
from secantus_server.mql.match.pcre.errors import invalid, unsupported
from secantus_server.mql.match.pcre.translate import Translator

# The longest pattern that MongoDB takes, in bytes.
MAX_PATTERN = 16384

FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}


@dataclass(frozen=True)
class CompiledPattern:
    """A pattern ready for use.

    Arguments:
        regex: the compiled pattern; `search` finds the first match.
        literal: the only text the pattern looks for, if it has no special character but a leading `^`; else None.
        anchored: whether `literal` has to stand at the beginning.
        keeps: whether the pattern has a `\\K`, which `re` has not: `regex` then matches, but its match starts too early.
    """

    regex: re.Pattern[str] | BoundedPattern
    literal: str | None
    anchored: bool
    keeps: bool


@lru_cache(maxsize=512)
def compile_pattern(pattern: str, options: str) -> CompiledPattern:
    """Compiles a PCRE pattern.

    Arguments:
        pattern: PCRE2 syntax.
        options: any of the letters i, m, s, x and u, in any order.

    Raises:
        CommandError: 2 for a NUL, 51108 for an unknown option, 51091 for an invalid pattern, 238 for a construct that
            cannot be translated.
    """
    check_options(options)
    if "\0" in pattern:
        raise CommandError(2, "Regular expression cannot contain an embedded null byte")
    if len(pattern.encode("utf-8", "surrogateescape")) > MAX_PATTERN:
        raise invalid("regular expression is too large")
    translator = Translator(pattern, extended="x" in options, caseless="i" in options)
    text = translator.translate()
    is_literal = translator.literal is not None and not set(options) & set("imx")
    compiled = _compile(text, options)
    return CompiledPattern(
        regex=BoundedPattern(compiled, len(translator.choices), translator.nested) if translator.choices else compiled,
        literal=translator.literal if is_literal else None,
        anchored=translator.anchored,
        keeps=translator.keeps,
    )


def check_options(options: str) -> None:
    """Refuses option letters MongoDB does not know.

    Raises:
        CommandError: 51108.
    """
    if "\0" in options:
        raise CommandError(51108, "Regular expression options string cannot contain an embedded null byte")
    for letter in options:
        if letter not in "imsxu":
            raise CommandError(51108, f" invalid flag in regex options: {letter}")


def _compile(text: str, options: str) -> re.Pattern[str]:
    flags = re.UNICODE
    for letter in options:
        flags |= FLAGS.get(letter, re.UNICODE)
    try:
        return re.compile(text, flags)
    except re.error as error:
        if "look-behind" in str(error):
            raise unsupported("a lookbehind of variable length") from error
        if "group reference" in str(error) or "unknown group name" in str(error):
            raise invalid("reference to non-existent subpattern") from error
        if "min repeat greater" in str(error):
            raise invalid("numbers out of order in {} quantifier") from error
        if "redefinition" in str(error):
            raise invalid("two named subpatterns have the same name (PCRE2_DUPNAMES not set)") from error
        raise invalid(str(error)) from error
    except (OverflowError, RecursionError) as error:
        raise invalid("regular expression is too large") from error
