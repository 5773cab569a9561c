"""Splits a text into tokens, which are its words in the form that text indexes store and searches look up.

https://www.mongodb.com/docs/manual/core/indexes/index-types/index-text/text-index-properties/
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from secantus_server.mql.text.characters import lower_case, lower_case_ascii, without_diacritics, word_pattern
from secantus_server.mql.text.languages import stemmer, stop_words

#: The newest version of text indexes.
VERSION = 3


class Sensitivity(NamedTuple):
    """The options of a search that determine whether differences in case and in diacritics make two words different."""

    case: bool = False
    diacritics: bool = False


INSENSITIVE = Sensitivity()


class Tokenizer:
    """A converter from texts in one language to tokens.

    Arguments:
        language: the name of the language in `LANGUAGES`.
        version: the version of the text index. Before version 3, only ASCII letters are converted to lower case, only ASCII characters
            are separators, and diacritics are always distinguished.
        sensitivity: whether case and diacritics are distinguished.
    """

    def __init__(self, language: str, version: int = VERSION, sensitivity: Sensitivity = INSENSITIVE) -> None:
        self._is_old = version < VERSION
        self._turkish = language == "turkish"
        self._pattern = word_pattern(ascii_only=self._is_old, english=language == "english")
        self._stop_words = stop_words(language)
        self._stem = stemmer(language)
        self._keeps_case = sensitivity.case
        self._keeps_diacritics = sensitivity.diacritics or self._is_old

    def tokens(self, text: str) -> list[str]:
        """Return the stems of a text's words, in order and without stop words."""
        if not self._keeps_case:
            # The whole text can be converted at once, because a word has the same lower case on its own as in the text.
            text = self._lower(text)
        found = []
        for word in self._pattern.findall(text):
            if (self._lower(word) if self._keeps_case else word) not in self._stop_words:
                stem = self._stem(word)
                found.append(stem if self._keeps_diacritics else without_diacritics(stem))
        return found

    def folded(self, text: str) -> str:
        """Normalize a text for the search of phrases, by removing the differences in case and diacritics that the search ignores."""
        if not self._keeps_case:
            text = self._lower(text)
        return text if self._keeps_diacritics else without_diacritics(text)

    def _lower(self, text: str) -> str:
        return lower_case_ascii(text) if self._is_old else lower_case(text, turkish=self._turkish)


@cache
def tokenizer(language: str, version: int = VERSION, sensitivity: Sensitivity = INSENSITIVE) -> Tokenizer:
    """Return the cached tokenizer for these options."""
    return Tokenizer(language, version, sensitivity)
