"""Generate `secantus_server/mql/collation/tailorings.z` from the collation elements of ICU's locales, which follow CLDR's rules.

usage: python make_tailorings.py LIBRARY SUFFIX

LIBRARY is ICU's libicui18n; SUFFIX is the version suffix of its function names, such as 72. `stored.py` describes the file. Run it
only to adopt a new order: the keys of stored indexes depend on the file.
"""

from __future__ import annotations

import re
import sys
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from pathlib import Path
from unicodedata import normalize

from make_root_order import Element, Icu, ideograph_weights

from secantus_server.mql.collation.han import HAN_LEADS, HAN_ORDERS, listed_ideographs
from secantus_server.mql.collation.locales import STORED
from secantus_server.mql.collation.order import SECONDARY, TERTIARY, RootOrder, Weights, root_order

TARGET = Path(__file__).parents[3] / "secantus_server/mql/collation/tailorings.z"
MARKS = re.compile("[\ufdd0\ufdd1]")
CONTEXT = re.compile(r"([^&<=|/\[\]']+)\|([^&<=|/\[\]']+)")
SEARCH_BASE = "root@collation=search"
ROOM = (0, 64, 8)
"""By level: how many free numbers follow each weight of the root order."""

Row = tuple[Weights, ...]


class Numbers:
    """The numbers that stand for ICU's weights of one level: those in the root order, and new ones between them for a locale."""

    def __init__(self, level: int, known: dict[int, int], found: Iterable[int]) -> None:
        self._level, self._known = level, known
        places = sorted(known)
        gaps = groupby(sorted(set(found) - known.keys()), lambda weight: bisect_right(places, weight) - 1)
        self._new: dict[int, int] = {}
        for gap, weights in gaps:
            members = list(weights)
            for place, weight in enumerate(members):
                self._new[weight] = self._number(known[places[gap]], place + 1, len(members))

    def _number(self, base: int, place: int, count: int) -> int:
        if self._level == 0:
            assert 0xFF < base < 0xF000 or base >> 24 in HAN_LEADS, "a new primary weight has no weight of the root order before it"
            return base << 24 | 0xFF0000 | place
        if base == 0 and self._level == 1:
            return SECONDARY - count + place - 1
        if count < ROOM[self._level]:
            return base + place
        assert base, "there is no room for the weights below the common one"
        if self._level == 1:
            return base << 24 | 0xFF0000 | place
        assert place < 256, "too many tertiary weights"
        return base << 16 | 0xFF00 | place

    def __getitem__(self, weight: int) -> int:
        return self._known[weight] if weight in self._known else self._new[weight]


class Root:
    """The root order: for each level, the numbers that stand for ICU's weights."""

    def __init__(self, icu: Icu, order: RootOrder) -> None:
        self.order = order
        self.known: list[dict[int, int]] = [{0: 0}, {0: 0}, {0: 0}]
        for text in [*icu.characters(), *sorted(icu.contractions())]:
            if len(text) > 1 and text not in order.contractions:
                continue
            ours, theirs = order.elements(text), [element for element in icu.elements(text) if any(element)]
            for weights, element in zip(ours, theirs, strict=False) if len(ours) == len(theirs) else ():
                if len(weights.primary) <= 2:
                    self._add(weights, element)
        self.known[0].update(ideograph_weights(icu))
        self.like_ideographs = [text for text in icu.characters() if _is_like_ideograph(order.elements(text))]

    def _add(self, weights: Weights, element: Element) -> None:
        numbers = int.from_bytes(weights.primary, "big"), weights.secondary, weights.tertiary
        for level, (number, weight) in enumerate(zip(numbers, (*element[:2], element[2] & 0x3F3F), strict=True)):
            if weight:
                self.known[level].setdefault(weight, number)


