"""The error of a unique index."""

from __future__ import annotations

from typing import Any


class DuplicateKey(Exception):
    """A unique index has this key already.

    Arguments:
        index: the index's name.
        pattern: its key pattern.
        values: the values of the document that could not be written, in the pattern's order.
    """

    def __init__(self, index: str, pattern: dict[str, Any], values: list[Any]) -> None:
        super().__init__(index)
        self.index = index
        self.pattern = pattern
        self.values = values
