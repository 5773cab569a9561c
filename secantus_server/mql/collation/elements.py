"""Converts a string to collation elements by decomposition, contractions and tailoring.

https://www.unicode.org/reports/tr10/#Main_Algorithm (steps 1 and 2)
"""

from __future__ import annotations

from collections.abc import Iterator
from unicodedata import combining, normalize

from secantus_server.mql.collation.order import Elements, RootOrder, Tailoring


class ElementReader:
    """A converter from strings to the collation elements of one collation.

    Arguments:
        root: the root order.
        tailoring: the locale's changes to the root order.
        normalization: whether combining marks are put into canonical order first.
        without: the contractions of the root order that do not apply in the locale.
    """

    def __init__(self, root: RootOrder, tailoring: Tailoring, normalization: bool, without: frozenset[str] = frozenset()) -> None:
        self._root = root
        self._tailoring = tailoring.elements
        self._contexts = tailoring.contexts
        self._normalization = normalization
        self._contractions = (root.contractions - without) | {text for text in tailoring.elements if len(text) > 1}
        self._longest: dict[str, int] = {}
        for text in self._contractions:
            self._longest[text[0]] = max(len(text), self._longest.get(text[0], 0))
        self._continuing = {character for text in self._contractions for character in text[1:]} | tailoring.contexts.keys()

    def continues(self, character: str) -> bool:
        """Return whether the character's elements can depend on the preceding characters.

        They can if a contraction contains the character after the first position, or if the character has different elements after a
        certain prefix. A string without such characters contains no contractions.
        """
        return character in self._continuing

    def decompose(self, text: str) -> str:
        """Decompose each character of a string. Combining marks are reordered only if normalization is enabled."""
        if text.isascii():
            return text
        if self._normalization:
            return normalize("NFD", text)
        return "".join([normalize("NFD", character) for character in text])

    def units(self, text: str) -> Iterator[tuple[str, Elements]]:
        """Split a decomposed string into characters and contractions, and yield each with its collation elements."""
        characters = list(text)
        position = 0
        while position < len(characters):
            if (found := self._after_prefix(characters, position)) is not None:
                yield characters[position], found
                position += 1
                continue
            unit = self._unit(characters, position)
            position += len(unit)
            if position < len(characters) and unit[0] in self._longest and combining(characters[position]):
                unit = self._with_marks(unit, characters, position)
            yield unit, self.elements(unit)

    def elements(self, unit: str) -> Elements:
        """Return the collation elements of a character or contraction."""
        found = self._tailoring.get(unit)
        return self._root.elements(unit) if found is None else found

    def _after_prefix(self, characters: list[str], position: int) -> Elements | None:
        """Return the special elements that a character has after the preceding characters, or None if its usual elements apply."""
        for prefix, found in self._contexts.get(characters[position], {}).items():
            if position >= len(prefix) and "".join(characters[position - len(prefix) : position]) == prefix:
                return found
        return None

    def _unit(self, characters: list[str], position: int) -> str:
        """Return the longest contraction that starts at a position. If no contraction starts there, return the single character."""
        first = characters[position]
        for length in range(min(self._longest.get(first, 1), len(characters) - position), 1, -1):
            unit = "".join(characters[position : position + length])
            if unit in self._contractions:
                return unit
        return first

    def _with_marks(self, unit: str, characters: list[str], position: int) -> str:
        """Extend a contraction with later combining marks, and return the longest contraction that can be formed.

        Marks in between may be skipped. The marks that become part of the contraction are removed from `characters`.
        """
        last_class = 0
        while position < len(characters):
            mark_class = combining(characters[position])
            if mark_class == 0:
                break
            if mark_class > last_class and unit + characters[position] in self._contractions:
                unit += characters.pop(position)
            else:
                last_class = mark_class
                position += 1
        return unit
