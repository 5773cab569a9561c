"""Observations of differences: expressions."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from bson import Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp
from bson.binary import Binary
from bson.regex import Regex

from tests.differences.showing import Db, code_of, shows, value_of

EPOCH = datetime(1970, 1, 1)
WHOLE, FRACTION = EPOCH - timedelta(seconds=10), EPOCH - timedelta(milliseconds=9500)


@shows("trim_limit", before=["", "b", 50700, None], after=["", 2, 50700, None])
def trim(db: Db) -> list[Any]:
    calls = [("a", "a" * 4096), ("ab", "a" * 4097), ("a", 1), (None, "a" * 4097)]
    found = [{value_or_code(db, name, text, chars) for name in ("$trim", "$ltrim")} for text, chars in calls]
    assert all(len(values) == 1 for values in found)
    return [values.pop() for values in found]


def value_or_code(db: Db, name: str, text: Any, characters: Any) -> Any:
    return value_of(db, {name: {"input": "$text", "chars": "$chars"}}, {"text": text, "chars": characters})


def added(db: Db, date: datetime, unit: str, amount: int) -> int:
    found = value_of(db, {"$dateAdd": {"startDate": "$d", "unit": unit, "amount": amount}}, {"d": date})
    subtracted = value_of(db, {"$dateSubtract": {"startDate": "$d", "unit": unit, "amount": -amount}}, {"d": date})
    assert found == subtracted
    return round((found.replace(tzinfo=None) - date).total_seconds() * 1000)


@shows("dates_before_1970", before=[0, 0, -1000, 1000, 59000, 0], after=[0, 0, 0, 1000, 60000, 0])
def date_add(db: Db) -> list[int]:
    return [
        added(db, WHOLE, "second", 0),
        added(db, FRACTION, "millisecond", 0),
        added(db, FRACTION, "second", 0),
        added(db, WHOLE, "second", 1),
        added(db, FRACTION, "minute", 1),
        added(db, datetime.now(timezone.utc).replace(tzinfo=None, microsecond=500000), "day", 0),
    ]


@shows("dates_before_1970", before=[0, 1], after=[1, 2])
def range_windows(db: Db) -> list[int]:
    documents = [{"d": FRACTION}, {"d": FRACTION + timedelta(seconds=1)}]
    window = {"range": [-1, 0], "unit": "second"}
    stage = {"$setWindowFields": {"sortBy": {"d": 1}, "output": {"n": {"$sum": 1, "window": window}}}}
    return [document["n"] for document in db.aggregate([{"$documents": documents}, stage])]


NO_VARIABLE, NO_ARGUMENT = 17276, [16879, 28647, 40076]


@shows(
    "array_index_as",
    before=[*NO_ARGUMENT, *[NO_VARIABLE] * 3],
    after=[["a0", "b1"], ["b"], 40, ["a0", "b1"], ["b"], "xa0b1"],
)
def array_indexes(db: Db) -> list[Any]:
    letters, numbers = ["a", "b"], [10, 20]
    named = {"$concat": ["$$this", {"$toString": "$$at"}]}
    total = {"$add": ["$$sum", {"$multiply": ["$$n", "$$at"]}, {"$multiply": ["$$n", "$$at"]}]}
    calls: list[dict[str, Any]] = [
        {"$map": {"input": letters, "arrayIndexAs": "at", "in": named}},
        {"$filter": {"input": letters, "arrayIndexAs": "at", "cond": {"$eq": ["$$at", 1]}}},
        {"$reduce": {"input": numbers, "initialValue": 0, "as": "n", "valueAs": "sum", "arrayIndexAs": "at", "in": total}},
        {"$map": {"input": letters, "in": {"$concat": ["$$this", {"$toString": "$$IDX"}]}}},
        {"$filter": {"input": letters, "cond": {"$eq": ["$$IDX", 1]}}},
        {"$reduce": {"input": letters, "initialValue": "x", "in": {"$concat": ["$$VALUE", "$$THIS", {"$toString": "$$IDX"}]}}},
    ]
    return [value_of(db, call) for call in calls]


@shows("array_index_as", before=NO_VARIABLE, after=[["00", "01"], ["10"]])
def nested_indexes(db: Db) -> Any:
    inner = {"$map": {"input": "$$row", "arrayIndexAs": "column", "in": {"$concat": [{"$toString": "$$IDX"}, {"$toString": "$$column"}]}}}
    if isinstance(found := value_of(db, {"$map": {"input": [[1]], "in": "$$IDX"}}), int):
        return found
    return value_of(db, {"$map": {"input": [[1, 2], [3]], "as": "row", "in": inner}})


@shows("array_index_as", before=[9, 9], after=[9, 9])
def names_of_variables(db: Db) -> list[Any]:
    as_before = {"$map": {"input": [1], "as": "Upper", "in": 1}}
    wrong = {"$map": {"input": [1], "arrayIndexAs": "Upper", "in": 1}}
    found = value_of(db, wrong)
    return [value_of(db, as_before), 9 if found == 16879 else found]


HEX = "6466E450A16B77B865C5829D6B6C56D9F892956475642DBEB9CCC4340FE01B15"
EMPTY_XXH64, LONG_XXH64 = "EF46DB3751D8E999", "26C7827D889F6DA3"


@shows("new_operators", before=[31325] * 8, after=[HEX, True, None, EMPTY_XXH64, LONG_XXH64, "5D41402ABC4B2A76B9719D911017C592", 14, 2])
def hashes(db: Db) -> list[Any]:
    def hashed(value: Any, algorithm: str, name: str = "$hexHash") -> Any:
        return value_of(db, {name: {"input": "$v", "algorithm": algorithm}}, {"v": value})

    binary = hashed(b"report.pdf", "sha256", "$hash")
    return [
        hashed("report.pdf", "sha256"),
        binary if isinstance(binary, int) else binary.hex().upper() == HEX,
        hashed(None, "md5"),
        hashed("", "xxh64"),
        hashed("hello", "xxh64"),
        hashed("hello", "md5"),
        hashed(1, "md5"),
        hashed("x", "sha1"),
    ]


@shows("new_operators", before=[31325] * 4, after=[9, 4, None, 14])
def subtypes(db: Db) -> list[Any]:
    values = [Binary(b"", 9), Binary.from_uuid(UUID(int=1)), None, "x"]
    return [value_of(db, {"$subtype": "$v"}, {"v": value}) for value in values]


@shows("new_operators", before=31325, after=[True, 9, 9])
def object_ids(db: Db) -> Any:
    documents = [{"n": n} for n in range(3)]
    if code := code_of(db.aggregate, [{"$documents": documents}, {"$project": {"v": {"$createObjectId": {}}}}]):
        return code
    found = {document["v"] for document in db.aggregate([{"$documents": documents}, {"$project": {"v": {"$createObjectId": {}}}}])}
    return [len(found) == 3, value_of(db, {"$createObjectId": {"a": 1}}), value_of(db, {"$createObjectId": []})]


@shows("new_operators", before=[31325] * 9, after=[[1, 2, 3], {"a": 3, "b": 2}, None, 241, 241, 241, 241, 241, 241])
def strings_as_objects(db: Db) -> list[Any]:
    calls = [
        ("$toArray", "[1, 2, 3]"), ("$toObject", '{"a": 1, "b": 2, "a": 3}'), ("$toObject", None), ("$toObject", "[]"), ("$toArray", "{}"),
        ("$toObject", "123"), ("$toObject", '{"nam\\u0000e": "foo"}'), ("$toArray", "[1,]"), ("$toArray", "[NaN]"),
    ]  # fmt: skip
    return [value_of(db, {name: "$v"}, {"v": value}) for name, value in calls]


@shows("new_operators", before=[31325] * 6, after=[241] * 4 + [["\U0001f600"], ["\\ud800"]])
def numbers_and_texts_that_bson_cannot_hold(db: Db) -> list[Any]:
    texts = ["[1e400]", '["\\ud800"]', '["\\ude00\\ud83d"]', '["\\udc80"]', '["\\ud83d\\ude00"]', '["\\\\ud800"]']
    return [value_of(db, {"$toArray": "$v"}, {"v": text}) for text in texts]


@shows("more_conversions", before=[241] * 7, after=["object", "int", "long", "double", "double", "string", "array"])
def types_of_json(db: Db) -> list[Any]:
    text = '{"i": 1, "l": 4294967296, "d": 1.2e+3, "h": 18446744073709551615, "s": "fo\\u0000o", "a": [{"$oid": "x"}]}'
    converted = {"$convert": {"input": "$t", "to": "object"}}
    paths = ["", *"ildhsa"]
    expressions = [{"$type": {"$let": {"vars": {"o": converted}, "in": f"$$o.{path}" if path else "$$o"}}} for path in paths]
    return [value_of(db, expression, {"t": text}) for expression in expressions]


TEXTS = {
    "regex": (Regex("^ABC", "i"), "/^ABC/i"),
    "timestamp": (Timestamp(1565545664, 1), "Timestamp(1565545664, 1)"),
    "least": (MinKey(), "MinKey"),
    "greatest": (MaxKey(), "MaxKey"),
    "array": (["pizza", {"a": 1, "b": None}, 2.5, True, float("nan")], '["pizza",{"a":1,"b":null},2.5,true,"NaN"]'),
    "object": (
        {"id": ObjectId("5ab9c3da31c2ab715d421285"), "t": [Timestamp(1, 2)]},
        '{"id":"5ab9c3da31c2ab715d421285","t":["Timestamp(1, 2)"]}',
    ),
}


@shows("more_conversions", before=[241] * 6, after=[text for _, text in TEXTS.values()])
def texts(db: Db) -> list[Any]:
    return [value_of(db, {"$toString": "$v"}, {"v": value}) for value, _ in TEXTS.values()]


# The documents of MongoDB's page on $convert.
VECTORS = [
    ("EAA=", []),
    ("EAB/Bw==", [False, *[True] * 7, *[False] * 5, *[True] * 3]),
    ("AwAAAQ==", [0, 1]),
    ("JwAAAID/AAAAAAAAgH8=", [float("-inf"), 0.0, float("inf")]),
]


@shows("more_conversions", before=[241] * 9, after=[*[items for _, items in VECTORS], *[text for text, _ in VECTORS], 241])
def vectors(db: Db) -> list[Any]:
    arrays = [value_of(db, {"$convert": {"input": "$v", "to": "array"}}, {"v": Binary(b64decode(text), 9)}) for text, _ in VECTORS]
    given = [*[items for _, items in VECTORS], [1, 2.5]]
    found = [value_of(db, {"$convert": {"input": "$v", "to": {"type": "binData"}}}, {"v": items}) for items in given]
    return [*arrays, *[data if isinstance(data, int) else b64encode(data).decode() for data in found]]


@shows("convert_base", before=[9] * 11, after=["1010", "A", 10, 10, "invalid", -255, 10, 2, 241, 241, "-1010"])
def bases(db: Db) -> list[Any]:
    calls: list[dict[str, Any]] = [
        {"input": 10, "to": "string", "base": 2}, {"input": 10, "to": "string", "base": 16}, {"input": "1010", "to": "int", "base": 2},
        {"input": "A", "to": "int", "base": 16}, {"input": 10.5, "to": "string", "base": 2, "onError": "invalid"},
        {"input": "-ff", "to": "long", "base": 16}, {"input": "10", "to": "int", "base": None}, {"input": "10", "to": "int", "base": 3},
        {"input": "0x10", "to": "int", "base": 16}, {"input": "102", "to": "double", "base": 2}, {"input": -10, "to": "string", "base": 2},
    ]  # fmt: skip
    return [value_of(db, {"$convert": call}) for call in calls]


@shows("subnormal_numbers", before=[241, 241, 1e-300, 241], after=[1e-310, 5e-324, 1e-300, 241])
def subnormal_numbers(db: Db) -> list[Any]:
    return [value_of(db, {"$toDouble": "$t"}, {"t": text}) for text in ("1e-310", "5e-324", "1e-300", "1e-400")]


@shows("object_to_binary", before=241, after=238)
def objects_as_binary(db: Db) -> Any:
    return value_of(db, {"$convert": {"input": {"a": 1}, "to": {"type": "binData"}}})


EJSON: list[tuple[Any, Any, Any]] = [
    (42, {"$numberInt": "42"}, 42),
    (Int64(42), {"$numberLong": "42"}, Int64(42)),
    (42.5, {"$numberDouble": "42.5"}, 42.5),
    (float("inf"), {"$numberDouble": "Infinity"}, {"$numberDouble": "Infinity"}),
    (ObjectId("507f1f77bcf86cd799439011"), {"$oid": "507f1f77bcf86cd799439011"}, {"$oid": "507f1f77bcf86cd799439011"}),
    (datetime(2021, 1, 1), {"$date": {"$numberLong": "1609459200000"}}, {"$date": "2021-01-01T00:00:00.000Z"}),
    (Binary(b"\1\2\3\4", 0), *[{"$binary": {"base64": "AQIDBA==", "subType": "00"}}] * 2),
    (Regex("abc", "i"), *[{"$regularExpression": {"pattern": "abc", "options": "i"}}] * 2),
    (Timestamp(7, 1), *[{"$timestamp": {"t": 7, "i": 1}}] * 2),
    (Decimal128("1.5"), *[{"$numberDecimal": "1.5"}] * 2),
    (MinKey(), *[{"$minKey": 1}] * 2),
    ({"a": [1, "x", None, True]}, {"a": [{"$numberInt": "1"}, "x", None, True]}, {"a": [1, "x", None, True]}),
]


@shows("new_operators", before=[31325] * 12, after=[[canonical, relaxed] for _, canonical, relaxed in EJSON])
def serialized(db: Db) -> list[Any]:
    found = []
    for value, _, _ in EJSON:
        pair = [value_of(db, {"$serializeEJSON": {"input": "$v", "relaxed": relaxed}}, {"v": value}) for relaxed in (False, True)]
        found.append(pair[0] if pair == [31325, 31325] else pair)
    return found


@shows("new_operators", before=[31325] * 12, after=["same"] * 12)
def deserialized(db: Db) -> list[Any]:
    found: list[Any] = []
    for value, canonical, _ in EJSON:
        literal = {"$literal": canonical}
        expression = {"$eq": [{"$deserializeEJSON": {"input": literal}}, "$v"]}
        same = value_of(db, expression, {"v": value})
        code = value_of(db, {"$deserializeEJSON": {"input": literal}}) if same == 168 else 0
        found.append(code or ("same" if same else "other"))
    return found


@shows("new_operators", before=[31325] * 4, after=[241, "bad", None, {"$other": 1}])
def malformed_wrappers(db: Db) -> list[Any]:
    wrong = {"$literal": {"$oid": "x"}}
    calls = [{"input": wrong}, {"input": wrong, "onError": "bad"}, {"input": "$missing"}, {"input": {"$literal": {"$other": 1}}}]
    return [value_of(db, {"$deserializeEJSON": call}) for call in calls]
