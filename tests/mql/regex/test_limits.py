"""Searches that would never end without a limit."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secantus_server.errors import CommandError
from secantus_server.mql.regex import compile_pattern
from secantus_server.mql.regex._pattern import _quick_length


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "^(?:a?){40}a{40}$", "(?:(?:a|a)*b?)*$"])
def test_too_many_steps_are_an_error(pattern: str) -> None:
    found = compile_pattern(pattern, "")
    text = "a" * 39 + "!"
    for search in (found.matches, found.find, found.find_all):
        with pytest.raises(CommandError, match="Result code: match limit exceeded") as caught:
            search(text)
        assert caught.value.code == 51156
    assert found.matches("a" * 80)


def test_recursion_without_end_is_an_error() -> None:
    with pytest.raises(CommandError) as caught:
        compile_pattern("^(a(?1)?b?)+$", "").matches("a" * 2000 + "!")
    assert caught.value.code == 51156


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("(a|b)*$", "ab" * 50_000, True),
        ("(?:a|b)*c$", "ab" * 2000 + "c", True),
        ("a.*b.*c.*d", "a b c " * 300, False),
        ("a.*b.*c.*d", "a b c " * 300 + "d", True),
        ("\\Ga*b*c*d", "aab" * 300, False),
        ("a(*COMMIT).*b.*c.*d", "a b c " * 300, False),
        ("(?<=é)x*y*z*!", "xé" * 500 + "é!", True),
        ("b*c*d*$", "é" * 1000, True),
        ("a*b*c*\\z", "", True),
    ],
)
def test_a_patient_search_finds_what_there_is(pattern: str, text: str, expected: bool) -> None:
    assert compile_pattern(pattern, "").matches(text) is expected


# Never matches, but its quantifiers make the searches run without the GIL.
MANY_QUANTIFIERS = f"(?:{'z*' * 60}){{0}}"


@pytest.mark.parametrize("pattern", ["a", "(a|b)+c?", "(?<=a)b", "^a|é$", "\\b\\w+", "(?m)^.", "", "[^a]+", "(?=b)", "(*UCP)\\w", "(a)?b"])
@given(text=st.text("abcé😀 \n", max_size=90))
def test_quick_and_patient_searches_find_the_same(pattern: str, text: str) -> None:
    quick, patient = compile_pattern(pattern, ""), compile_pattern(pattern + MANY_QUANTIFIERS, "")
    assert patient.find_all(text) == quick.find_all(text)
    assert patient.matches(text) is quick.matches(text)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [(b"abc", 1 << 40), (b"(?i)abc", 1 << 40), (b"ab*c", 14142), (b"a*b+", 843), (b"(a*)\\1", 843), (b"a(?R)?", 32), (b"a*" * 65, 32)],
)
def test_the_more_quantifiers_the_shorter_the_quick_texts(pattern: bytes, expected: int) -> None:
    assert _quick_length(pattern) == expected


def test_a_long_search_lets_other_threads_work() -> None:
    pattern = compile_pattern("(a+)+$", "")
    go, noted = threading.Event(), []

    def note() -> None:
        go.wait()
        noted.append(True)

    thread = threading.Thread(target=note)
    thread.start()
    interval = sys.getswitchinterval()
    # With this switch interval, another thread gets the GIL only if the search releases it.
    sys.setswitchinterval(1000)
    try:
        go.set()
        for _ in range(50):
            with pytest.raises(CommandError):
                pattern.matches("a" * 60 + "!")
            if noted:
                break
    finally:
        sys.setswitchinterval(interval)
    assert noted
    thread.join()


def test_threads_share_a_pattern() -> None:
    pattern = compile_pattern("(\\w+)@(\\w+)", "")
    texts = [f"{'x' * (n * 7 % 300)} user{n}@host{n}" for n in range(400)]

    def search(text: str) -> tuple[str, str]:
        user, host = pattern.find_all(text)[0]["captures"]
        assert pattern.matches(text)
        return user, host

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(search, texts)) == [(f"user{n}", f"host{n}") for n in range(400)]
