"""Values that are converted to JavaScript and back."""

from __future__ import annotations

from typing import Any

import pytest
from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson.values import UNDEFINED, Date, DBPointer, JavaScript, Regex, Symbol
from secantus_server.javascript import Engine

pytest.importorskip("quickjs", reason="the extra [javascript] is not installed")

OID = ObjectId("64b7f0c2a1b2c3d4e5f60718")
SAME: list[Any] = [
    True, None, "é\0\n\u2028", 1.5, float("inf"), float("-inf"), Int64(2**62), Int64(-1), Date(0), Date(-5), Decimal128("1.50"),
    Decimal128("-Infinity"), Binary(b"", 0), Binary(b"abc", 0), Binary(b"ab", 5), Binary(b"\xff" * 16, 4), Regex("^a.b", "im"), OID,
    Timestamp(2**32 - 1, 7), MinKey(), MaxKey(), UNDEFINED, JavaScript("function(){return 1}"), JavaScript("x", {"a": 1.0}),
    DBPointer("a.b", OID), {"a": {"b": [1.0, {"c": None}]}}, {"__proto__": 1.5, "constructor": "x"}, [], {},
    Regex("a/b", "i"), Regex("", ""), Regex("(?i)a\n", "x"), JavaScript("1 + 1"), JavaScript(" function () {} "), Date(2**62),
]  # fmt: skip


def evaluated(code: str, *args: Any) -> Any:
    return Engine(64 << 20, lambda: 5.0).function(code)(*args)


@pytest.mark.parametrize("value", SAME, ids=repr)
def test_values_that_come_back_as_they_are(value: Any) -> None:
    found = evaluated("function(x) { return x; }", value)
    assert (type(found), found) == (type(value), value)


def test_nan_and_negative_zero() -> None:
    assert [str(item) for item in evaluated("[NaN, -0, 0]")] == ["nan", "-0.0", "0.0"]


def test_a_number_is_a_double() -> None:
    found = evaluated("function(x) { return [x, x + 1, 3]; }", 1)
    assert [(type(item), item) for item in found] == [(float, 1.0), (float, 2.0), (float, 3.0)]


def test_the_fields_of_a_stored_document_keep_their_int32() -> None:
    document = {"a": 1, "b": [1, [2, {"c": 3}]], "d": 4, "e": 5, "f": 6.0}
    found = evaluated("function(x) { x.d = 2.5; x.e += 1; x.g = 1; return x; }", document)
    assert repr(found) == repr({"a": 1, "b": [1, [2, {"c": 3}]], "d": 2.5, "e": 6, "f": 6.0, "g": 1.0})


@pytest.mark.parametrize(
    ("code", "names"),
    [("return x", "b10a9"), ("x.c = 1; x['5'] = 1; return x", "b10a95c"), ("delete x.a; return x", "b109"), ("return {x: x}.x", "b10a9")],
)
def test_the_fields_of_a_stored_document_keep_their_order(code: str, names: str) -> None:
    found = evaluated(f"function(x) {{ {code} }}", {"b": Int64(1), "10": [1], "a": {"z": 1, "0": 2}, "9": 3})
    assert "".join(found) == names
    assert "a" not in found or repr(found["a"]) == "{'z': 1, '0': 2}"


def test_a_date_that_is_set_is_not_the_stored_one() -> None:
    assert evaluated("function(x) { x.setTime(5); return x; }", Date(2**62)) == Date(5)


