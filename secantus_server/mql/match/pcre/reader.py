"""A place in a pattern, and the small reads every part of the translation needs."""

from __future__ import annotations

from secantus_server.mql.match.pcre.errors import invalid


class Reader:
    """Reads a pattern from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    @property
    def at_end(self) -> bool:
        """Whether everything was read."""
        return self.at >= len(self.text)

    def peek(self, count: int = 1) -> str:
        """The next characters, fewer or none at the end."""
        return self.text[self.at : self.at + count]

    def take(self, count: int = 1) -> str:
        """The next characters, which are then behind."""
        found = self.peek(count)
        self.at += count
        return found

    def accept(self, wanted: str) -> bool:
        """Whether the wanted text comes next; if so it is then behind."""
        if not self.text.startswith(wanted, self.at):
            return False
        self.at += len(wanted)
        return True

    def until(self, end: str, error: str) -> str:
        """Everything before `end`, which is then behind.

        Raises:
            CommandError: 51091 with `error` if `end` does not come.
        """
        stop = self.text.find(end, self.at)
        if stop < 0:
            raise invalid(error)
        found = self.text[self.at : stop]
        self.at = stop + len(end)
        return found

    def digits(self, allowed: str, most: int) -> str:
        """As many of the allowed characters as come next, up to a number."""
        start = self.at
        while self.at - start < most and self.peek() and self.peek() in allowed:
            self.at += 1
        return self.text[start : self.at]
