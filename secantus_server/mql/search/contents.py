"""The contents of a collection as search operators need them, namely the values or the terms of each field in all documents.

Documents are numbered by their positions in natural order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from secantus_server.bson import decode
from secantus_server.mql.search.analyzers import analyzer

# The constants of the score BM25. MongoDB Search uses Lucene's defaults.
SATURATION, LENGTH_WEIGHT = 1.2, 0.75
# The gap in positions between two texts of one document, so that no phrase can match across the texts.
GAP = 100


@dataclass(frozen=True)
class Field:
    """A field that a search reads.

    Arguments:
        path: the field's path.
        analyzer: the name of the analyzer that splits the field's texts into terms; None if the search needs the field's values instead.
    """

    path: str
    analyzer: str | None = None


class TermIndex:
    """An inverted index of one field's terms.

    `places` contains the positions of each term in each document. `lengths` contains the number of terms in each document that has the
    field.
    """

    def __init__(self) -> None:
        self.places: dict[str, dict[int, list[int]]] = {}
        self.lengths: dict[int, int] = {}
        self._ends: dict[int, int] = {}

    def add(self, number: int, terms: list[str]) -> None:
        """Add the terms of one text in a document. Between two texts, the positions have a gap, so that no phrase can match across them.

        Arguments:
            number: the number of the document.
            terms: the terms, in order.
        """
        have = self.lengths.get(number, 0)
        start = self._ends.get(number, -GAP) + GAP
        for position, term in enumerate(terms, start):
            self.places.setdefault(term, {}).setdefault(number, []).append(position)
        self._ends[number] = start + len(terms)
        self.lengths[number] = have + len(terms)

    @cached_property
    def average_length(self) -> float:
        """Return the average number of terms per document. Access it only after all texts have been added, because the result is cached."""
        return sum(self.lengths.values()) / len(self.lengths) if self.lengths else 0.0


class Contents:
    """The loaded fields of a collection's documents, for use by searches.

    Arguments:
        keys: the key of each document.
    """

    def __init__(self, keys: list[bytes]) -> None:
        self.keys = keys
        self.terms: dict[Field, TermIndex] = {}
        self.values: dict[Field, dict[int, list[Any]]] = {}

    def missing(self, fields: Iterable[Field]) -> list[Field]:
        """Return the given fields that have not been loaded yet."""
        return [field for field in dict.fromkeys(fields) if field not in self.terms and field not in self.values]

    def load(self, fields: list[Field], documents: Iterable[bytes]) -> None:
        """Load the values or terms of some fields from all documents.

        Arguments:
            fields: the fields to load, which must not have been loaded before.
            documents: all documents, in natural order.
        """
        indexes = {field: TermIndex() for field in fields if field.analyzer is not None}
        values: dict[Field, dict[int, list[Any]]] = {field: {} for field in fields if field.analyzer is None}
        split = {field: analyzer(field.analyzer) for field in indexes if field.analyzer is not None}
        for number, document in enumerate(documents):
            decoded = decode(document)
            for field, index in indexes.items():
                for value in values_at(decoded, field.path.split(".")):
                    if type(value) is str:
                        index.add(number, split[field](value))
            for field, found in values.items():
                have = list(values_at(decoded, field.path.split(".")))
                if have:
                    found[number] = have
        self.terms.update(indexes)
        self.values.update(values)


def values_at(value: Any, names: list[str]) -> Iterator[Any]:
    """Yield the values at a path. Arrays are replaced by their items."""
    if type(value) is list:
        for item in value:
            yield from values_at(item, names)
    elif not names:
        yield value
    elif type(value) is dict and names[0] in value:
        yield from values_at(value[names[0]], names[1:])