def test_an_array_taken_out_of_a_document_has_doubles() -> None:
    assert repr(evaluated("function(x) { return x.b; }", {"b": [1, 2]})) == "[1.0, 2.0]"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("NumberInt(5)", 5),
        ("NumberLong(5)", Int64(5)),
        ("NumberLong('9007199254740993')", Int64(9007199254740993)),
        ("NumberLong(5) + 1", 6.0),
        ("NumberLong('9007199254740993').toString()", 'NumberLong("9007199254740993")'),
        ("NumberLong(7).toNumber()", 7.0),
        ("NumberDecimal('0.10')", Decimal128("0.10")),
        ("NumberDecimal('1234567890123456789012345678901234567')", Decimal128("1.234567890123456789012345678901235E+36")),
        ("new RegExp('\\0')", Regex("\\0", "")),
        ("ObjectId('64b7f0c2a1b2c3d4e5f60718')", OID),
        ("new ObjectId('64b7f0c2a1b2c3d4e5f60718').str", str(OID)),
        ("ObjectId('64b7f0c2a1b2c3d4e5f60718').getTimestamp()", Date(0x64B7F0C2 * 1000)),
        ("ObjectId('64b7f0c2a1b2c3d4e5f60718').equals(ObjectId('64b7f0c2a1b2c3d4e5f60718'))", True),
        ("ISODate('2020-01-02T03:04:05.678Z')", Date(1577934245678)),
        ("ISODate('2020-01-02T03:04:05+01:30')", Date(1577928845000)),
        ("ISODate('20200102')", Date(1577923200000)),
        ("new Date(5)", Date(5)),
        ("BinData(0, 'YWJj')", Binary(b"abc", 0)),
        ("BinData(0, 'YWI=').hex()", "6162"),
        ("HexData(5, '616263')", Binary(b"abc", 5)),
        ("UUID('00112233-4455-6677-8899-aabbccddeeff')", Binary(bytes.fromhex("00112233445566778899aabbccddeeff"), 4)),
        ("Timestamp(1, 2)", Timestamp(1, 2)),
        ("[MinKey(), new MaxKey()]", [MinKey(), MaxKey()]),
        ("/a.b/i", Regex("a.b", "i")),
        ("DBRef('c', 1.5, 'd')", {"$ref": "c", "$id": 1.5, "$db": "d"}),
        ("undefined", UNDEFINED),
        ("(function () {})()", UNDEFINED),
        ("new Date(NaN)", Date(-(2**63))),
        ("tojson({a: [1, {b: NumberLong(2)}], c: null}, '', true)", '{  "a" : [  1,  {  "b" : NumberLong(2)  }  ],  "c" : null  }'),
        ("tojson([])", "[ ]"),
        ("[Array.sum([1, 2, 3]), Array.avg([1, 2]), Array.sum([])]", [6.0, 1.5, None]),
        ("[Array.stdDev([2, 4]), Array.contains([1, 2], 2), Array.unique([1, 2, 1])]", [1.0, True, [1.0, 2.0]]),
        ("Object.extend({a: 1.5}, {b: 2.5})", {"a": 1.5, "b": 2.5}),
        ("Object.keySet({a: 1, b: 2})", ["a", "b"]),
        ("Code('x')", JavaScript("x")),
        ("typeof console + typeof emit", "undefinedundefined"),
    ],
)
def test_helpers(code: str, expected: Any) -> None:
    found = evaluated(code)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize("nested", [lambda value: {"a": value}, lambda value: [value]])
def test_deep_values(nested: Any) -> None:
    value: Any = 1.5
    for _ in range(190):
        value = nested(value)
    assert evaluated("function(x) { return x; }", value) == value


def test_a_symbol_becomes_a_string() -> None:
    assert evaluated("function(x) { return x; }", Symbol("a")) == "a"


def test_a_string_that_is_not_unicode_is_mended() -> None:
    assert evaluated("'a\\ud800b'") == "a\ufffdb"


def test_generated_ids_differ() -> None:
    first, second = evaluated("[ObjectId(), ObjectId()]")
    assert first != second


def test_the_clock_follows_the_server() -> None:
    engine = Engine(64 << 20, lambda: 5.0, 10**11)
    moved, fixed, kind = engine.function("[new Date() - 1e11, new Date(5), new Date() instanceof Date]")()
    now = Engine(64 << 20, lambda: 5.0).function("Date.now()")()
    assert abs(now - moved) < 60_000
    assert (fixed, kind) == (Date(5), True)
