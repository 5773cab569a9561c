"""Converts collation elements to sort keys. Comparing the bytes of two sort keys compares the strings.

A sort key consists of one part per level, from the strongest difference to the weakest. Zero bytes separate the parts.
https://www.unicode.org/reports/tr10/#Step_3
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from unicodedata import category, decimal, normalize

from secantus_server.mql.collation.elements import ElementReader
from secantus_server.mql.collation.locales import DROPPED_CONTRACTIONS
from secantus_server.mql.collation.order import FIRST_NUMBER, SECONDARY, TERTIARY, Elements, RootOrder, Tailoring, Weights
from secantus_server.mql.collation.reordering import primary_order
from secantus_server.mql.collation.spec import CollationSpec

MAX_NUMBER_DIGITS = 254
_COMMON_SECONDARY = SECONDARY.to_bytes(2, "big")
# The fourth-level weight of elements that are not shifted, which sort after all shifted elements. 255 is not used because long weights
# contain it.
_UNSHIFTED_LEAD = 0xFE
# The case of elements that have only a tertiary weight. With it, they sort after all other elements at the third level, whichever case
# sorts first.
_WITHOUT_CASE = b"\4"
# Non-breaking spaces count as punctuation if only spaces are shifted.
_FIXED_SPACES = "\u00a0\u2007\u202f"


@dataclass
class _Levels:
    """The weights of an incomplete sort key, grouped by level."""

    primary: list[bytes] = field(default_factory=list)
    secondary: list[bytes] = field(default_factory=list)
    case: list[bytes] = field(default_factory=list)
    tertiary: list[bytes] = field(default_factory=list)
    quaternary: list[bytes] = field(default_factory=list)
    has_kana: bool = False
    has_quaternary: bool = False


class SortKeys:
    """A generator of one collation's sort keys.

    Arguments:
        spec: the collation.
        root: the root order.
        tailoring: the changes that the locale makes to the root order.
    """

    def __init__(self, spec: CollationSpec, root: RootOrder, tailoring: Tailoring) -> None:
        self._spec = spec
        if spec.alternate == "shifted" and spec.max_variable == "space":
            fixed = {space: (Weights(_after_spaces(root)),) for space in _FIXED_SPACES}
            tailoring = tailoring._replace(elements={**tailoring.elements, **fixed})
        self._reader = ElementReader(root, tailoring, spec.normalization, DROPPED_CONTRACTIONS.get(spec.locale, frozenset()))
        self._first_fixed = _first_fixed(spec, root)
        self._number_lead = (int.from_bytes(root.primary(FIRST_NUMBER), "big") - 1).to_bytes(2, "big")
        self._case_in_tertiary = spec.case_first != "off" and not spec.case_level
        self._case_bytes = b"\3\2\1" if spec.case_first == "upper" else b"\1\2\3"
        self._common_tertiary = self._tertiary(Weights(b""))
        self._kana = root.primary("あ"), root.primary("ん")
        self._primary_order = primary_order(tailoring.scripts, tailoring.han_order, root)
        changed = [weights for found in _all_elements(tailoring) for weights in found]
        # Trailing common weights are trimmed from a level only if the locale has no weights at that level below the common one,
        # or that are long and may end like it.
        self._trims_secondary = all(weights.secondary >= SECONDARY or not weights.secondary for weights in changed)
        self._trims_tertiary = all(TERTIARY <= weights.tertiary < 256 or not weights.tertiary for weights in changed)
        self._plain = _PlainRows(self)

    def sort_key(self, text: str) -> bytes:
        """Return the sort key of a string, which are bytes that sort in the collation's order. Strings that compare equal have equal
        keys.
        """
        if self._spec.normalization:
            text = self._reader.decompose(text)
        plain = self._plain
        try:
            rows = [plain[character] for character in text]
        except _DependsOnOthersError:
            return self._slow_key(text)
        if not rows:
            return self._slow_key(text)
        return self._join(list(map(b"".join, zip(*rows, strict=True))), False)

    def _slow_key(self, text: str) -> bytes:
        decomposed = self._reader.decompose(text)
        levels = self._levels(self._elements(decomposed))
        spec = self._spec
        if spec.backwards:
            levels.secondary.reverse()
        parts = [b"".join(level) for level in self._chosen(levels)]
        if spec.strength >= 4 and (spec.alternate == "shifted" or levels.has_quaternary):
            parts.append(b"".join(levels.quaternary))
        if spec.strength == 5:
            parts.append(decomposed.encode("utf-8", "surrogatepass"))
        return self._join(parts, levels.has_kana)

    def _join(self, parts: list[bytes], has_kana: bool) -> bytes:
        """Join the parts of all levels into a sort key.

        Trailing common weights are dropped from a level, unless the level may contain weights below the common one.

        Arguments:
            has_kana: whether the string contains kana. Small kana have a tertiary weight below the common weight.
        """
        number = 1
        if self._spec.strength >= 2:
            if self._trims_secondary:
                parts[number] = _trim(parts[number], _COMMON_SECONDARY)
            number += 1
        if self._spec.case_level:
            number += 1
        if self._spec.strength >= 3 and self._spec.case_first != "upper" and self._trims_tertiary and not has_kana:
            parts[number] = _trim(parts[number], self._common_tertiary)
        return b"\0".join(parts)

    def _elements(self, text: str) -> Iterable[Weights]:
        digits: list[int] = []
        for unit, elements in self._reader.units(text):
            if self._spec.numeric_ordering and len(unit) == 1 and category(unit) == "Nd":
                digits.append(decimal(unit))
                continue
            yield from self._number(digits)
            digits = []
            yield from elements
        yield from self._number(digits)

    def _number(self, digits: list[int]) -> Iterable[Weights]:
        """Yield the collation elements of a digit sequence that sorts as a number. Very long sequences are split into several numbers."""
        start = 0
        while start < len(digits):
            while start < len(digits) - 1 and digits[start] == 0:
                start += 1
            part = digits[start : start + MAX_NUMBER_DIGITS]
            yield Weights(self._number_lead + bytes([len(part)]) + bytes(part))
            start += len(part)

    def _levels(self, elements: Iterable[Weights]) -> _Levels:
        levels = _Levels()
        after_shifted = False
        for weights in elements:
            if weights.primary:
                levels.has_kana = levels.has_kana or self._kana[0] <= weights.primary <= self._kana[1]
                after_shifted = weights.primary < self._first_fixed
                if after_shifted:
                    levels.quaternary.append(weights.primary)
                    continue
            elif after_shifted:
                continue
            self._add(levels, weights)
        return levels

    def _add(self, levels: _Levels, weights: Weights) -> None:
        levels.primary.append(self._primary_order(weights.primary))
        if weights.secondary:
            levels.secondary.append(weights.secondary.to_bytes(2 if weights.secondary < 0x10000 else 5, "big"))
        if weights.primary or (weights.secondary and self._spec.strength > 1):
            levels.case.append(self._case_bytes[weights.case : weights.case + 1])
        if weights.tertiary:
            levels.tertiary.append(self._tertiary(weights))
            levels.quaternary.append(bytes([_UNSHIFTED_LEAD, weights.quaternary]))
            levels.has_quaternary = levels.has_quaternary or weights.quaternary > 0

    def _tertiary(self, weights: Weights) -> bytes:
        tertiary = weights.tertiary.to_bytes(1 if weights.tertiary < 256 else 3, "big")
        if self._case_in_tertiary:
            has_case = weights.primary or weights.secondary
            return (self._case_bytes[weights.case : weights.case + 1] if has_case else _WITHOUT_CASE) + tertiary
        return tertiary

    def _is_plain(self, character: str) -> bool:
        """Return whether a character contributes the same weights to a sort key regardless of the adjacent characters."""
        spec = self._spec
        if spec.strength > 3 or spec.backwards or (spec.numeric_ordering and category(character) == "Nd"):
            return False
        parts = normalize("NFD", character)
        if any(map(self._reader.continues, parts)):
            return False
        if spec.alternate == "shifted":
            first = self._reader.elements(parts[0])
            return all(weights.primary >= self._first_fixed for weights in first) and bool(first)
        return True

    def plain_row(self, character: str) -> list[bytes]:
        """Return the weights that a character contributes to each level of a sort key.

        Raises:
            _DependsOnOthersError: if the weights depend on the adjacent characters.
        """
        if not self._is_plain(character):
            raise _DependsOnOthersError
        levels = self._levels(self._elements(normalize("NFD", character)))
        if levels.has_kana and self._trims_tertiary:
            raise _DependsOnOthersError
        return [b"".join(level) for level in self._chosen(levels)]

    def _chosen(self, levels: _Levels) -> list[list[bytes]]:
        """Return the levels that the collation's sort keys contain, up to the third level."""
        spec = self._spec
        chosen = [levels.primary] + [levels.secondary] * (spec.strength > 1)
        return chosen + [levels.case] * spec.case_level + [levels.tertiary] * (spec.strength > 2)


