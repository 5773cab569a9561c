"""Converting Extended JSON to BSON without loss."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bson import DatetimeMS, ObjectId, json_util

from pytest_secantus.extended_json import encode, loads
from secantus_server.bson import decode
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
