"""Computes a locale's tailoring, which consists of the weights that the locale's rules add to the root order.

https://www.unicode.org/reports/tr35/tr35-collation.html#Rules

The root order has a gap after each letter, accent and case variant. New weights get numbers in these gaps. The numbers are assigned only
after all rules have been read, because a later rule may insert a weight between two earlier weights.
"""

from __future__ import annotations

import re
from functools import cache
from unicodedata import normalize

from secantus_server.mql.collation.elements import ElementReader
from secantus_server.mql.collation.locales import BY_CODE, FIRST_SCRIPTS, RULES, STORED
from secantus_server.mql.collation.order import LETTER_ROOM, SECONDARY, TERTIARY, Elements, RootOrder, Tailoring, Weights, root_order
from secantus_server.mql.collation.stored import stored_tailoring

_RULE = re.compile(r"&(\[before 1\])?([^<=/& ]+)((?:(?:<{1,3}|=)[^<=& ]+)+)")
_STEP = re.compile(r"(<{1,3}|=)([^<=/& ]+)(?:/([^<=& ]+))?")
_SECONDARY_ROOM, _TERTIARY_ROOM = 64, 8


class _Weight:
    """A weight at one level. It is either a weight of the root order or a new weight inserted after a root weight.

    The number of a new weight is only assigned after all rules have been read.
    """

    def __init__(self, root: int, anchor: _Weight | None = None) -> None:
        self.root = root
        self.anchor = anchor or self
        self.followers: list[_Weight] = []

    def new_after(self) -> _Weight:
        """Insert a new weight directly after this one and return it."""
        followers = self.anchor.followers
        new = _Weight(self.root, self.anchor)
        followers.insert(followers.index(self) + 1 if self is not self.anchor else 0, new)
        return new

    def new_last(self) -> _Weight:
        """Insert a new weight after this root weight and after all weights that have already been inserted there, and return it."""
        self.followers.append(new := _Weight(self.root, self))
        return new

    def value(self, room: int) -> int:
        """Return the final number of the weight."""
        place = 0 if self.anchor is self else self.anchor.followers.index(self) + 1
        assert place < room, "the gap in the root order is too small for the new weights"
        return self.root + place


class _Element:
    """A collation element whose weights have no final numbers yet."""

    def __init__(self, primary: _Weight, secondary: _Weight, tertiary: _Weight, case: int, levels: dict[object, _Weight]) -> None:
        self.primary, self.secondary, self.tertiary, self.case = primary, secondary, tertiary, case
        self._levels = levels

    def next(self, strength: int) -> _Element:
        """Return a new element that directly follows this element and differs from it at the given level."""
        if strength == 1:
            return self._common(self.primary.new_after(), None)
        if strength == 2:
            return self._common(self.primary, self.secondary.new_after())
        return _Element(self.primary, self.secondary, self.tertiary.new_after(), self.case, self._levels)

    def _common(self, primary: _Weight, secondary: _Weight | None) -> _Element:
        secondary = secondary or self._levels.setdefault((primary, SECONDARY), _Weight(SECONDARY))
        tertiary = self._levels.setdefault((primary, secondary, TERTIARY), _Weight(TERTIARY))
        return _Element(primary, secondary, tertiary, self.case, self._levels)

    def weights(self, case: int) -> Weights:
        """Return the element with its final weights and the given case."""
        primary = self.primary.value(LETTER_ROOM)
        secondary, tertiary = self.secondary.value(_SECONDARY_ROOM), self.tertiary.value(_TERTIARY_ROOM)
        return Weights(primary.to_bytes(2, "big") if primary else b"", secondary, tertiary, case)


class _Builder:
    """A builder that converts a locale's rules to collation elements."""

    def __init__(self, root: RootOrder) -> None:
        self._reader = ElementReader(root, Tailoring({}), True)
        self._levels: dict[object, _Weight] = {}
        self._tailored: dict[str, list[_Element]] = {}

    def follow(self, rules: str) -> None:
        """Apply rules, written in the notation of the module `locales`."""
        for before, place, steps in _RULE.findall(rules):
            elements = self._elements(normalize("NFD", place))
            if before:
                elements = [self._before(elements[0])]
            for number, (relation, text, extension) in enumerate(_STEP.findall(steps)):
                if relation != "=":
                    *head, last = elements
                    first_before = before and number == 0
                    last = last._common(last.primary.new_last(), None) if first_before else last.next(len(relation))
                    elements = [*head, last]
                tail = self._elements(normalize("NFD", extension)) if extension else []
                self._tailored[normalize("NFD", text)] = elements + tail

    def finish(self) -> dict[str, Elements]:
        """Return the final collation elements of every string that a rule defines."""
        return {text: self._finished(text, elements) for text, elements in self._tailored.items()}

    def _finished(self, text: str, elements: list[_Element]) -> Elements:
        """Return the final collation elements of a string.

        Each element has the case of its letter. The last element represents all remaining letters and is mixed-case if their cases
        differ.
        """
        cases = [weights.case for _, found in self._reader.units(text) for weights in found if weights.primary]
        finished = []
        letters = sum(1 for element in elements if element.primary.root)
        for number, element in enumerate(elements):
            own = cases[number : number + 1] if number < letters - 1 else cases[number:]
            finished.append(element.weights(own[0] if len(set(own)) == 1 else 1 if own else 0))
        return tuple(finished)

    def _elements(self, text: str) -> list[_Element]:
        if text in self._tailored:
            return self._tailored[text]
        return [self._element(weights) for _, found in self._reader.units(text) for weights in found]

    def _element(self, weights: Weights) -> _Element:
        number = int.from_bytes(weights.primary, "big")
        primary = self._levels.setdefault(number, _Weight(number))
        secondary = self._levels.setdefault((primary, weights.secondary), _Weight(weights.secondary))
        tertiary = self._levels.setdefault((primary, secondary, weights.tertiary), _Weight(weights.tertiary))
        return _Element(primary, secondary, tertiary, weights.case, self._levels)

    def _before(self, element: _Element) -> _Element:
        """Return the element of the letter that precedes this element in the root order."""
        return self._element(Weights((element.primary.root - LETTER_ROOM).to_bytes(2, "big")))


def _by_code(root: RootOrder) -> dict[str, Elements]:
    """Return collation elements that sort the ASCII characters by their codes, at a position after the root order's letter A."""
    start = (int.from_bytes(root.primary("A"), "big") + 1).to_bytes(2, "big")
    found: dict[str, Elements] = {}
    for code in range(0x20, 0x80):
        case = 2 if chr(code).isupper() else 0
        found[chr(code)] = (Weights(start + bytes([code]), SECONDARY, TERTIARY, case),)
    return found


@cache
def tailoring(locale: str) -> Tailoring:
    """Return the changes that a supported locale makes to the root order."""
    if locale in STORED:
        return stored_tailoring(locale)
    if locale == BY_CODE:
        return Tailoring(_by_code(root_order()))
    builder = _Builder(root_order())
    builder.follow(RULES.get(locale, ""))
    return Tailoring(builder.finish(), scripts=FIRST_SCRIPTS.get(locale, ""))