class Locale:
    """The texts whose collation elements a locale changes, with their new elements."""

    def __init__(self, icu: Icu, root: Root, listed: str) -> None:
        self._icu, self._root = icu, root
        # ICU lists each composed character also as a sequence.
        texts = {text for text in {*icu.tailored(), *icu.contractions(), *root.order.contractions} if normalize("NFD", text) == text}
        if listed:
            texts.update(set(root.like_ideographs) - set(listed))
        contexts = {tuple(normalize("NFD", part) for part in found) for found in CONTEXT.findall(icu.rules())}
        texts -= {prefix + text for prefix, text in contexts}
        self.contexts = {(prefix, text): self._after(prefix, text) for prefix, text in contexts if len(text) == 1}
        self.texts = {text: self._elements(text) for text in texts if not MARKS.search(text) and all(map(icu.is_assigned, text))}
        changed = [element for elements in (*self.texts.values(), *self.contexts.values()) for element in elements]
        known = {**root.known[0], **self._list_numbers(listed)}, root.known[1], root.known[2]
        found = {p for p, _, _ in changed}, {s for _, s, _ in changed}, {t & 0x3F3F for _, _, t in changed}
        self._numbers = [Numbers(level, known[level], found[level]) for level in range(3)]

    def _list_numbers(self, listed: str) -> dict[int, int]:
        """Return the numbers of the ideographs that the locale lists, by their weights in the locale and by those in the root order."""
        numbers = self._root.known[0]
        first_han = min(weight for weight, number in numbers.items() if number >> 24)
        last_regular = max(weight for weight, number in numbers.items() if not number >> 24 and weight < first_han)
        found: dict[int, int] = {}
        for character in listed:
            weight = self._elements(character)[0][0]
            assert last_regular < weight < first_han, character
            found[weight] = _ideograph(character, self._root.order)
        codes = set(map(ord, listed))
        by_root = {weight: number & 0xFFFFFF for weight, number in numbers.items() if number >> 24 in HAN_LEADS}
        return found | {weight: HAN_LEADS[2] << 24 | code for weight, code in by_root.items() if code in codes}

    def _elements(self, text: str) -> list[Element]:
        return [element for element in self._icu.elements(text) if any(element)]

    def _after(self, prefix: str, text: str) -> list[Element]:
        """Return the elements of a text after a prefix."""
        return self._elements(prefix + text)[len(self._elements(prefix)) :]

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Yield the texts whose elements differ from those of the root order."""
        order = self._root.order
        for text, elements in sorted(self.texts.items()):
            row = self._row(text, elements)
            if (len(text) > 1 and text not in order.contractions) or row != _visible(order.elements(text)):
                yield text, row
        for (prefix, text), elements in sorted(self.contexts.items()):
            yield f"{prefix}|{text}", self._row(text, elements, prefix)

    def _row(self, text: str, elements: list[Element], prefix: str = "") -> Row:
        last = self._quaternary(prefix + text)
        numbers = self._numbers
        row = [
            Weights(_primary(numbers[0][p]), numbers[1][s], numbers[2][t & 0x3F3F], t >> 14, last if at == len(elements) else 0)
            for at, (p, s, t) in enumerate(elements, 1)
        ]
        return tuple(row)

    def _quaternary(self, text: str) -> int:
        """Return the weight of the last element at the fourth level."""
        level = self._icu.level(text, 4)
        return max(level[-1] - 0xFC, 0) if level else 0


def _ideograph(character: str, order: RootOrder) -> int:
    """Return the number of an ideograph's primary weight. A list may also contain other characters, such as radicals."""
    own, code = order.primary(character), ord(character).to_bytes(3, "big")
    return int.from_bytes(own if own[1:] == code else HAN_LEADS[:1] + code, "big")


def _is_like_ideograph(row: Row) -> bool:
    return any(weights.primary and weights.primary[0] in HAN_LEADS for weights in row)


def _visible(row: Row) -> Row:
    return tuple(weights for weights in row if weights.primary or weights.secondary or weights.tertiary)


def _primary(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _shown(weights: Weights) -> str:
    primary, secondary, tertiary, case, quaternary = weights
    rest = [
        "" if secondary == SECONDARY else f"{secondary:x}",
        "" if tertiary == TERTIARY else f"{tertiary:x}",
        f"{case or ''}",
        f"{quaternary or ''}",
    ]
    return ".".join([primary.hex(), *rest]).rstrip(".") or "."


def lines(rows: dict[str, Row]) -> Iterator[str]:
    """Yield a line for each text. Characters whose secondary weights increase by one from each to the next share a line."""
    ordered = sorted(rows.items(), key=lambda row: (len(row[0]) > 1, row[1][:-1], row[1][-1:], row[0]))
    start = 0
    for end, ((text, row), (after, following)) in enumerate(pairwise([*ordered, ("..", ())]), 1):
        if len(text) == len(after) == 1 and row and following == (*row[:-1], row[-1]._replace(secondary=row[-1].secondary + 1)):
            continue
        if end - start > 1:
            name = "*" + "".join(character for character, _ in ordered[start:end])
        else:
            name = "_".join(f"{ord(character):x}" for character in text).replace("_7c_", "|")
        yield " ".join([name, *map(_shown, ordered[start][1])])
        start = end


def section(root: Root, name: str) -> tuple[str, dict[str, Row]]:
    """Return the scripts that a locale sorts first, and its rows."""
    library, suffix = sys.argv[1:3]
    icu = Icu(library, suffix, name)
    locale = Locale(icu, root, listed_ideographs(HAN_ORDERS[name]) if name in HAN_ORDERS else "")
    # Imported rules may reset the order of the scripts to that of the root order.
    return " ".join(script for script in icu.scripts() if script != "Zzzz"), dict(locale.rows())


def main() -> None:
    """Write the file."""
    root = Root(Icu(*sys.argv[1:3]), root_order())
    _, base = section(root, SEARCH_BASE)
    sections = {"\n".join(["", *lines(base), ""]): [SEARCH_BASE]}
    for name in sorted(STORED):
        scripts, own = section(root, name)
        head = [scripts]
        if base.keys() <= own.keys():
            head.append(f"<{SEARCH_BASE}")
            own = {text: row for text, row in own.items() if row != base.get(text)}
        body = "\n".join([*head, *lines(own), ""])
        sections.setdefault(body, []).append(name)
        print(f"{name}: {len(own)} lines, {len(zlib.compress(body.encode(), 9))} bytes")
    packed = zlib.compress("".join(f"@@{','.join(names)} {body}" for body, names in sections.items()).encode(), 9)
    TARGET.write_bytes(packed)
    print(f"{len(sections)} sections, {len(packed)} bytes")


if __name__ == "__main__":
    main()
