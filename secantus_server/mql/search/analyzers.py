"""Analyzers, which split texts into search terms.

https://www.mongodb.com/docs/atlas/atlas-search/analyzers/
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from secantus_server.errors import CommandError, not_supported
from secantus_server.mql.text.languages import LANGUAGES, NO_LANGUAGE
from secantus_server.mql.text.tokens import VERSION, Sensitivity, tokenizer

Analyzer = Callable[[str], list[str]]

STANDARD, KEYWORD = "lucene.standard", "lucene.keyword"
#: The name of an analyzer that is like the standard one, but removes diacritics; for `autocomplete`.
FOLDED = "folded"
_LETTERS = re.compile(r"[^\W\d_]+")
_DIACRITICS_COUNT = Sensitivity(diacritics=True)


def analyzer(name: Any) -> Analyzer:
    """Return an analyzer, which is a function that splits a text into terms.

    Arguments:
        name: the name of the analyzer, such as `lucene.standard` or `lucene.french`.

    Raises:
        CommandError: 8 if the name is not a string, 238 for an analyzer that is not supported.
    """
    if type(name) is not str:
        raise CommandError(8, '"analyzer" must be a string')
    own = _OWN.get(name)
    if own is not None:
        return own
    language = LANGUAGES.get(name.removeprefix("lucene.")) if name.startswith("lucene.") else None
    if language is None or language == NO_LANGUAGE:
        raise not_supported(f"the analyzer {name}", "use lucene.standard or the one of a language")
    return tokenizer(language, VERSION, _DIACRITICS_COUNT).tokens


def _simple(text: str) -> list[str]:
    return _LETTERS.findall(text.lower())


def _keyword(text: str) -> list[str]:
    return [text]


_OWN: dict[str, Analyzer] = {
    STANDARD: tokenizer(NO_LANGUAGE, VERSION, _DIACRITICS_COUNT).tokens,
    FOLDED: tokenizer(NO_LANGUAGE, VERSION).tokens,
    "lucene.simple": _simple,
    "lucene.whitespace": str.split,
    KEYWORD: _keyword,
}
