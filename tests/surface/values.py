"""BSON types, their order, and the rules of stored documents. https://www.mongodb.com/docs/manual/reference/bson-types/"""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from typing import Any

from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from pymongo.database import Database

from tests.failing import code_of_call as code
from tests.surface.rows import row
from tests.surface.sending import send

Db = Database[dict[str, Any]]
values = partial(row, "BSON")
NAN = float("nan")
#: A value of each type, in the order of the types, with the type's alias and number.
TYPES: list[tuple[Any, str, int]] = [
    (MinKey(), "minKey", -1),
    (None, "null", 10),
    (5, "int", 16),
    ("s", "string", 2),
    ({"a": 1}, "object", 3),
    ([1], "array", 4),
    (Binary(b"b", 5), "binData", 5),
    (ObjectId(b"o" * 12), "objectId", 7),
    (True, "bool", 8),
    (datetime(2026, 1, 1, tzinfo=timezone.utc), "date", 9),
    (Timestamp(1, 1), "timestamp", 17),
    (Regex("x", "i"), "regex", 11),
    (Code("f"), "javascript", 13),
    (MaxKey(), "maxKey", 127),
]


def ordered(db: Db, *given: Any) -> list[Any]:
    """Return the positions of values as a sort by their field returns them."""
    db.c.drop()
    db.c.insert_many([{"_id": number, "v": value} for number, value in enumerate(given)])
    return [found["_id"] for found in db.c.find().sort([("v", 1), ("_id", 1)])]


def matches(db: Db, stored: Any, condition: Any) -> bool:
    """Return whether a stored value matches a condition."""
    db.c.drop()
    db.c.insert_one({"v": stored})
    return db.c.count_documents({"v": condition}) == 1


def computed(db: Db, expression: Any) -> Any:
    """Return the value of an expression."""
    return next(db.aggregate([{"$documents": [{"v": expression}]}])).get("v")


@values(
    "type 2 string", "type 3 object", "type 4 array", "type 5 binData", "type 7 objectId", "type 8 bool", "type 9 date", "type 10 null",
    "type 11 regex", "type 13 javascript", "type 16 int", "type 17 timestamp", "type -1 minKey", "type 127 maxKey",
)  # fmt: skip
def types(db: Db) -> None:
    db.c.insert_many([{"_id": number, "v": value} for number, (value, _alias, _type) in enumerate(TYPES)])
    for number, (value, alias, kind) in enumerate(TYPES):
        assert db.c.find_one({"_id": number}) == {"_id": number, "v": value}
        for wanted in (alias, kind):
            assert number in [found["_id"] for found in db.c.find({"v": {"$type": wanted}})], alias
        assert computed(db, {"$type": {"$literal": value}}) == alias


@values("type 1 double", "type 18 long", "type 19 decimal", "alias number")
def numbers(db: Db) -> None:
    for value, alias in ((1.5, "double"), (Int64(5), "long"), (Decimal128("1.50"), "decimal"), (5, "int")):
        db.c.drop()
        db.c.insert_one({"_id": 1, "v": value})
        assert db.c.count_documents({"v": {"$type": alias}}) == db.c.count_documents({"v": {"$type": "number"}}) == 1
        found = db.c.find_one()
        assert found is not None
        assert str(found["v"]) == str(value)
    assert matches(db, Decimal128("1.0"), Decimal128("1.00"))


@values("order of the types, from MinKey to MaxKey")
def order_of_types(db: Db) -> None:
    given = [value for value, alias, _kind in TYPES if alias != "array"]
    assert ordered(db, *reversed(given)) == list(reversed(range(len(given))))


@values(
    "order: numbers compare by value across types",
    "order: NaN below all numbers, NaN==NaN across types",
    "order: -0.0 == 0 == 0.0 == Decimal(-0)",
)
def order_of_numbers(db: Db) -> None:
    assert ordered(db, Int64(2**53 + 1), float(2**53), Decimal128("9007199254740992.5"), NAN, float("-inf")) == [3, 4, 1, 2, 0]
    assert matches(db, NAN, Decimal128("NaN"))
    for zero in (0, 0.0, -0.0, Decimal128("-0")):
        assert matches(db, zero, 0)
    assert not matches(db, Int64(2**53 + 1), float(2**53))


