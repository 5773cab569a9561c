"""PCRE2's syntax, and the errors of patterns that it refuses."""

from __future__ import annotations

import pytest

from secantus_server.errors import CommandError
from secantus_server.mql.regex import compile_pattern


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
        ("a++b", "", "aaab", True),
        ("(?:a{2}){2}", "", "aaaa", True),
        ("^a{,2}$", "", "aa", True),
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
        ("(?<=a{1,3}|bc)d", "", "bcd", True),
        ("(?>a+)ab", "", "aaab", False),
        ("a*+a", "", "aaa", False),
        ("^(\\((?:[^()]|(?1))*\\))$", "", "(a(b)(c(d)))", True),
        ("^(\\((?:[^()]|(?1))*\\))$", "", "(a(b)(c(d))", False),
        ("^(?:(.)(?=.*(\\1(?(2)\\2))$))+.?\\2$", "", "level", True),
        ("(?|a(.)|b(.))\\1", "", "bxx", True),
        ("a(*SKIP)(*FAIL)|b", "", "ab", True),
        ("a(*COMMIT)b|ac", "", "ac", False),
        ("(*ACCEPT)x", "", "", True),
        ("(?U)a+b", "", "aab", True),
        ("^\\X$", "", "e\u0301", True),
        ("\\p{Tifinagh}", "", "\u2d30", True),
        ("(?<year>\\d{4})-\\k{year}", "", "2024-2024", True),
        ("(?&word)!(?(DEFINE)(?<word>[a-z]+))", "", "abc!", True),
        ("É", "i", "é", True),
        ("^.$", "u", "😀", True),
        ("^\\C\\C$", "", "é", True),
        ("^\\N{U+e9}$", "", "é", True),
        ("^\\W+$", "", "éß", True),
        ("(*UTF)caf.$", "", "café", True),
        ("(*LIMIT_MATCH=1000000)a", "", "a", True),
    ],
)
def test_pcre_syntax(pattern: str, options: str, text: str, expected: bool) -> None:
    found = compile_pattern(pattern, options)
    for _ in range(80):  # interpreted at first, then by machine code
        assert found.matches(text) is expected


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
        ("a{2}{2}", "quantifier does not follow a repeatable item"),
        ("(?<=a+)b", "length of lookbehind assertion is not limited"),
        ("(?<n>a)(?<n>b)", "two named subpatterns have the same name (PCRE2_DUPNAMES not set)"),
        ("(?<=\\C)a", "\\C is not allowed in a lookbehind assertion in UTF-8 mode"),
        ("\udcff", "UTF-8 error: illegal byte (0xfe or 0xff)"),
        ("a" * 16385, "pattern string is longer than the limit set by the application"),
    ],
)
def test_invalid_patterns(pattern: str, text: str) -> None:
    with pytest.raises(CommandError) as caught:
        compile_pattern(pattern, "")
    assert (caught.value.code, caught.value.message) == (51091, f"Regular expression is invalid: {text}")
