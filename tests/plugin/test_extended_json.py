"""The conversion of Extended JSON to BSON without loss."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bson import Binary, DatetimeMS, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp, json_util

from pytest_secantus.extended_json import dumps, encode, loads
from secantus_server.bson import decode
from secantus_server.bson import encode as encode_values
from secantus_server.bson.values import UNDEFINED, Date, DBPointer, JavaScript, Regex, Symbol

OID = ObjectId("64b7f0c2a1b2c3d4e5f60718")


def read(value: object) -> Any:
    """Read a value in a document, encode it, and return it as the server decodes it."""
    return decode(encode(loads(json.dumps({"v": value}))))["v"]


@pytest.mark.parametrize(
    ("date", "ms"),
    [
        ({"$numberLong": "-62135596800001"}, -62135596800001),
        ({"$numberLong": "253402300800000"}, 253402300800000),
        ({"$numberLong": "9223372036854775807"}, 9223372036854775807),
        (-62135596800001, -62135596800001),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999Z", -1),
        ("0000-12-31T23:59:59.999Z", -62135596800001),
        ("-0001-01-01T00:00:00Z", -62198755200000),
        ("10000-01-01T00:00:00.001Z", 253402300800001),
        ("+12024-02-29T12:00:00+01:00", 317278724400000),
    ],
)
def test_dates(date: object, ms: int) -> None:
    assert read({"$date": date}) == Date(ms)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"$symbol": "s"}, Symbol("s")),
        ({"$undefined": True}, UNDEFINED),
        ({"$dbPointer": {"$ref": "app.users", "$id": {"$oid": str(OID)}}}, DBPointer("app.users", OID)),
        ([{"$symbol": "s"}, {"a": {"$undefined": True}}], [Symbol("s"), {"a": UNDEFINED}]),
    ],
)
def test_rare_types(value: object, expected: object) -> None:
    assert read(value) == expected


OTHERS = {
    "int": 1,
    "wide": 2**40,
    "long": {"$numberLong": "1"},
    "double": {"$numberDouble": "1.0"},
    "not a number": {"$numberDouble": "NaN"},
    "decimal": {"$numberDecimal": "1.10"},
    "text": "ä",
    "yes": True,
    "null": None,
    "id": {"$oid": str(OID)},
    "date": {"$date": "2024-02-29T12:00:00.123Z"},
    "far": {"$date": {"$numberLong": "253402300800000"}},
    "binary": {"$binary": {"base64": "AQID", "subType": "05"}},
    "bytes": {"$binary": {"base64": "AQID", "subType": "00"}},
    "uuid": {"$uuid": "c8edabc3-f738-4ca3-b68d-ab92a91478a3"},
    "regex": {"$regularExpression": {"pattern": "a", "options": "imsx"}},
    "code": {"$code": "x"},
    "scoped": {"$code": "x", "$scope": {"a": 1}},
    "reference": {"$ref": "users", "$id": 1, "$db": "app", "more": 2},
    "timestamp": {"$timestamp": {"t": 1, "i": 2}},
    "ends": [{"$minKey": 1}, {"$maxKey": 1}],
    "nested": {"a": [{"b": {}}, []]},
}


@pytest.mark.parametrize("name", OTHERS)
def test_beside_a_rare_type_the_others_are_as_without(name: str) -> None:
    value = OTHERS[name]
    alone, beside = encode(loads(json.dumps({"v": value}))), encode(loads(json.dumps({"v": value, "s": {"$symbol": "s"}})))
    assert repr(decode(beside)["v"]) == repr(decode(alone)["v"])


def test_the_codecs_agree() -> None:
    assert read({"$code": "x"}) == JavaScript("x")
    assert read({"$regularExpression": {"pattern": "a", "options": "xi"}}) == Regex("a", "ix")


@pytest.mark.parametrize("value", [{"$symbol": 1}, {"$undefined": 1}, {"$dbPointer": {"$ref": "c", "$id": 1}}, {"$dbPointer": 1}])
def test_what_cannot_be(value: object) -> None:
    with pytest.raises(TypeError, match=r"Bad \$"):
        loads(json.dumps(value))


def test_what_mongodb_exports_of_a_far_date_is_read_again() -> None:
    written = json_util.dumps({"v": DatetimeMS(253402300800000)}, json_options=json_util.RELAXED_JSON_OPTIONS)
    assert decode(encode(loads(written))) == {"v": Date(253402300800000)}


EVERY_TYPE: dict[str, Any] = {
    "double": 1.5,
    "whole": 1.0,
    "small": 5e-324,
    "minus zero": -0.0,
    "nan": float("nan"),
    "infinite": [float("inf"), float("-inf")],
    "string": 'ü "\U0001f600',
    "document": {"a": {}, "b": []},
    "binary": [Binary(b"x", 0), Binary(bytes(16), 4), Binary(bytes(16), 3), Binary(b"x", 128)],
    "undefined": UNDEFINED,
    "id": OID,
    "bool": [True, False],
    "date": [Date(0), Date(-1), Date(2**63 - 1), Date(-(2**63))],
    "null": None,
    "regex": Regex("^a/b", "im"),
    "pointer": DBPointer("app.users", OID),
    "code": [JavaScript("f()", None), JavaScript("f()", {"a": 1})],
    "symbol": Symbol("s"),
    "int": [1, -(2**31)],
    "timestamp": Timestamp(2**32 - 1, 3),
    "long": [Int64(1), Int64(2**63 - 1)],
    "decimal": [Decimal128("1.10"), Decimal128("NaN"), Decimal128("1E+6144")],
    "ends": [MinKey(), MaxKey()],
}


def test_every_type_survives() -> None:
    document = encode_values(EVERY_TYPE)
    assert encode(loads(dumps(document))) == document


def test_canonical_form() -> None:
    text = dumps(encode_values({"_id": 1, "long": Int64(2), "half": 0.5, "at": Date(3), "name": "ann"}))
    assert json.loads(text) == {
        "_id": {"$numberInt": "1"},
        "long": {"$numberLong": "2"},
        "half": {"$numberDouble": "0.5"},
        "at": {"$date": {"$numberLong": "3"}},
        "name": "ann",
    }
