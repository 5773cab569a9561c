"""Searches: their terms, phrases and negations, and which documents match."""

from __future__ import annotations

import pytest

from secantus_server.bson import encode
from secantus_server.mql.text.definition import TextDefinition
from secantus_server.mql.text.search import TextSearch
from secantus_server.mql.text.tokens import Sensitivity

DEFINITION = TextDefinition({"weights": {"a": 1}, "default_language": "english", "language_override": "language", "textIndexVersion": 3})


def search(text: str, *, case: bool = False, diacritics: bool = False) -> TextSearch:
    return TextSearch(DEFINITION, text, "english", Sensitivity(case, diacritics))


@pytest.mark.parametrize(
    ("text", "terms", "negated", "phrases", "negated_phrases"),
    [
        ("coffee shops", ["coffe", "shop"], [], [], []),
        ("coffee -shops", ["coffe"], ["shop"], [], []),
        ("pre-market", ["market", "pre"], [], [], []),
        ("- market", ["market"], [], [], []),
        ('"ssl certificates" key', ["certif", "key", "ssl"], [], ["ssl certificates"], []),
        ('key -"ssl certificates"', ["key"], [], [], ["ssl certificates"]),
        ('open "quote', ["open", "quot"], [], [], []),
        ('"one -two"', ["one", "two"], [], ["one -two"], []),
        ("the", [], [], [], []),
        ("", [], [], [], []),
        ("-fox -dog", [], ["dog", "fox"], [], []),
        ("a a fox fox", ["fox"], [], [], []),
    ],
)
def test_parsing(text: str, terms: list[str], negated: list[str], phrases: list[str], negated_phrases: list[str]) -> None:
    assert search(text).parsed() == {
        "terms": terms,
        "negatedTerms": negated,
        "phrases": phrases,
        "negatedPhrases": negated_phrases,
    }


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("fox", {}, True),
        ("cat", {}, False),
        ("cat fox", {}, True),
        ("fox -dog", {}, False),
        ("fox -cat", {}, True),
        ('"BROWN fox"', {}, True),
        ('"fox brown"', {}, False),
        ('"brown fox" "lazy dog"', {}, True),
        ('"brown fox" "lazy cat"', {}, False),
        ('fox -"lazy dog"', {}, False),
        ("fox", {"case": True}, False),
        ("Fox", {"case": True}, True),
        ('"brown fox"', {"case": True}, False),
        ("uber", {}, True),
        ("uber", {"diacritics": True}, False),
        ("über", {"diacritics": True}, True),
        ("-cat", {}, False),
    ],
)
def test_matching(text: str, options: dict[str, bool], expected: bool) -> None:
    document = encode({"_id": 1, "a": ["The brown Fox jumps über", "the lazy dog"]})
    assert search(text, **options).matches(document) == expected
