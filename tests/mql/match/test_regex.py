"""`$regex` and `$options`."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.bson.values import Regex, Symbol
from tests.mql.match.matching import failure, matches, parse


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
    ("pattern", "stored", "expected"),
    [
        ("b", b"a\xffb", True),
        ("^a$", b"a\xff", False),
        ("$", b"a\xff", True),
        ("^..$", b"\xff\xfe", True),
        ("a.b", b"a\xffb", True),
        ("(?i)É", b"\xff\xc3\xa9", True),
        ("\\w+", b"\xf0\x9f", False),
        ("(?<=b\\W)x", b"b\xffx", True),
        ("(?:b|\\w+)$", b"\xc3" + b"ab" * 5000, True),
    ],
)
def test_bytes_that_are_not_utf8_are_characters_without_a_class(pattern: str, stored: bytes, expected: bool) -> None:
    node = parse({"a": {"$regex": pattern}})
    text = len(stored) + 1
    doc = b"\x02a\0" + text.to_bytes(4, "little") + stored + b"\0\0"
    for _ in range(80):  # interpreted at first, then by machine code
        assert node.matches((len(doc) + 4).to_bytes(4, "little") + doc) is expected


@pytest.mark.parametrize(
    ("spec", "code", "text"),
    [
        ({"$regex": 1}, 2, "$regex has to be a string"),
        ({"$regex": "a", "$options": 1}, 2, "$options has to be a string"),
        ({"$options": "i"}, 2, "$options needs a $regex"),
        ({"$regex": Regex("a", "i"), "$options": "m"}, 51075, "options set in both $regex and $options"),
        ({"$options": "m", "$regex": Regex("a", "i")}, 51074, "options set in both $regex and $options"),
        ({"$regex": "a", "$options": "g"}, 51108, " invalid flag in regex options: g"),
        ({"$regex": "a", "$options": "i\0"}, 51108, "Regular expression options string cannot contain an embedded null byte"),
        ({"$regex": "(a"}, 51091, "Regular expression is invalid: missing closing parenthesis"),
        ({"$regex": "a\0"}, 2, "Regular expression cannot contain an embedded null byte"),
    ],
)
def test_errors(spec: dict[str, Any], code: int, text: str) -> None:
    assert failure({"a": spec}) == (code, text)
