"""String operators: coercion, length, substrings, search, trim, replace, split."""

from __future__ import annotations

from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, Timestamp
from hypothesis import given
from hypothesis import strategies as st

from secantus_server.bson.values import Date, JavaScript, Regex, Symbol
from tests.mql.expressions.evaluation import error_of, evaluate


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (42, "42"),
        (Int64(-42), "-42"),
        (3.0, "3"),
        (1e6, "1e+06"),
        (-0.0, "-0"),
        (float("nan"), "nan"),
        (Decimal128("1.50"), "1.50"),
        (Decimal128("Infinity"), "Infinity"),
        (Date(0), "1970-01-01T00:00:00.000Z"),
        (Timestamp(1, 2), "Jan  1 00:00:01:2"),
        (JavaScript("f()"), "f()"),
        (Symbol("s"), "s"),
        (None, ""),
    ],
)
def test_what_other_types_are_as_strings(value: Any, text: str) -> None:
    doc = {"v": value}
    assert evaluate({"$substrCP": ["$v", 0, 100]}, doc) == text
    assert evaluate({"$substrBytes": ["$v", 0, -1]}, doc) == text
    assert evaluate({"$toLower": "$v"}, doc) == text.lower()
    assert evaluate({"$toUpper": "$v"}, doc) == text.upper()
    assert evaluate({"$strcasecmp": ["$v", text.upper()]}, doc) == 0


@pytest.mark.parametrize("value", [True, {}, [], Binary(b"x"), Regex("x"), JavaScript("f", {})])
def test_types_that_are_no_strings(value: Any) -> None:
    assert error_of({"$toLower": ["$v"]}, {"v": value})[0] == 16007


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"$concat": []}, ""),
        ({"$concat": ["a", "b", "c"]}, "abc"),
        ({"$concat": ["a", None, 1]}, None),
        ({"$concat": ["a", "$missing"]}, None),
        ({"$strLenBytes": "aé€😀"}, 10),
        ({"$strLenCP": "aé€😀"}, 4),
        ({"$toUpper": "aé"}, "Aé"),
        ({"$toLower": "AÉ"}, "aÉ"),
        ({"$strcasecmp": ["abc", "ABD"]}, -1),
        ({"$strcasecmp": ["b", None]}, 1),
        ({"$substrBytes": ["héllo", 1, 2]}, "é"),
        ({"$substr": ["hello", 1.9, 2]}, "el"),
        ({"$substr": ["hello", Decimal128("1.5"), 2]}, "ll"),
        ({"$substr": ["hello", 10, 1]}, ""),
        ({"$substrCP": ["héllo", 1, 2]}, "él"),
        ({"$substrCP": ["$missing", 0, 1]}, ""),
        ({"$indexOfBytes": ["héllo", "l"]}, 3),
        ({"$indexOfBytes": ["hello", "", 5]}, 5),
        ({"$indexOfCP": ["héllo", "l"]}, 2),
        ({"$indexOfCP": ["hello", "", 5]}, -1),
        ({"$indexOfCP": ["hello", "llo", 0, 4]}, 2),
        ({"$indexOfBytes": ["hello", "llo", 0, 4]}, -1),
        ({"$indexOfCP": ["hello", "l", 3.0, Int64(5)]}, 3),
        ({"$indexOfCP": [None, 5]}, None),
        ({"$trim": {"input": " \0\u2003x\t"}}, "x"),
        ({"$trim": {"input": "\u3000x"}}, "\u3000x"),
        ({"$ltrim": {"input": "xxyxx", "chars": "x"}}, "yxx"),
        ({"$rtrim": {"input": "xxyxx", "chars": "x"}}, "xxy"),
        ({"$trim": {"input": "$missing"}}, None),
        ({"$trim": {"input": "x", "chars": None}}, None),
        ({"$replaceOne": {"input": "aaa", "find": "a", "replacement": "b"}}, "baa"),
        ({"$replaceAll": {"input": "aaa", "find": "a", "replacement": "b"}}, "bbb"),
        ({"$replaceAll": {"input": "ab", "find": "", "replacement": "-"}}, "-a-b-"),
        ({"$replaceAll": {"input": "a", "find": "$missing", "replacement": "b"}}, None),
        ({"$split": ["a--b", "-"]}, ["a", "", "b"]),
        ({"$split": [None, 5]}, None),
    ],
)
def test_values(spec: Any, expected: Any) -> None:
    found = evaluate(spec)
    assert (found, type(found)) == (expected, type(expected))


REPLACE = {"input": "a", "find": "b", "replacement": "c"}


