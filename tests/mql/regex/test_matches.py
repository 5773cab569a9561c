"""Matches with their positions and groups."""

from __future__ import annotations

import gc
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secantus_server.errors import CommandError
from secantus_server.mql.regex import compile_pattern

# Patterns for which Python's `re` and PCRE2 agree.
PATTERNS = ["a", "a+b", "(a|b)+c", "(a)?(b)|c", "[^ab]", "(?=a)", "", "x*", "(?i)A(.)", "b$", "^a|é", "(é+)(a*)", "\\\\", "(?<=a)b"]


def found(match: str, idx: int, *captures: str | None) -> dict[str, Any]:
    return {"match": match, "idx": idx, "captures": list(captures)}


def expected(pattern: str, text: str) -> list[dict[str, Any]]:
    position, matches = 0, []
    while position < len(text) or position == 0:
        match = re.compile(pattern).search(text, position)
        if match is None:
            break
        matches.append(found(match.group(), match.start(), *match.groups()))
        position = match.end() if match.end() > match.start() else match.end() + 1
    return matches


@pytest.mark.parametrize("pattern", PATTERNS)
@given(text=st.text("abcé😀A \\", max_size=20))
def test_matches_are_those_of_python(pattern: str, text: str) -> None:
    assert compile_pattern(pattern, "").find_all(text) == expected(pattern, text)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_long_text_gives_the_same_matches(pattern: str) -> None:
    text = "abé cA😀" * 400
    assert compile_pattern(pattern, "").find_all(text) == expected(pattern, text)


def test_the_first_match() -> None:
    assert compile_pattern("b(c)?", "").find("éabab") == found("b", 2, None)
    assert compile_pattern("x", "").find("éabab") is None


def test_a_match_may_be_kept_from_a_later_place_on() -> None:
    assert compile_pattern("foo\\Kbar", "").find_all("foobar foobar") == [found("bar", 3), found("bar", 10)]


def test_invalid_utf8_counts_a_place_for_each_byte() -> None:
    text = b"\xff\xe9ab\xff".decode("utf-8", "surrogateescape")
    assert compile_pattern("[a-z]+", "").find_all(text) == [found("ab", 2)]
    assert compile_pattern("(.)é?$", "").find(text + "é") == found("\udcffé", 4, "\udcff")
    assert compile_pattern(".", "").find_all(text) == [found(character, place) for place, character in enumerate(text)]


def test_a_match_inside_of_a_character_is_an_error() -> None:
    pattern = compile_pattern("\\C", "")
    assert pattern.find_all("ab") == [found("a", 0), found("b", 1)]
    with pytest.raises(CommandError, match="inside of a UTF-8 character") as caught:
        pattern.find_all("é")
    assert caught.value.code == 51156


def test_a_pattern_may_be_used_while_its_matches_are_made() -> None:
    pattern = compile_pattern("(a|b)+", "")

    class Searching:
        def __del__(self) -> None:
            assert pattern.matches("b")

    def cycle() -> None:
        searching = Searching()
        searching.itself = searching  # type: ignore[attr-defined]

    thresholds = gc.get_threshold()
    gc.set_threshold(1)
    try:
        cycle()
        assert pattern.find_all("ab " * 50) == [found("ab", 3 * n, "b") for n in range(50)]
    finally:
        gc.set_threshold(*thresholds)
