"""Words, stems, stop words, and the differences that distinguish words."""

from __future__ import annotations

import pytest

from secantus_server.mql.text.languages import LANGUAGES, stemmer, stop_words
from secantus_server.mql.text.tokens import Sensitivity, tokenizer


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("the quick brown foxes", "english", ["quick", "brown", "fox"]),
        ("well-known snake_case a.b (c)", "english", ["well", "known", "snake_cas", "b", "c"]),
        ("$price #tag 2024", "none", ["price", "tag", "2024"]),
        ("the the", "none", ["the", "the"]),
        ("don't dogs' o'neil", "english", ["dog", "o'neil"]),
        ("l'amour", "none", ["l", "amour"]),
        ("«était» caf\u00e9 cafe\u0301", "none", ["etait", "cafe", "cafe"]),
        ("hello\0world", "none", ["hello", "world"]),
        ("数据库系统 こんにちは", "none", ["数据库系统", "こんにちは"]),
        ("corriendo correr", "spanish", ["corr", "corr"]),
        ("ΛΌΓΟΣ", "none", ["λογοσ"]),
        ("\udcff\udcfe cafes", "english", ["\udcff\udcfe", "cafe"]),
        ("", "english", []),
    ],
)
def test_tokens(text: str, language: str, expected: list[str]) -> None:
    assert tokenizer(language).tokens(text) == expected


@pytest.mark.parametrize(
    ("sensitivity", "expected"),
    [
        (Sensitivity(), ["cafe", "cafe", "cafe"]),
        (Sensitivity(case=True), ["Cafe", "cafe", "Cafe"]),
        (Sensitivity(diacritics=True), ["café", "café", "cafe"]),
        (Sensitivity(case=True, diacritics=True), ["Café", "café", "Cafe"]),
    ],
)
def test_sensitivity(sensitivity: Sensitivity, expected: list[str]) -> None:
    assert tokenizer("none", 3, sensitivity).tokens("Café café Cafe") == expected


def test_stop_words_are_recognized_in_any_case() -> None:
    assert tokenizer("english", 3, Sensitivity(case=True)).tokens("The FOX") == ["FOX"]


def test_older_versions_know_only_ascii() -> None:
    assert tokenizer("none", 2).tokens("«Été» É a-b") == ["«Été»", "É", "a", "b"]


def test_the_two_letters_i_of_turkish() -> None:
    assert tokenizer("turkish").folded("IİŞ") == "ıis"
    assert tokenizer("english").folded("IŞ") == "is"


@pytest.mark.parametrize("language", sorted(set(LANGUAGES.values())))
def test_every_language_has_stop_words_and_stems(language: str) -> None:
    assert bool(stop_words(language)) == (language != "none")
    assert stemmer(language)("x") == "x"
