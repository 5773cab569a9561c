"""The nodes of parsed search operators. Each node finds the matching documents and their scores.

Words are scored by the BM25 formula with Lucene's constants. https://www.mongodb.com/docs/atlas/atlas-search/scoring/
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from secantus_server.mql.search.contents import LENGTH_WEIGHT, SATURATION, Contents, Field, TermIndex

# The scores of documents, by the document's position in natural order.
Scores = dict[int, float]


class Node:
    """The base class of parsed search operators."""

    def fields(self) -> Iterable[Field]:
        """Return the fields that the operator reads."""
        raise NotImplementedError

    def scores(self, contents: Contents) -> Scores:
        """Return the scores of the matching documents, by document number."""
        raise NotImplementedError


@dataclass(frozen=True)
class Words(Node):
    """A node that finds documents with certain words in a field.

    Arguments:
        field: the field.
        terms: the terms to look up.
        needs_all: whether a document must contain all terms.
    """

    field: Field
    terms: list[str]
    needs_all: bool

    def fields(self) -> Iterable[Field]:
        """Return the field that the operator reads."""
        return [self.field]

    def scores(self, contents: Contents) -> Scores:
        """Return the scores of the matching documents. A document's score is the sum of the scores of its matching terms."""
        index = contents.terms[self.field]
        found: Scores = {}
        matched: dict[int, int] = {}
        for term in dict.fromkeys(self.terms):
            places = index.places.get(term, {})
            weight = rarity(index, len(places))
            for number, positions in places.items():
                found[number] = found.get(number, 0.0) + weight * saturation(index, number, len(positions))
                matched[number] = matched.get(number, 0) + 1
        if not self.needs_all:
            return found
        wanted = len(set(self.terms))
        return {number: score for number, score in found.items() if matched[number] == wanted}


@dataclass(frozen=True)
class Phrase(Node):
    """A node that finds documents with a sequence of consecutive words in a field.

    Arguments:
        field: the field.
        terms: the terms, in order.
    """

    field: Field
    terms: list[str]

    def fields(self) -> Iterable[Field]:
        """Return the field that the operator reads."""
        return [self.field]

    def scores(self, contents: Contents) -> Scores:
        """Return the scores of the documents that contain the phrase. The phrase is scored like a single term whose rarity is the sum of
        the words' rarities.
        """
        index = contents.terms[self.field]
        if not self.terms:
            return {}
        lists = [index.places.get(term, {}) for term in self.terms]
        weight = sum(rarity(index, len(places)) for places in lists)
        found: Scores = {}
        for number in set(lists[0]).intersection(*lists[1:]):
            followers = [set(places[number]) for places in lists]
            count = sum(all(start + step in have for step, have in enumerate(followers)) for start in followers[0])
            if count:
                found[number] = weight * saturation(index, number, count)
        return found


@dataclass(frozen=True)
class Beginnings(Node):
    """The node of the operator `autocomplete`, which finds the words in a field by their prefixes or substrings.

    Arguments:
        field: the field.
        terms: the prefix or substring of each word, in the order of the words.
        sequential: whether the words must be consecutive.
        anywhere: whether the terms are substrings of words; otherwise they are prefixes.
        least, most: the minimum and maximum length of the prefixes or substrings that the index contains.
    """

    field: Field
    terms: list[str]
    sequential: bool
    anywhere: bool
    least: int
    most: int

    def fields(self) -> Iterable[Field]:
        """Return the field that the operator reads."""
        return [self.field]

    def scores(self, contents: Contents) -> Scores:
        """Return the scores of the documents that have a word for each term. The score is higher if the words are consecutive."""
        index = contents.terms[self.field]
        terms = [term for term in self.terms if self.least <= len(term)]
        if not terms:
            return {}
        places = [self._places(index, term) for term in terms]
        found: Scores = {}
        for number in set(places[0]).intersection(*places[1:]):
            matched = [one[number] for one in places]
            follows = any(all(start + step in have for step, have in enumerate(matched)) for start in matched[0])
            if follows or not self.sequential:
                found[number] = float(len(terms) + follows)
        return found

    def _places(self, index: TermIndex, term: str) -> dict[int, set[int]]:
        wanted = term[: self.most]
        found: dict[int, set[int]] = {}
        for word, places in index.places.items():
            if word.startswith(wanted) or (self.anywhere and wanted in word):
                for number, positions in places.items():
                    found.setdefault(number, set()).update(positions)
        return found


