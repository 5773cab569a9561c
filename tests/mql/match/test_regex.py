"""`$regex`, and PCRE's syntax on top of Python's."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from secantus_server.bson.values import Regex, Symbol
from secantus_server.errors import CommandError
from secantus_server.mql.match.pcre import compile_pattern
from tests.mql.match.matching import failure, matches

NEEDS_PYTHON_3_11 = pytest.mark.skipif(sys.version_info < (3, 11), reason="the `re` of Python 3.10 has no possessive quantifiers")


@pytest.mark.parametrize(
    ("spec", "stored", "expected"),
    [
        ({"$regex": "^ab"}, "abc", True),
        ({"$regex": "^ab"}, "xab", False),
        ({"$regex": "b"}, "abc", True),
        ({"$regex": "ab", "$options": "i"}, "xAB", True),
        ({"$options": "i", "$regex": "ab"}, "xAB", True),
        ({"$regex": Regex("ab"), "$options": "i"}, "xAB", True),
        ({"$regex": "b"}, ["a", "b"], True),
        ({"$regex": "1"}, 1, False),
        ({"$regex": ".*"}, None, False),
        ({"$regex": "b"}, Symbol("abc"), True),
        ({"$regex": "b"}, Regex("b"), True),
        ({"$regex": "b"}, Regex("b", "i"), False),
        ({"$regex": ""}, "", True),
        ({"$regex": "é"}, "café", True),
        ({"$regex": "bb"}, "abab b", False),
        ({"$regex": "aab"}, "aaab", True),
    ],
)
def test_matches(spec: dict[str, Any], stored: Any, expected: bool) -> None:
    assert matches({"a": spec}, {"a": stored}) is expected


@pytest.mark.parametrize(
    ("pattern", "options", "text", "expected"),
    [
        ("^b", "m", "a\nb", True),
        ("a.b", "", "a\nb", False),
        ("a.b", "s", "a\nb", True),
        ("a b # c", "x", "ab", True),
        ("a\\ b", "x", "a b", True),
        ("(?i)AB", "", "ab", True),
        ("a(?i)B|C", "", "c", True),
        ("a(?i)B|C", "", "Ab", False),
        ("(?i:a)b", "", "AB", False),
        ("(?m)^b", "", "a\nb", True),
        ("(?x) a b", "", "ab", True),
        pytest.param("a++b", "", "aaab", True, marks=NEEDS_PYTHON_3_11),
        ("a{2}{2}", "", "aaaa", True),
        ("a{,2}", "", "a{,2}", True),
        ("(?P<n>a)(?P=n)", "", "aa", True),
        ("(?<n>a)\\k<n>", "", "aa", True),
        ("(a)\\g{1}", "", "aa", True),
        ("(a)\\g{-1}", "", "aa", True),
        ("^(a)?(?(1)b|c)$", "", "ab", True),
        ("foo\\Kbar", "", "foobar", True),
        ("\\Qa.b\\E", "", "axb", False),
        ("\\Qa.b\\E", "", "a.b", True),
        ("abc\\Z", "", "abc\n", True),
        ("abc\\z", "", "abc\n", False),
        ("\\x41\\x{42}\\103", "", "ABC", True),
        ("^\\d+$", "", "١٢", False),
        ("(*UCP)^\\d+$", "", "١٢", True),
        ("^\\w+$", "", "é", False),
        ("\\byster", "", "Öyster", True),
        ("(*UCP)\\byster", "", "Öyster", False),
        ("^\\p{L}+$", "", "日本", True),
        ("^\\p{Cyrillic}+$", "", "Привет", True),
        ("^\\p{Han}+$", "", "你好", True),
        ("\\P{L}", "", "abc", False),
        ("^[[:alpha:]_]+$", "", "a_b", True),
        ("[[:^digit:]]", "", "12", False),
        ("^[^]a]$", "", "]", False),
        ("[a-c\\d-]+$", "", "b-3", True),
        ("^\\h\\v$", "", "\t\n", True),
        ("a\\Rb", "", "a\r\nb", True),
        ("istanbul", "i", "İstanbul", False),
        ("istanbul", "i", "ISTANBUL", True),
        ("straße", "i", "STRASSE", False),
        ("(*FAIL)", "", "a", False),
        ("a(?#no)b", "", "ab", True),
        ("(?<=a)b(?!c)", "", "ab", True),
    ],
)
def test_pcre_syntax(pattern: str, options: str, text: str, expected: bool) -> None:
    assert (compile_pattern(pattern, options).regex.search(text) is not None) is expected


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("[abc", "missing terminating ] for character class"),
        ("(a", "missing closing parenthesis"),
        ("a)", "unmatched closing parenthesis"),
        ("*a", "quantifier does not follow a repeatable item"),
        ("a|*", "quantifier does not follow a repeatable item"),
        ("a{3,2}", "numbers out of order in {} quantifier"),
        ("a{99999}", "number too big in {} quantifier"),
        ("[z-a]", "range out of order in character class"),
        ("[[:foo:]]", "unknown POSIX class name"),
        ("(?y)", "unrecognized character after (? or (?-"),
        ("\\", "\\ at end of pattern"),
        ("\\i", "unrecognized character follows \\"),
        ("\\p{Zz}", "unknown property after \\P or \\p"),
        ("\\1", "reference to non-existent subpattern"),
        ("a" * 32769, "regular expression is too large"),
    ],
)
def test_invalid_patterns(pattern: str, text: str) -> None:
    with pytest.raises(CommandError) as caught:
        compile_pattern(pattern, "")
    assert (caught.value.code, caught.value.message) == (51091, f"Regular expression is invalid: {text}")


@pytest.mark.parametrize("pattern", ["(?<=a+)b", "\\p{Tifinagh}", "(?R)", "(?1)", "\\X", "(?|a|b)", "(*ACCEPT)", "(?U)a"])
def test_what_python_cannot_do_is_named(pattern: str) -> None:
    with pytest.raises(CommandError, match="is not supported by Secantus yet") as caught:
        compile_pattern(pattern, "")
    assert caught.value.code == 238


@pytest.mark.parametrize(
    ("spec", "code", "text"),
    [
        ({"$regex": 1}, 2, "$regex has to be a string"),
        ({"$regex": "a", "$options": 1}, 2, "$options has to be a string"),
        ({"$options": "i"}, 2, "$options needs a $regex"),
        ({"$regex": Regex("a", "i"), "$options": "m"}, 51075, "options set in both $regex and $options"),
        ({"$options": "m", "$regex": Regex("a", "i")}, 51074, "options set in both $regex and $options"),
        ({"$regex": "a", "$options": "g"}, 51108, " invalid flag in regex options: g"),
        ({"$regex": "a\0"}, 2, "Regular expression cannot contain an embedded null byte"),
    ],
)
def test_errors(spec: dict[str, Any], code: int, text: str) -> None:
    assert failure({"a": spec}) == (code, text)