@values("order: strings by bytes (memcmp) without collation", "order: objects field by field: type, name, value, then length")
def order_of_strings(db: Db) -> None:
    assert ordered(db, "b", "a\0b", "a", "B", "é", "ab") == [3, 2, 1, 5, 0, 4]
    assert ordered(db, {"b": 1}, {"a": 2}, {"a": 1, "b": 1}, {"a": 1}, {"a": "x"}) == [3, 2, 1, 0, 4]
    assert not matches(db, {"a": 1, "b": 2}, {"b": 2, "a": 1})


@values("order: arrays in $eq/$group compared element-wise", "order: array as sort key: min (asc) / max (desc) element, [] below null")
def order_of_arrays(db: Db) -> None:
    assert matches(db, [1, 2], [1, 2])
    assert not matches(db, [2, 1], [1, 2])
    assert ordered(db, [5, 1], 2, None, []) == [3, 2, 0, 1]
    assert [found["_id"] for found in db.c.find().sort("v", -1)] == [0, 1, 2, 3]


@values("order: BinData by length, subtype, bytes", "order: Date before Timestamp", "order: ObjectId/Bool/Date natural")
def order_of_others(db: Db) -> None:
    assert ordered(db, Binary(b"zz", 0), Binary(b"a", 5), Binary(b"b", 0)) == [2, 1, 0]
    assert ordered(db, Timestamp(1, 1), datetime(2026, 1, 1, tzinfo=timezone.utc)) == [1, 0]
    assert ordered(db, True, False, ObjectId(b"b" * 12), ObjectId(b"a" * 12)) == [3, 2, 1, 0]


@values("order: missing vs null in aggregation $cmp: missing < null", "rule: type bracketing in match comparisons")
def comparisons(db: Db) -> None:
    assert computed(db, {"$cmp": ["$missing", None]}) == -1
    assert not matches(db, "5", {"$gt": 1})
    assert matches(db, "5", {"$gt": MinKey()})
    assert matches(db, None, {"$gte": None})


@values("rule: max document 16777216 bytes, internal 16793600", "rule: nesting depth", "rule: field names may contain . and leading $")
def limits(db: Db) -> None:
    assert code(db.command, "insert", "c", documents=[{"x": "x" * 16_000_000}]) is None
    assert send(db, {"insert": "d", "documents": [{"_id": 1, "x": "x" * (16_777_216 - 22)}], "$db": db.name})["n"] == 1
    db.e.insert_one({"_id": 1, "a.b": 1, "in": {"$c": 2}})
    assert db.e.find_one() == {"_id": 1, "a.b": 1, "in": {"$c": 2}}


@values(
    "rule: _id not array/regex/undefined", "rule: _id hoisted to first field on insert", "rule: missing _id -> ObjectId on server insert"
)
def ids(db: Db) -> None:
    for value in ([1], Regex("x")):
        reply = send(db, {"insert": "c", "documents": [{"_id": value}], "$db": db.name})
        assert reply["writeErrors"][0]["code"] in (2, 53)
    send(db, {"insert": "c", "documents": [{"a": 1, "_id": 5}, {"b": 1}], "$db": db.name})
    first, second = db.c.find()
    assert list(first) == ["_id", "a"]
    assert isinstance(second["_id"], ObjectId)


@values("rule: Decimal128 arithmetic 34 digits, round-half-even", "rule: numeric result promotion int->long->double->decimal")
def arithmetic(db: Db) -> None:
    third = computed(db, {"$divide": [Decimal128("1"), Decimal128("3")]})
    assert third == Decimal128("0.3333333333333333333333333333333333")
    assert computed(db, {"$type": {"$add": [2**31 - 1, 1]}}) == "long"
    assert computed(db, {"$type": {"$add": [Int64(2**63 - 1), 1]}}) == "double"
    assert computed(db, {"$type": {"$add": [1.5, Decimal128("1")]}}) == "decimal"
