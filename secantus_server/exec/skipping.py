"""Leaves out the first documents of an iterator."""

from __future__ import annotations

from collections.abc import Iterator


class Skipping(Iterator[bytes]):
    """The documents behind the first few.

    Unlike `itertools.islice` it asks its source again after an end: that of a tailable cursor may have more then.
    """

    def __init__(self, documents: Iterator[bytes], count: int) -> None:
        self._documents = documents
        self._left = count

    def __next__(self) -> bytes:
        while self._left:
            next(self._documents)
            self._left -= 1
        return next(self._documents)
