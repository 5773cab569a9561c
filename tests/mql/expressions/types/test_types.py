"""`$type`, `$isNumber`, `$convert` and its short forms."""

from __future__ import annotations

import math
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp

from secantus_server.bson.values import UNDEFINED, Date, JavaScript, Regex, Symbol
from tests.mql.expressions.evaluation import error_of, evaluate, parse_error_of, same

ID = ObjectId("507f1f77bcf86cd799439011")
UUID_BYTES = bytes.fromhex("00112233445566778899aabbccddeeff")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (1, "int"),
        (Int64(1), "long"),
        (1.0, "double"),
        (Decimal128("1"), "decimal"),
        ("a", "string"),
        ({}, "object"),
        ([], "array"),
        (Binary(b""), "binData"),
        (ID, "objectId"),
        (True, "bool"),
        (Date(0), "date"),
        (None, "null"),
        (Regex("a"), "regex"),
        (JavaScript("a"), "javascript"),
        (JavaScript("a", {}), "javascriptWithScope"),
        (Symbol("a"), "symbol"),
        (Timestamp(0, 0), "timestamp"),
        (MinKey(), "minKey"),
        (MaxKey(), "maxKey"),
        (UNDEFINED, "undefined"),
    ],
)
def test_type(value: Any, name: str) -> None:
    assert evaluate({"$type": "$v"}, {"v": value}) == name
    assert evaluate({"$isNumber": "$v"}, {"v": value}) is (name in ("int", "long", "double", "decimal"))


def test_type_of_nothing() -> None:
    assert evaluate({"$type": "$v"}) == "missing"


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("$toInt", True, 1),
        ("$toInt", -1.9, -1),
        ("$toInt", Decimal128("1.9"), 1),
        ("$toInt", "-007", -7),
        ("$toInt", Binary(b"\xff\x7f"), 32767),
        ("$toLong", 1, Int64(1)),
        ("$toLong", Date(5), Int64(5)),
        ("$toLong", Decimal128("9223372036854775807.9"), Int64(2**63 - 1)),
        ("$toDouble", Int64(2**53 + 1), 2.0**53),
        ("$toDouble", "-.5e1", -5.0),
        ("$toDouble", "0x1.8p1", 3.0),
        ("$toDouble", "-inf", -math.inf),
        ("$toDouble", Decimal128("-0"), -0.0),
        ("$toDouble", Binary(b"\0\0\x80\x3f"), 1.0),
        ("$toDecimal", 2.5, Decimal128("2.50000000000000")),
        ("$toDecimal", 0.0, Decimal128("0")),
        ("$toDecimal", "1.00", Decimal128("1.00")),
        ("$toDecimal", "-0", Decimal128("-0")),
        ("$toDecimal", math.nan, Decimal128("NaN")),
        ("$toBool", "false", True),
        ("$toBool", 0, False),
        ("$toBool", math.nan, True),
        ("$toDate", Int64(5), Date(5)),
        ("$toDate", 1000.9, Date(1000)),
        ("$toDate", "2018-03-20T12:00:00+0500", Date(1521529200000)),
        ("$toDate", ObjectId("80000000" + "0" * 16), Date(-2147483648000)),
        ("$toDate", Timestamp(2**32 - 1, 0), Date(4294967295000)),
        ("$toObjectId", str(ID), ID),
        ("$toString", 3.0, "3"),
        ("$toString", 1e16, "1e+16"),
        ("$toString", -0.0, "-0"),
        ("$toString", Decimal128("1E+10"), "1E+10"),
        ("$toString", Date(0), "1970-01-01T00:00:00.000Z"),
        ("$toString", ID, str(ID)),
        ("$toString", True, "true"),
        ("$toString", Binary(b"hello"), "aGVsbG8="),
        ("$toString", Binary(UUID_BYTES, 4), "00112233-4455-6677-8899-aabbccddeeff"),
        ("$toUUID", "00112233-4455-6677-8899-aabbccddeeff", Binary(UUID_BYTES, 4)),
    ],
)
def test_short_forms(operator: str, value: Any, expected: Any) -> None:
    assert same(evaluate({operator: "$v"}, {"v": value}), expected)
    assert evaluate({operator: "$v"}, {"v": None}) is None
    assert evaluate({operator: "$v"}) is None