@dataclass(frozen=True)
class Pattern(Node):
    """A node that finds documents in which a term of a field matches a regular expression.

    Arguments:
        field: the field.
        pattern: the regular expression, which must match a whole term.
    """

    field: Field
    pattern: re.Pattern[str]

    def fields(self) -> Iterable[Field]:
        """Return the field that the operator reads."""
        return [self.field]

    def scores(self, contents: Contents) -> Scores:
        """Return the scores of the matching documents, which are always 1."""
        terms = contents.terms[self.field].places
        return {number: 1.0 for term, places in terms.items() if self.pattern.fullmatch(term) for number in places}


@dataclass(frozen=True)
class Matching(Node):
    """A node that finds documents in which a value of a field satisfies a condition.

    Arguments:
        field: the field.
        accepts: returns whether a value satisfies the condition.
    """

    field: Field
    accepts: Callable[[Any], bool]

    def fields(self) -> Iterable[Field]:
        """Return the field that the operator reads."""
        return [self.field]

    def scores(self, contents: Contents) -> Scores:
        """Return the scores of the matching documents, which are always 1."""
        return {number: 1.0 for number, values in contents.values[self.field].items() if any(map(self.accepts, values))}


@dataclass(frozen=True)
class Either(Node):
    """A node that finds documents matching at least a minimum number of its child nodes. The children's scores are added.

    Arguments:
        children: the child nodes.
        least: the minimum number of children that a document must match.
    """

    children: list[Node]
    least: int = 1

    def fields(self) -> Iterable[Field]:
        """Return the fields of all children."""
        return [field for child in self.children for field in child.fields()]

    def scores(self, contents: Contents) -> Scores:
        """Return the scores of the matching documents. A document's score is the sum of its scores from all children."""
        found: Scores = {}
        matched: dict[int, int] = {}
        for child in self.children:
            for number, score in child.scores(contents).items():
                found[number] = found.get(number, 0.0) + score
                matched[number] = matched.get(number, 0) + 1
        return {number: score for number, score in found.items() if matched[number] >= self.least}


@dataclass(frozen=True)
class Compound(Node):
    """The node of the operator `compound`, which combines clauses.

    Arguments:
        must, filters, must_not, should: the clauses of each kind.
        least: the minimum number of `should` clauses that a document must match.
    """

    must: list[Node]
    filters: list[Node]
    must_not: list[Node]
    should: list[Node]
    least: int

    def fields(self) -> Iterable[Field]:
        """Return the fields of all clauses."""
        return [field for node in (*self.must, *self.filters, *self.must_not, *self.should) for field in node.fields()]

    def scores(self, contents: Contents) -> Scores:
        """Return the scores of the matching documents. A document's score is the sum of its scores from the `must` and `should` clauses."""
        must = [node.scores(contents) for node in self.must]
        wanted = [*must, *(node.scores(contents) for node in self.filters)]
        should = Either(self.should, 1).scores(contents)
        if wanted:
            numbers = set(wanted[0]).intersection(*wanted[1:])
        elif self.should:
            numbers = set(should)
        else:
            numbers = set(range(len(contents.keys)))
        if self.least:
            numbers &= set(Either(self.should, self.least).scores(contents))
        for node in self.must_not:
            numbers -= set(node.scores(contents))
        return {number: sum(one[number] for one in must) + should.get(number, 0.0) for number in numbers}


@dataclass(frozen=True)
class Rescored(Node):
    """A node that changes the scores of another node.

    Arguments:
        node: the node that finds the documents.
        change: converts the node's score of a document to the new score.
    """

    node: Node
    change: Callable[[float], float]

    def fields(self) -> Iterable[Field]:
        """Return the fields that the wrapped node reads."""
        return self.node.fields()

    def scores(self, contents: Contents) -> Scores:
        """Return the changed scores of the documents that the wrapped node finds."""
        return {number: self.change(score) for number, score in self.node.scores(contents).items()}


def rarity(index: TermIndex, count: int) -> float:
    """Return the rarity of a term, which is its inverse document frequency in the BM25 formula.

    Arguments:
        index: the terms of the field.
        count: the number of documents that contain the term.
    """
    return math.log(1 + (len(index.lengths) - count + 0.5) / (count + 0.5))


def saturation(index: TermIndex, number: int, count: int) -> float:
    """Return the weight of a term's occurrences in a document, according to the BM25 formula.

    Arguments:
        index: the terms of the field.
        number: the number of the document.
        count: the number of occurrences.
    """
    length = index.lengths[number] / index.average_length
    return count / (count + SATURATION * (1 - LENGTH_WEIGHT + LENGTH_WEIGHT * length))