class _DependsOnOthersError(Exception):
    """Raised if the weights of a character depend on the adjacent characters."""


class _PlainRows(dict[str, list[bytes]]):
    """A cache of the weights that each character contributes to a sort key. Missing entries are computed on access."""

    def __init__(self, keys: SortKeys) -> None:
        self._keys = keys

    def __missing__(self, character: str) -> list[bytes]:
        row = self._keys.plain_row(character)
        self[character] = row
        return row


def _all_elements(tailoring: Tailoring) -> Iterator[Elements]:
    yield from tailoring.elements.values()
    for by_prefix in tailoring.contexts.values():
        yield from by_prefix.values()


def _first_fixed(spec: CollationSpec, root: RootOrder) -> bytes:
    """Return the lowest primary weight that the collation does not shift. Shifted weights are ignored at the first three levels.

    At the start, the root order has spaces, punctuation, other symbols (beginning with "`"), currency signs and digits, in this order.
    """
    if spec.alternate != "shifted":
        return b""
    return _after_spaces(root) if spec.max_variable == "space" else root.primary("`")


def _after_spaces(root: RootOrder) -> bytes:
    """Return an unused primary weight between the weights of spaces and punctuation."""
    return (int.from_bytes(root.primary(" "), "big") + 1).to_bytes(2, "big")


def _trim(level: bytes, common: bytes) -> bytes:
    end = len(level)
    while end and level[end - len(common) : end] == common:
        end -= len(common)
    return level[:end]
