"""Regular expressions that could search for ever."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secantus_server.errors import CommandError
from secantus_server.mql.match.pcre import BoundedPattern, compile_pattern

PATTERNS = ["(a+)+$", "(a|b|ab)*c", "a*?b", "^(a|b)+(?=c)", "(?i)(A|b)+C", "(a)?b{1,2}|c+", "(a*)(b*)\\1"]
if sys.version_info >= (3, 11):  # the `re` of Python 3.10 has no possessive quantifiers
    PATTERNS.append("(?:a|b)*+c")


def pattern(text: str) -> BoundedPattern:
    compiled = compile_pattern(text, "").regex
    assert isinstance(compiled, BoundedPattern)
    return compiled


@pytest.mark.parametrize("text", ["abc", "^a.c$", "[a-z]\\d", "a{3}", "(a)(b)"])
def test_a_pattern_without_choices_needs_no_bound(text: str) -> None:
    assert isinstance(compile_pattern(text, "").regex, re.Pattern)


def test_what_takes_too_many_steps_is_an_error() -> None:
    assert pattern("(a|aa)+$").search("aaa") is not None
    with pytest.raises(CommandError) as caught:
        pattern("(a|aa)+$").search("a" * 100 + "b")
    assert caught.value.code == 51156


@pytest.mark.parametrize("text", PATTERNS)
@given(subject=st.text("abcABC", max_size=30))
def test_both_libraries_find_the_same(text: str, subject: str) -> None:
    quick = pattern(text)._quick
    expected, found = quick.search(subject), BoundedPattern(quick, 100, True).search(subject)
    assert (expected is None) == (found is None)
    if expected is not None and found is not None:
        assert (expected.span(), expected.groups()) == (found.span(), found.groups())
