"""Scores that articles on MongoDB's text search show, and the texts that have them."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.errors import CommandError
from secantus_server.mql.text.definition import TextDefinition

OPTIONS = {"default_language": "english", "language_override": "language", "textIndexVersion": 3}


def definition(weights: dict[str, Any], **options: Any) -> TextDefinition:
    return TextDefinition({**OPTIONS, "weights": weights, **options})


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("Rock", 1.1),
        ("Rocks", 1.0),
        ("Rock paper", 0.75),
        ("Rock paper scissors", 2 / 3),
        ("rock rock rock", 1.75),
        ("rock, the rock and a stone", 1.5 * (0.5 * 2 / 3 + 0.5)),
    ],
)
def test_the_score_of_one_text(text: str, score: float) -> None:
    assert definition({"a": 1}).scores({"a": text})["rock"] == pytest.approx(score, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "term", "score"),
    [
        # The manual's example of $meta shows one document with the score 0.75 and two with 1.
        ("cakes and ale", "cake", 0.75),
        ("more cakes", "cake", 1.0),
        ("some cakes", "cake", 1.0),
        # An article on MongoDB 2.4 shows these scores: `I'm` is one word, and a stop word.
        ("He waits", "wait", 1.0),
        ("I'm still waiting", "wait", 0.75),
        ("I waited for hours", "wait", 0.75),
    ],
)
def test_published_scores(text: str, term: str, score: float) -> None:
    assert definition({"a": 1}).scores({"a": text})[term] == score


def test_scores_of_several_texts_are_added() -> None:
    found = definition({"a": 10, "b": 1, "c": 2}).scores({"a": "rock", "b": ["rock paper", 5, "rocks"], "c": {"d": "rock"}})
    assert found["rock"] == 11.0 + 0.75 + 1.0
    assert found["paper"] == 0.75


@pytest.mark.parametrize(
    ("weights", "document", "terms"),
    [
        ({"a.b": 1}, {"a": [{"b": "x"}, {"b": ["y"]}, "z"]}, {"x", "y"}),
        ({"a": 1}, {"a": {"b": "x"}}, set()),
        ({"$**": 1}, {"a": {"b": ["x", {"c": "y"}]}, "language": "none"}, {"x", "y"}),
        ({"a": 1}, {"a": None}, set()),
        ({"a": 1}, {}, set()),
    ],
)
def test_which_texts_are_indexed(weights: dict[str, Any], document: dict[str, Any], terms: set[str]) -> None:
    assert definition(weights).scores(document).keys() == terms


def test_a_field_of_its_own_has_its_weight_beside_all_fields() -> None:
    assert definition({"$**": 1, "a": 5}).scores({"a": "x y", "b": "x y"})["x"] == 0.75 * 5 + 0.75


@pytest.mark.parametrize(
    ("document", "terms"),
    [
        ({"language": "none", "a": {"b": "running"}}, {"running"}),
        ({"a": {"language": "none", "b": "running"}}, {"running"}),
        ({"language": "spanish", "a": [{"b": "corriendo"}, {"language": "en", "b": "corriendo"}]}, {"corr", "corriendo"}),
    ],
)
def test_documents_choose_their_language(document: dict[str, Any], terms: set[str]) -> None:
    assert definition({"a.b": 1}).scores(document).keys() == terms


def test_nested_documents_choose_none_in_version_1() -> None:
    assert definition({"a.b": 1}, textIndexVersion=1).scores({"a": {"language": "none", "b": "running"}}).keys() == {"run"}


@pytest.mark.parametrize(("language", "code"), [("klingon", 17262), (1, 17261)])
def test_unknown_languages(language: Any, code: int) -> None:
    with pytest.raises(CommandError) as caught:
        definition({"a": 1}).scores({"language": language})
    assert caught.value.code == code
