"""The two ways a pattern is refused: PCRE would refuse it, or `re` cannot do what it asks."""

from __future__ import annotations

from secantus_server.errors import CommandError, not_supported


def invalid(why: str) -> CommandError:
    """The error of a pattern that PCRE refuses too, in PCRE's words.

    https://www.pcre.org/current/doc/html/pcre2api.html
    """
    return CommandError(51091, f"Regular expression is invalid: {why}")


def unsupported(what: str) -> CommandError:
    """The error of a construct that Python's `re` has no equivalent for."""
    return not_supported(f"{what} in a regular expression", "write the pattern without it")
