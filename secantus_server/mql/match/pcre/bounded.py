"""Searches that come to an end.

`re` has no limit: `(a+)+$` on thirty letters a takes minutes, in which it holds the GIL and with it the server. PCRE gives up after ten
million steps. So where a pattern can choose and the text is long enough for that many steps, the library `regex` searches: it
runs without the GIL and stops at a timeout, and the user is told.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

from secantus_server.errors import CommandError

STEPS = 10_000_000
TIMEOUT_S = 1.0


class BoundedPattern:
    """A compiled pattern with choices: quantifiers and alternatives.

    Arguments:
        quick: the pattern as `re` has it.
        choices: how many it has; a text of n characters takes at most about n ** (choices + 1) steps.
        nested: whether a choice stands inside of what is repeated, so that this bound does not hold.
    """

    def __init__(self, quick: re.Pattern[str], choices: int, nested: bool) -> None:
        self._quick = quick
        self._quick_length = 8 if nested else int(STEPS ** (1 / (choices + 1)))

    def search(self, text: str, position: int = 0) -> re.Match[str] | None:
        """The first match from a position on.

        Raises:
            CommandError: 51156 if it is not found in time.
        """
        if len(text) - position <= self._quick_length:
            return self._quick.search(text, position)
        try:
            found: re.Match[str] | None = self._patient.search(text, position, timeout=TIMEOUT_S, concurrent=True)
        except TimeoutError:
            raise CommandError(
                51156,
                "Error occurred while executing the regular expression. Result code: match limit exceeded "
                f"(the pattern has too many ways to match a string of {len(text)} characters)",
            ) from None
        return found

    @cached_property
    def _patient(self) -> Any:
        import regex

        flags = regex.V0
        for ours, theirs in ((re.IGNORECASE, regex.IGNORECASE), (re.MULTILINE, regex.MULTILINE), (re.DOTALL, regex.DOTALL)):
            if self._quick.flags & ours:
                flags |= theirs
        return regex.compile(self._quick.pattern, flags)
