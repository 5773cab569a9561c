"""The order of texts under each collation option."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from secantus_server.mql.collation import Collation, parse_collation


def make(**options: Any) -> Collation:
    """Return a collation of the root order with these options."""
    collation = parse_collation({"locale": "en", **options})
    assert collation is not None
    return collation


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        pytest.param({}, ["", " ", "_", "-", ",", ".", "'", '"', "(", "@", "`", "^", "+", "$", "0", "9", "a", "A", "z", "Z"], id="ascii"),
        pytest.param({}, ["a", "A", "á", "Á", "à", "ab", "aB", "Ab", "b"], id="accents before letters"),
        pytest.param({}, ["z", "α", "Ω", "а", "я", "א", "ا", "가", "あ", "一", "丁"], id="scripts"),
        pytest.param({}, ["и", "й", "к"], id="й is a letter"),
        pytest.param({}, ["🍊", "🍎", "apple"], id="symbols before letters"),
        pytest.param({"strength": 2}, ["cote", "coté", "côte", "côté"], id="accents from the front"),
        pytest.param({"strength": 2, "backwards": True}, ["cote", "côte", "coté", "côté"], id="accents from the back"),
        pytest.param({"caseFirst": "upper"}, ["A", "a", "Á", "á", "B", "b"], id="upper case first"),
        pytest.param({"caseFirst": "lower"}, ["a", "A", "b", "B"], id="lower case first"),
        pytest.param({"strength": 1, "caseLevel": True}, ["a", "A", "b", "B"], id="case without accents"),
        pytest.param({"strength": 1, "caseLevel": True, "caseFirst": "upper"}, ["A", "a", "B", "b"], id="case level, upper first"),
        pytest.param({"numericOrdering": True}, ["-", "1", "2", "10", "1" + "0" * 300, "a"], id="numbers"),
        pytest.param({"numericOrdering": True}, ["a1b2", "a1b10", "a2", "a١٠", "a²"], id="numbers of any script, but not superscripts"),
        pytest.param({"numericOrdering": True, "strength": 5}, ["007", "07", "7"], id="identical level of numbers"),
        pytest.param({"alternate": "shifted", "strength": 4}, ["a b", "a-b", "ab"], id="shifted, fourth level"),
        pytest.param({"alternate": "shifted", "maxVariable": "space"}, ["-", "a", "a-", "ab"], id="only spaces shifted"),
        pytest.param({}, ["ぁ", "あ", "ァ", "ア", "い"], id="small kana first"),
    ],
)
def test_order(options: dict[str, Any], texts: list[str]) -> None:
    keys = [make(**options).sort_key(text) for text in texts]
    for (text, key), (after, next_key) in pairwise(zip(texts, keys, strict=True)):
        assert key < next_key, (text, after)


@pytest.mark.parametrize(
    ("options", "text", "equal", "different"),
    [
        pytest.param({"strength": 1}, "cafe", ["Cafe", "café", "CAFÉ", "cafe\u0301", "ｃａｆｅ"], ["caff", "cafe "], id="1"),
        pytest.param({"strength": 1}, "strasse", ["straße", "STRASSE"], ["strase"], id="1: ß"),
        pytest.param({"strength": 1}, "fi", ["ﬁ"], ["f"], id="1: ligature"),
        pytest.param({"strength": 2}, "cafe", ["Cafe", "CAFE"], ["café"], id="2"),
        pytest.param({}, "e\u0301", ["é"], ["e", "É", "è"], id="3: canonical equivalence"),
        pytest.param({}, "ab", ["a\u200bb", "a\ufeffb", "a\0b"], ["a b"], id="3: ignorable characters"),
        pytest.param({"strength": 4}, "ab", ["a\u200bb"], ["a-b"], id="4"),
        pytest.param({"strength": 5}, "ab", [], ["a\u200bb"], id="5"),
        pytest.param({"strength": 5}, "é", ["e\u0301"], ["E\u0301"], id="5: canonical equivalence"),
        pytest.param({"strength": 1, "caseLevel": True}, "a", ["á"], ["A", "Á"], id="1 with case level"),
        pytest.param({"strength": 2, "caseLevel": True}, "a", [], ["á", "A"], id="2 with case level"),
        pytest.param({"alternate": "shifted"}, "ab", ["a b", "a-b", " ab", "a.\u0301b", "a\u00a0b"], ["a+b", "abc"], id="shifted"),
        pytest.param({"alternate": "shifted"}, "", ["...", " ", "-_-"], ["+"], id="shifted: nothing left"),
        pytest.param({"alternate": "shifted", "maxVariable": "space"}, "ab", ["a b"], ["a-b", "a\u00a0b"], id="shifted spaces"),
        pytest.param({"numericOrdering": True}, "a12", ["a012", "a00012", "a١٢"], ["a112", "a1"], id="numbers"),
        pytest.param({"normalization": True}, "a\u0327\u0301", ["a\u0301\u0327"], ["a\u0301"], id="marks in any order"),
    ],
)
def test_equality(options: dict[str, Any], text: str, equal: list[str], different: list[str]) -> None:
    collation = make(**options)
    key = collation.sort_key(text)
    assert [other for other in equal if collation.sort_key(other) != key] == []
    assert [other for other in different if collation.sort_key(other) == key] == []


@pytest.mark.parametrize("strength", range(1, 6))
def test_any_text_has_a_key(strength: int) -> None:
    collation = make(strength=strength)
    for text in ["\ud800", "\U0010ffff", "\ue000", "\x00", "ก" * 3, "เก", "l·l", "ﷺ", "\u0301"]:
        assert collation.sort_key(text) == collation.sort_key(text)
    assert collation.sort_key("\ue000") != collation.sort_key("\ue001")


@pytest.mark.parametrize("first", ["upper", "lower", "off"])
def test_marks_of_the_third_level_have_no_case(first: str) -> None:
    collation = make(locale="ur", caseFirst=first)
    assert collation.sort_key("ب\u0670\u061a") < collation.sort_key("ب\u0670\u0614\u061a")


def test_shifted_punctuation_of_a_locale() -> None:
    collation = make(locale="th", strength=4)
    assert collation.sort_key("๏iธ") < collation.sort_key("ฯiธ") < collation.sort_key("๚iธ")


def test_collations_are_equal_by_their_specification() -> None:
    assert make(strength=2) == make(strength=2, caseFirst="off")
    assert make(strength=2) != make(strength=1)
    assert make() != parse_collation({"locale": "fr"})
    assert len({make(), make(strength=3)}) == 1
