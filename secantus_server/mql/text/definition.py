"""Computes what a text index stores for a document: its texts, their languages and weights, and the scores of its terms.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-text/control-text-search-results/
https://www.mongodb.com/docs/manual/tutorial/specify-language-for-text-index/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from secantus_server.bson.values import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.text.languages import LANGUAGES
from secantus_server.mql.text.tokens import tokenizer

#: The name in `weights` that stands for all fields.
EVERY_FIELD = "$**"
# The bonus factor of a field whose whole text is one term.
_WHOLE_FIELD = 1.1


class Text(NamedTuple):
    """An indexed string of a document, with its language and weight."""

    value: str
    language: str
    weight: float


class TextDefinition:
    """The parsed definition of a text index.

    Arguments:
        spec: the stored definition.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        self.version = int(spec["textIndexVersion"])
        self.language = LANGUAGES[spec["default_language"].lower()]
        self.override: str = spec["language_override"]
        weights = {path: float(weight) for path, weight in spec["weights"].items()}
        self._everywhere: float | None = weights.pop(EVERY_FIELD, None)
        self._weights = weights
        self._branches = {path[:end] for path in weights for end, char in enumerate(path) if char == "."}

    def texts(self, document: dict[str, Any]) -> Iterator[Text]:
        """Yield the indexed strings of a document.

        Raises:
            CommandError: 17261 for a language that is not a string, 17262 for an unknown language.
        """
        return self._texts(document, "", self.language)

    def _texts(self, document: dict[str, Any], prefix: str, language: str) -> Iterator[Text]:
        """Yield the indexed strings of a document that is embedded at the path `prefix`.

        The language of the strings is `language` unless the document overrides it.
        """
        if self.override in document and (self.version > 1 or not prefix):
            language = _language(document[self.override])
        for name, value in document.items():
            path = prefix + name
            if self._everywhere is not None and name == self.override:
                continue
            weight = self._weights.get(path, self._everywhere)
            if weight is not None or path in self._branches:
                yield from self._values(value, path, weight, language)

    def _values(self, value: Any, path: str, weight: float | None, language: str) -> Iterator[Text]:
        kind = type(value)
        if kind is str:
            if weight is not None:
                yield Text(value, language, weight)
        elif kind is list:
            for item in value:
                yield from self._values(item, path, weight, language)
        elif kind is dict and (self._everywhere is not None or path in self._branches):
            yield from self._texts(value, f"{path}.", language)

    def scores(self, document: dict[str, Any]) -> dict[str, float]:
        """Return the terms of a document with their scores.

        The score of a term in one text is the product of four factors. The first is the text's weight. The second is the term's
        frequency, in which each occurrence counts half as much as the previous one. The third is a coefficient from 0.5 to 1 that grows
        with the term's share of all terms. The last is a bonus if the text consists only of the term. If several texts contain the term,
        the scores are added.

        Raises:
            CommandError: 17261 for a language that is not a string, 17262 for an unknown language.
        """
        found: dict[str, float] = {}
        for text in self.texts(document):
            tokens = tokenizer(text.language, self.version).tokens(text.value)
            for term, count in Counter(tokens).items():
                share = 0.5 * count / len(tokens) + 0.5
                bonus = _WHOLE_FIELD if len(term) == len(text.value) and term == text.value.lower() else 1.0
                worth = text.weight * _frequency(count) * share * bonus
                found[term] = found.get(term, 0.0) + worth
        return found


def _frequency(count: int) -> float:
    """Return the frequency factor for `count` occurrences, which is the sum of the first `count` terms of 1 + 1/2 + 1/4 + ..."""
    return float(2.0 - 0.5 ** (count - 1))


def _language(value: Any) -> str:
    if type(value) is not str:
        raise CommandError(17261, f"found language override field in document with non-string type {type_name(value)}")
    language = LANGUAGES.get(value.lower())
    if language is None:
        raise CommandError(17262, f"language override unsupported: {value}")
    return language
