"""Patterns that are compared byte by byte."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secantus_server.mql.regex import Pattern, compile_pattern
from secantus_server.mql.regex.literal import literal_of


@pytest.mark.parametrize(
    ("pattern", "options", "expected"),
    [
        ("abc", "", ("abc", False)),
        ("^abc", "", ("abc", True)),
        ("^", "", ("", True)),
        ("", "", ("", False)),
        ("a\\.b\\-\\\\", "", ("a.b-\\", False)),
        ("é]}", "su", ("é]}", False)),
        ("abc", "i", (None, False)),
        ("^abc", "m", (None, False)),
        ("a b", "x", (None, False)),
        ("a.c", "", (None, False)),
        ("a\\d", "", (None, False)),
        ("a\\é", "", (None, False)),
        ("a{2}", "", (None, False)),
        ("a|b", "", (None, False)),
        ("abc$", "", (None, False)),
        ("a^", "", (None, False)),
        ("(*UCP)a", "", (None, False)),
        ("a\\", "", (None, False)),
    ],
)
def test_literals(pattern: str, options: str, expected: tuple[str | None, bool]) -> None:
    assert literal_of(pattern, options) == expected


@given(st.text("ab.é\\-^", max_size=4), st.text("ab.é\\-^", max_size=12), st.sampled_from(["", "^"]))
def test_bytes_are_compared_as_pcre2_does(wanted: str, text: str, anchor: str) -> None:
    pattern = anchor + re.escape(wanted).replace("\\é", "é")
    assert compile_pattern(pattern, "").matches(text) is Pattern(pattern.encode(), "").matches(text)