@pytest.mark.parametrize(
    ("operator", "value"),
    [
        ("$toInt", 2**31 + 0.0),
        ("$toInt", Int64(2**31)),
        ("$toInt", "1.5"),
        ("$toInt", " 1"),
        ("$toInt", "１"),
        ("$toInt", Date(0)),
        ("$toInt", Binary(b"abc")),
        ("$toLong", "9223372036854775808"),
        ("$toLong", math.nan),
        ("$toDouble", "1e309"),
        ("$toDouble", Decimal128("1E+6000")),
        ("$toDouble", "1_0"),
        ("$toDecimal", "0x1"),
        ("$toDecimal", "1E+6145"),
        ("$toDecimal", "1E-6177"),
        ("$toDate", 0),
        ("$toDate", "Friday"),
        ("$toDate", math.inf),
        ("$toObjectId", "abc"),
        ("$toObjectId", 1),
        ("$toString", []),
        ("$toString", Timestamp(0, 0)),
        ("$toUUID", "00112233445566778899aabbccddeeff"),
    ],
)
def test_values_that_cannot_be_converted(operator: str, value: Any) -> None:
    assert error_of({operator: "$v"}, {"v": value})[0] == 241


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"$toInt": "1.5"}, "Failed to parse number '1.5' in $convert with no onError value: Did not consume whole string."),
        ({"$toInt": {"a": 1}}, "Unsupported conversion from object to int in $convert with no onError value"),
        ({"$toInt": Int64(2**31)}, "Conversion would overflow target type in $convert with no onError value: 2147483648"),
        ({"$toInt": math.nan}, "Attempt to convert NaN value to integer type in $convert with no onError value"),
        (
            {"$toObjectId": "abc"},
            "Failed to parse objectId 'abc' in $convert with no onError value: "
            "Invalid string length for parsing to OID, expected 24 but found 3",
        ),
    ],
)
def test_texts_of_failures(spec: Any, message: str) -> None:
    assert parse_error_of(spec) == (241, message)


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ({"input": "42", "to": "int"}, 42),
        ({"input": "42", "to": 16}, 42),
        ({"input": 42, "to": {"type": 1.0}}, 42.0),
        ({"input": "x", "to": "int", "onError": "bad"}, "bad"),
        ({"input": None, "to": "int", "onNull": "none"}, "none"),
        ({"input": "$missing", "to": "regex"}, None),
        ({"input": 1, "to": None, "format": 5}, None),
        ({"input": 42, "to": "binData", "byteOrder": "big"}, Binary(b"\0\0\0\x2a")),
        ({"input": 42, "to": {"type": "binData", "subtype": 5}}, Binary(b"\x2a\0\0\0", 5)),
        ({"input": "Pj4-Pg", "to": "binData", "format": "base64url"}, Binary(b">>>>")),
        ({"input": "68656C6c6F", "to": "binData", "format": "hex"}, Binary(b"hello")),
        ({"input": Binary(b">>>>"), "to": "string", "format": "base64url"}, "Pj4-Pg"),
        ({"input": Binary(b"\xff"), "to": "string", "format": "hex"}, "FF"),
        ({"input": Binary(b"hi"), "to": "string", "format": "utf8"}, "hi"),
        ({"input": Binary(b"\0" * 7 + b"\x2a"), "to": "long", "byteOrder": "big"}, Int64(42)),
    ],
)
def test_convert(argument: Any, expected: Any) -> None:
    assert same(evaluate({"$convert": argument}), expected)


@pytest.mark.parametrize(
    ("argument", "code"),
    [
        (1, 9),
        ({"to": "int"}, 9),
        ({"input": 1}, 9),
        ({"input": 1, "to": "int", "To": 1}, 9),
        ({"input": 1, "to": "integer"}, 2),
        ({"input": 1, "to": True}, 9),
        ({"input": 1, "to": 1.5}, 9),
        ({"input": 1, "to": 255}, 9),
        ({"input": 1, "to": -1}, 241),
        ({"input": 1, "to": {"subtype": 1}}, 9),
        ({"input": 1, "to": {"type": "binData", "subtype": 1.5}}, 4341106),
        ({"input": 1, "to": {"type": "binData", "subtype": 10}}, 4341107),
        ({"input": 1, "to": {"type": "binData", "subtype": Decimal128("1E+6000")}}, 4341107),
        ({"input": 1, "to": Decimal128("1E+6000")}, 9),
        ({"input": 1, "to": {"type": "binData", "subtype": "x"}}, 4341108),
        ({"input": "a", "to": "binData", "format": 1}, 4341114),
        ({"input": "a", "to": "binData"}, 4341115),
        ({"input": Binary(b""), "to": "string"}, 4341115),
        ({"input": "a", "to": "binData", "format": "xml"}, 4341125),
        ({"input": 1, "to": "binData", "byteOrder": 1}, 9130001),
        ({"input": 1, "to": "binData", "byteOrder": "medium"}, 9130002),
        ({"input": Binary(b"", 3), "to": "binData"}, 241),
        ({"input": Binary(b"\x80"), "to": "string", "format": "utf8"}, 241),
        ({"input": Binary(bytes(16 * 1024 * 1024)), "to": "string", "format": "utf8"}, 16493),
        ({"input": {"$toDate": Int64(253402300800000)}, "to": "string"}, 18537),
        ({"input": 1, "to": "int", "onNull": {"$divide": [1, 0]}}, 2),
    ],
)
def test_malformed_convert(argument: Any, code: int) -> None:
    assert parse_error_of({"$convert": argument})[0] == code


def test_short_forms_take_one_argument() -> None:
    assert parse_error_of({"$toInt": []}) == (50723, "$toInt requires a single argument, got 0")
    assert evaluate({"$toInt": ["5"]}) == 5
