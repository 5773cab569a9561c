"""`$regexMatch`, `$regexFind`, `$regexFindAll`."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.bson.values import Regex
from secantus_server.errors import CommandError
from tests.mql.expressions.evaluation import evaluate


def found(match: str, idx: int, *captures: str | None) -> dict[str, Any]:
    return {"match": match, "idx": idx, "captures": list(captures)}


@pytest.mark.parametrize(
    ("text", "regex", "options", "expected"),
    [
        ("cat bat", "[a-z]at", None, [found("cat", 0), found("bat", 4)]),
        ("😀abc", "abc", None, [found("abc", 1)]),
        ("cat dog", "(cat)|(dog)", None, [found("cat", 0, "cat", None), found("dog", 4, None, "dog")]),
        ("aba", "(?=a)", None, [found("", 0), found("", 2)]),
        ("abc", "()", None, [found("", 0, ""), found("", 1, ""), found("", 2, "")]),
        ("", "", None, [found("", 0)]),
        ("ABC", "b", "i", [found("B", 1)]),
        ("ABC", Regex("b", "i"), None, [found("B", 1)]),
        ("ABC", Regex("b"), "i", [found("B", 1)]),
        ("a\nb", "^b", "m", [found("b", 2)]),
        ("\u00a0", r"\s", None, []),
        ("abc", None, None, []),
        (None, "abc", None, []),
    ],
)
def test_matches(text: str | None, regex: Any, options: str | None, expected: list[Any]) -> None:
    arguments = {"input": "$t", "regex": "$r", "options": "$o"}
    doc = {"t": text, "r": regex, "o": options}
    assert evaluate({"$regexFindAll": arguments}, doc) == expected
    assert evaluate({"$regexFind": arguments}, doc) == (expected[0] if expected else None)
    assert evaluate({"$regexMatch": arguments}, doc) is bool(expected)
    assert all(type(match["idx"]) is int for match in expected)


@pytest.mark.parametrize(
    ("argument", "code", "text"),
    [
        ("abc", 51103, "$regexMatch expects an object of named arguments but found: string"),
        ({"regex": "a"}, 31022, "$regexMatch requires 'input' parameter"),
        ({"input": "a"}, 31023, "$regexMatch requires 'regex' parameter"),
        ({"input": "a", "regex": "a", "x": 1}, 31024, "$regexMatch found an unknown argument: x"),
        ({"input": 1, "regex": "a"}, 51104, "$regexMatch needs 'input' to be of type string"),
        ({"input": 1, "regex": 1}, 51105, "$regexMatch needs 'regex' to be of type string or regex"),
        ({"input": None, "regex": None, "options": 1}, 51106, "$regexMatch needs 'options' to be of type string"),
        (
            {"input": 1, "regex": Regex("a", "i"), "options": ""},
            51107,
            "$regexMatch found regex option(s) specified in both 'regex' and 'option' fields",
        ),
        ({"input": "a", "regex": "a", "options": "ig"}, 51108, "$regexMatch invalid flag in regex options: g"),
        ({"input": "a", "regex": "a\0"}, 51109, "$regexMatch: regular expression cannot contain an embedded null byte"),
        (
            {"input": "a", "regex": "a", "options": "\0"},
            51110,
            "$regexMatch: regular expression options cannot contain an embedded null byte",
        ),
        ({"input": "$missing", "regex": "(a"}, 51111, "Invalid Regex in $regexMatch: missing closing parenthesis"),
    ],
)
def test_errors(argument: Any, code: int, text: str) -> None:
    with pytest.raises(CommandError) as caught:
        evaluate({"$regexMatch": argument})
    assert (caught.value.code, caught.value.message) == (code, text)


def test_a_pattern_may_keep_a_part_of_its_match() -> None:
    argument = {"input": "foobar", "regex": r"foo\Kbar"}
    assert evaluate({"$regexMatch": argument}) is True
    assert evaluate({"$regexFind": argument}) == found("bar", 3)


@pytest.mark.parametrize("operator", ["$regexMatch", "$regexFind", "$regexFindAll"])
def test_too_many_steps_are_an_error(operator: str) -> None:
    with pytest.raises(CommandError, match="match limit exceeded") as caught:
        evaluate({operator: {"input": "a" * 40 + "!", "regex": "(a+)+$"}})
    assert caught.value.code == 51156
