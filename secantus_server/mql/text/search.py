"""Text searches, which parse the terms and phrases of `$search` and test whether a document matches them.

https://www.mongodb.com/docs/manual/reference/operator/query/text/
"""

from __future__ import annotations

import re
from typing import Any

from secantus_server.bson import decode_stored
from secantus_server.mql.text.definition import Text, TextDefinition
from secantus_server.mql.text.tokens import INSENSITIVE, Sensitivity, Tokenizer, tokenizer

_PIECE = re.compile(r'"|-|[^\s"\-]+')


class TextSearch:
    """The parsed search of a `$text`.

    `terms` are the stems to look up, in sort order. A document must contain at least one of them. `negated_terms`, `phrases` and
    `negated_phrases` have the format of explain.

    Arguments:
        definition: the definition of the collection's text index.
        text: the value of `$search`.
        language: the language of the words in the search.
        sensitivity: whether the search distinguishes case and diacritics.
    """

    def __init__(self, definition: TextDefinition, text: str, language: str, sensitivity: Sensitivity) -> None:
        self.definition = definition
        self.text = text
        self.language = language
        self.sensitivity = sensitivity
        words, negated_words, phrases, negated_phrases = _parse(text)
        version = definition.version
        self.terms = _terms(tokenizer(language, version), words)
        exact = tokenizer(language, version, sensitivity)
        self.negated_terms = _terms(exact, negated_words)
        self.phrases = phrases
        self.negated_phrases = negated_phrases
        self._exact_terms = frozenset(_terms(exact, words)) if sensitivity != INSENSITIVE else None
        self._folded = [exact.folded(phrase) for phrase in phrases]
        self._folded_negated = [exact.folded(phrase) for phrase in negated_phrases]

    @property
    def needs_texts(self) -> bool:
        """Return whether the search must read a document's texts in addition to its index entries.

        If so, a document that contains one of the terms may still not match.
        """
        return bool(self.negated_terms or self.phrases or self.negated_phrases or self._exact_terms is not None)

    def accepts(self, document: bytes) -> bool:
        """Return whether a document matches. The caller has already checked that it contains one of the terms."""
        return not self.needs_texts or self._accepts(list(self.definition.texts(decode_stored(document))))

    def matches(self, document: bytes) -> bool:
        """Return whether a document matches. This method reads the document instead of an index."""
        decoded = decode_stored(document)
        have = self.definition.scores(decoded)
        return any(term in have for term in self.terms) and (not self.needs_texts or self._accepts(list(self.definition.texts(decoded))))

    def score(self, document: bytes) -> float:
        """Return the score of a document, which is the sum of the scores of the search's terms in it."""
        have = self.definition.scores(decode_stored(document))
        return sum(have.get(term, 0.0) for term in self.terms)

    def parsed(self) -> dict[str, Any]:
        """Return the search in the format of explain."""
        return {
            "terms": self.terms,
            "negatedTerms": self.negated_terms,
            "phrases": self.phrases,
            "negatedPhrases": self.negated_phrases,
        }

    def _accepts(self, texts: list[Text]) -> bool:
        if self._exact_terms is not None and not self._has_token(texts, self._exact_terms):
            return False
        if self.negated_terms and self._has_token(texts, frozenset(self.negated_terms)):
            return False
        if not (self._folded or self._folded_negated):
            return True
        folded = [self._tokenizer(text).folded(text.value) for text in texts]
        return all(_occurs(phrase, folded) for phrase in self._folded) and not any(
            _occurs(phrase, folded) for phrase in self._folded_negated
        )

    def _tokenizer(self, text: Text) -> Tokenizer:
        return tokenizer(text.language, self.definition.version, self.sensitivity)

    def _has_token(self, texts: list[Text], wanted: frozenset[str]) -> bool:
        return any(not wanted.isdisjoint(self._tokenizer(text).tokens(text.value)) for text in texts)


def _occurs(phrase: str, texts: list[str]) -> bool:
    return any(phrase in text for text in texts)


def _terms(splitter: Tokenizer, words: list[str]) -> list[str]:
    return sorted({term for word in words for term in splitter.tokens(word)})


def _parse(text: str) -> tuple[list[str], list[str], list[str], list[str]]:
    """Split a search into its words, negated words, phrases and negated phrases.

    A hyphen negates the word or phrase directly after it, unless the hyphen itself follows a word. The words of a phrase are also
    returned as words, unless the phrase is negated.
    """
    words: list[str] = []
    negated_words: list[str] = []
    phrases: list[str] = []
    negated_phrases: list[str] = []
    negated, begin, end = False, -1, 0
    for piece in _PIECE.finditer(text):
        apart = piece.start() == 0 or piece.start() > end
        end = piece.end()
        inside = begin >= 0
        if not inside and apart:
            negated = False
        if piece.group() == '"':
            if inside:
                (negated_phrases if negated else phrases).append(text[begin : piece.start()])
                begin, negated = -1, False
            else:
                begin = piece.end()
        elif piece.group() == "-":
            negated = negated if inside else apart
        elif not inside:
            (negated_words if negated else words).append(piece.group())
            negated = False
        elif not negated:
            words.append(piece.group())
    return words, negated_words, phrases, negated_phrases