@pytest.mark.parametrize(
    ("spec", "code", "text"),
    [
        ({"$concat": ["a", 1]}, 16702, "$concat only supports strings, not int"),
        ({"$strLenBytes": None}, 34473, "$strLenBytes requires a string argument, found: null"),
        ({"$strLenCP": "$missing"}, 34471, "$strLenCP requires a string argument, found: missing"),
        ({"$toLower": True}, 16007, "can't convert from BSON type bool to String"),
        ({"$substrBytes": ["a", "b", 1]}, 16034, "$substrBytes: starting index must be a numeric type (is BSON type string)"),
        ({"$substrBytes": ["a", 1, None]}, 16035, "$substrBytes: length must be a numeric type (is BSON type null)"),
        ({"$substrBytes": ["a", -1, 1]}, 50752, "$substrBytes: starting index must be non-negative (got: -1)"),
        ({"$substrBytes": ["a", 1e20, 1]}, 31109, "Can't coerce out of range value 1e+20 to long"),
        ({"$substrBytes": ["é", 1, 1]}, 28656, "$substrBytes:  Invalid range, starting index is a UTF-8 continuation byte."),
        ({"$substrBytes": ["é", 0, 1]}, 28657, "$substrBytes:  Invalid range, ending index is in the middle of a UTF-8 character."),
        ({"$substrCP": ["a", "b", 1]}, 34450, "$substrCP: starting index must be a numeric type (is BSON type string)"),
        ({"$substrCP": ["a", 1.5, 1]}, 34451, "$substrCP: starting index cannot be represented as a 32-bit integral value: 1.5"),
        ({"$substrCP": ["a", 1, -1]}, 34454, "$substrCP: length must be a nonnegative integer."),
        ({"$substrCP": ["a", -1, 1]}, 34455, "$substrCP: the starting index must be nonnegative integer."),
        ({"$indexOfBytes": [1, "a"]}, 40091, "$indexOfBytes requires a string as the first argument, found: int"),
        ({"$indexOfBytes": ["a", None]}, 40092, "$indexOfBytes requires a string as the second argument, found: null"),
        ({"$indexOfCP": [1, "a"]}, 40093, "$indexOfCP requires a string as the first argument, found: int"),
        (
            {"$indexOfCP": ["a", "a", 1.5]},
            40096,
            "$indexOfCP requires an integral starting index, found a value of type: double, with value: 1.5",
        ),
        ({"$indexOfCP": ["a", "a", 0, -1]}, 40097, "$indexOfCP requires a nonnegative ending index, found: -1"),
        ({"$trim": "a"}, 50696, "$trim only supports an object as an argument, found string"),
        ({"$trim": {"chars": "a"}}, 50695, "$trim requires an 'input' field"),
        ({"$trim": {"input": "a", "x": 1}}, 50694, "$trim found an unknown argument: x"),
        ({"$ltrim": {"input": 5}}, 50699, "$ltrim requires its input to be a string, got 5 (of type int) instead."),
        ({"$rtrim": {"input": "a", "chars": 5}}, 50700, "$rtrim requires 'chars' to be a string, got 5 (of type int) instead."),
        ({"$replaceOne": "a"}, 51751, "$replaceOne requires an object as an argument, found: string"),
        ({"$replaceOne": {"input": "a"}}, 51748, "$replaceOne requires 'find' to be specified"),
        ({"$replaceAll": {**REPLACE, "x": 1}}, 51750, "$replaceAll found an unknown argument: x"),
        ({"$replaceAll": {**REPLACE, "input": 1}}, 10503904, "$replaceAll requires that 'input' be a string, found: 1"),
        ({"$replaceAll": {**REPLACE, "find": 1, "input": None}}, 10503901, "$replaceAll requires that 'find' be a string, found: 1"),
        ({"$split": [1, "-"]}, 40085, "$split requires an expression that evaluates to a string as a first argument, found: int"),
        ({"$split": ["a", 1]}, 10503900, "$split requires an expression that evaluates to a string as a second argument, found: int"),
        ({"$split": ["a", ""]}, 40087, "$split requires a non-empty separator"),
        ({"$split": ["a"]}, 16020, "Expression $split takes exactly 2 arguments. 1 were passed in."),
    ],
)
def test_errors(spec: Any, code: int, text: str) -> None:
    assert error_of(spec) == (code, text)


@given(st.text(), st.text(), st.integers(0, 12), st.integers(0, 12))
def test_bytes_and_code_points_agree_with_python(text: str, token: str, first: int, count: int) -> None:
    doc = {"t": text, "k": token}
    assert evaluate({"$strLenCP": "$t"}, doc) == len(text)
    assert evaluate({"$strLenBytes": "$t"}, doc) == len(text.encode())
    assert evaluate({"$substrCP": ["$t", first, count]}, doc) == text[first : first + count]
    assert evaluate({"$indexOfBytes": ["$t", "$k"]}, doc) == text.encode().find(token.encode())
    if token:
        assert evaluate({"$indexOfCP": ["$t", "$k"]}, doc) == text.find(token)
        assert token.join(evaluate({"$split": ["$t", "$k"]}, doc)) == text
