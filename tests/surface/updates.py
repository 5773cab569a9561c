"""The rules of update operators: what they make of missing and unfit fields, and their error codes. https://www.mongodb.com/docs/manual/reference/mql/update/"""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from typing import Any

from bson import Decimal128, Int64, Timestamp
from pymongo.database import Database

from tests.surface.rows import row
from tests.surface.writes import refused, update, updated

Db = Database[dict[str, Any]]
rules = partial(row, "Rules of updates")


def same(found: Any, expected: Any) -> bool:
    """Return whether a value is equal to another one of the same type."""
    return type(found) is type(expected) and found == expected


def changed(db: Db, old: Any, operator: str, argument: Any, **arguments: Any) -> Any:
    """Return a field's value after an operator, or None if the document has no field."""
    return updated(db, {} if old is None else {"v": old}, {operator: {"v": argument}}, **arguments).get("v")


def failure(db: Db, old: Any, operator: str, argument: Any) -> int:
    """Return the error code of an operator on a field."""
    return refused(db, {"v": old}, {operator: {"v": argument}})


@rules("$set")
def sets(db: Db) -> None:
    assert updated(db, {}, {"$set": {"a.b.c": 1}}) == {"a": {"b": {"c": 1}}}
    assert updated(db, {}, {"$set": {"a.0": 1}}) == {"a": {"0": 1}}
    assert updated(db, {"a": [1, 2]}, {"$set": {"a.1": 9}}) == {"a": [1, 9]}
    assert updated(db, {"a": [{"b": 1}]}, {"$set": {"a.0.b": 2, "a.1.b": 3}}) == {"a": [{"b": 2}, {"b": 3}]}
    assert refused(db, {"a": [1]}, {"$set": {"a.b": 1}}) == 28
    assert refused(db, {"a": None}, {"$set": {"a.b": 1}}) == 28
    assert refused(db, {"a": []}, {"$set": {"a.1500001": 1}}) == 34
    assert list(updated(db, {"b": 1, "a": 1}, {"$set": {"a": 2, "c": 3}})) == ["b", "a", "c"]


@rules("$unset")
def unsets(db: Db) -> None:
    assert updated(db, {"a": [1, 2, 3]}, {"$unset": {"a.1": ""}}) == {"a": [1, None, 3]}
    assert updated(db, {"a": {"b": 1, "c": 2}}, {"$unset": {"a.b": 1, "x.y": 1}}) == {"a": {"c": 2}}
    assert updated(db, {"a": 1}, {"$unset": {"a.b": 1}}) == {"a": 1}


@rules("$inc", "$mul")
def sums(db: Db) -> None:
    assert same(changed(db, None, "$inc", Int64(5)), Int64(5))
    assert same(changed(db, 2**31 - 1, "$inc", 1), Int64(2**31))
    assert same(changed(db, 1, "$inc", 1.0), 2.0)
    assert same(changed(db, 1.5, "$inc", Decimal128("1")), Decimal128("2.50000000000000"))
    assert failure(db, Int64(2**63 - 1), "$inc", 1) == failure(db, Int64(2**63 - 1), "$mul", 2) == 2
    for operator in ("$inc", "$mul"):
        assert [failure(db, old, operator, 1) for old in (None, "x", [1], True)] == [14] * 4
        assert [failure(db, 1, operator, argument) for argument in ("x", None, True)] == [14] * 3
    assert [same(changed(db, None, "$mul", one), zero) for one, zero in ((3, 0), (Int64(3), Int64(0)), (1.5, 0.0))] == [True] * 3
    assert same(changed(db, 2**30, "$mul", 4), Int64(2**32))


@rules("$min", "$max")
def extremes(db: Db) -> None:
    assert changed(db, None, "$min", 5) == changed(db, None, "$max", 5) == 5
    assert [changed(db, 5, "$min", one) for one in (4, 6, "a", None)] == [4, 5, 5, None]
    assert [changed(db, 5, "$max", one) for one in (4, 6, "a", None)] == [5, 6, "a", 5]
    assert same(changed(db, 5, "$max", 5.0), 5)
    assert changed(db, "b", "$max", "C") == "b"
    assert changed(db, "b", "$max", "C", collation={"locale": "en"}) == "C"


@rules("$rename")
def renames(db: Db) -> None:
    assert updated(db, {"a": 1, "b": 2}, {"$rename": {"a": "b"}}) == {"b": 1}
    assert updated(db, {"a": {"x": 1}}, {"$rename": {"a.x": "y.z"}}) == {"a": {}, "y": {"z": 1}}
    assert updated(db, {"a": 1}, {"$rename": {"x": "a"}}) == {"a": 1}
    assert refused(db, {"a": 1}, {"$rename": {"a": "a"}}) == 2
    assert refused(db, {"a": [{"x": 1}]}, {"$rename": {"a.0.x": "y"}}) == 2
    assert refused(db, {"a": 1, "l": [1]}, {"$rename": {"a": "l.0"}}) == 2
    assert refused(db, {"a": 1}, {"$rename": {"a": 5}}) == 2
    assert refused(db, {"a": 1}, {"$rename": {"a": "b.$"}}) == 2
    assert refused(db, {"a": 1, "b": 1}, {"$rename": {"a": "b"}, "$set": {"b": 2}}) == 40


@rules("$setOnInsert")
def on_insert(db: Db) -> None:
    assert updated(db, {"a": 1}, {"$setOnInsert": {"a": 2, "b": 3}}, upsert=True) == {"a": 1}
    update(db, {"$setOnInsert": {"a.b": 1}, "$set": {"c": 2}}, {"_id": 9}, upsert=True)
    assert db.c.find_one({"_id": 9}) == {"_id": 9, "a": {"b": 1}, "c": 2}


@rules("$currentDate")
def current_dates(db: Db) -> None:
    now = datetime.now(timezone.utc)
    found = updated(db, {}, {"$currentDate": {"a": True, "b": {"$type": "date"}, "c": {"$type": "timestamp"}, "d": False}})
    assert all(abs((found[name] - now).total_seconds()) < 60 for name in "abd")
    assert isinstance(found["c"], Timestamp)
    assert [refused(db, {}, {"$currentDate": {"a": one}}) for one in ("date", 1, {"$type": "int"}, {"$type": "date", "x": 1})] == [2] * 4


@rules("$bit")
def bits(db: Db) -> None:
    assert [changed(db, 12, "$bit", {name: 10}) for name in ("and", "or", "xor")] == [8, 14, 6]
    assert changed(db, None, "$bit", {"or": 5}) == 5
    assert same(changed(db, 12, "$bit", {"or": Int64(1)}), Int64(13))
    assert changed(db, 12, "$bit", {"and": 10, "or": 1}) == 9
    assert failure(db, 1.5, "$bit", {"or": 1}) == failure(db, 1, "$bit", {"or": 1.0}) == failure(db, 1, "$bit", {"nand": 1}) == 2
    assert failure(db, 1, "$bit", {}) == failure(db, 1, "$bit", 5) == 2


@rules("$push", "$slice", "$sort")
def pushes(db: Db) -> None:
    assert changed(db, None, "$push", 1) == [1]
    assert changed(db, [1], "$push", [2]) == [1, [2]]
    assert failure(db, 5, "$push", 1) == failure(db, None, "$push", 1) == 2
    assert changed(db, [3, 1], "$push", {"$each": [2], "$sort": 1, "$slice": -2}) == [2, 3]
    assert changed(db, [3, 1], "$push", {"$slice": 2, "$sort": -1, "$position": 0, "$each": [2]}) == [3, 2]
    assert changed(db, [1], "$push", {"$each": [2], "$slice": 0}) == []
    assert changed(db, [1, 2], "$push", {"$each": [], "$slice": 1}) == [1]
    by_field = {"$each": [{"a": 1, "b": 0}], "$sort": {"a": 1, "b": -1}}
    assert changed(db, [{"a": 2}, {"a": 1, "b": 5}], "$push", by_field) == [{"a": 1, "b": 5}, {"a": 1, "b": 0}, {"a": 2}]
    assert [failure(db, [], "$push", {"$each": each}) for each in (1, None)] == [2, 2]
    wrong = [{"$slice": "x"}, {"$slice": 1.5}, {"$sort": 2}, {"$sort": {"a": 2}}, {"$sort": "a"}, {"$position": "x"}, {"$position": 1.5}]
    assert [failure(db, [], "$push", {"$each": [1], **one}) for one in wrong] == [2] * 7
    assert failure(db, [], "$push", {"$each": [1], "$bad": 1}) == 2
    # Without $each, the modifiers are data.
    assert changed(db, [], "$push", {"$slice": 1}) == [{"$slice": 1}]


@rules("$addToSet")
def added(db: Db) -> None:
    assert changed(db, None, "$addToSet", 1) == [1]
    assert changed(db, [1], "$addToSet", 1.0) == [1]
    assert changed(db, [{"a": 1, "b": 2}], "$addToSet", {"b": 2, "a": 1}) == [{"a": 1, "b": 2}, {"b": 2, "a": 1}]
    assert changed(db, [1, 1], "$addToSet", [1]) == [1, 1, [1]]
    assert changed(db, ["a"], "$addToSet", "A", collation={"locale": "en", "strength": 2}) == ["a"]
    assert failure(db, 5, "$addToSet", 1) == failure(db, [], "$addToSet", {"$each": [1], "$slice": 1}) == 2
    assert failure(db, [], "$addToSet", {"$each": 1}) == 14


@rules("$pop", "$pull", "$pullAll")
def pulls(db: Db) -> None:
    assert changed(db, [1, 2, 3], "$pop", 1) == [1, 2]
    assert changed(db, [1, 2, 3], "$pop", -1.0) == [2, 3]
    assert changed(db, [], "$pop", 1) == []
    assert changed(db, None, "$pop", 1) is None
    assert [failure(db, [1], "$pop", one) for one in (0, 2, "x", 1.5)] == [9] * 4
    assert failure(db, 5, "$pop", 1) == 14
    assert changed(db, [1, 5, 5.0, "x"], "$pull", 5) == [1, "x"]
    assert changed(db, [1, 5, 9], "$pull", {"$gte": 5}) == [1]
    assert changed(db, [1, None, 2], "$pull", {"$in": [1, None]}) == [2]
    assert changed(db, [{"a": 1, "b": 2}, {"b": 2}, 3], "$pull", {"b": 2}) == [3]
    assert changed(db, [{"a": {"x": 1}}, {"a": {"x": 1, "y": 2}}], "$pull", {"a": {"x": 1}}) == [{"a": {"x": 1, "y": 2}}]
    assert changed(db, [[1, 2], [1]], "$pull", [1, 2]) == [[1]]
    assert changed(db, [{"l": [1, 5]}, {"l": [2]}], "$pull", {"l": {"$elemMatch": {"$gt": 4}}}) == [{"l": [2]}]
    assert changed(db, None, "$pull", 1) is None
    assert failure(db, 5, "$pull", 1) == failure(db, None, "$pull", 1) == 2
    assert changed(db, [{"a": 1, "b": 2}, {"b": 2, "a": 1}, 1, 1.0], "$pullAll", [{"b": 2, "a": 1}, 1]) == [{"a": 1, "b": 2}]
    assert failure(db, [1], "$pullAll", 1) == failure(db, 5, "$pullAll", [1]) == 2


@rules("positions in paths")
def positions(db: Db) -> None:
    assert refused(db, {"l": 5}, {"$set": {"l.$[]": 1}}) == 2
    assert refused(db, {}, {"$set": {"l.$[]": 1}}) == 2
    assert refused(db, {"l": [1]}, {"$set": {"l.$[x]": 1}}, arrayFilters=[{"y": 1}]) == 2
    assert refused(db, {"l": [1]}, {"$set": {"l.$[x]": 1}}, arrayFilters=[{"x": 1}, {"x": 2}]) == 9
    assert refused(db, {"l": [1]}, {"$set": {"l.$[x]": 1}}, arrayFilters=[{"x": 1}, {"y": 2}]) == 9
    assert refused(db, {"l": [1]}, {"$set": {"l.$[X]": 1}}, arrayFilters=[{"X": 1}]) == 2
    assert refused(db, {"l": [1]}, {"l": 1}, arrayFilters=[{"x": 1}]) == 9
    assert refused(db, {"l": [1]}, [{"$set": {"l": 1}}], arrayFilters=[{"x": 1}]) == 9
    assert updated(db, {"l": [{"a": 1}, {"a": 2}]}, {"$set": {"l.$.a": 9}}, query={"l.a": 2}) == {"l": [{"a": 1}, {"a": 9}]}
    assert updated(db, {"l": [1, 5]}, {"$unset": {"l.$": 1}}, query={"l": {"$elemMatch": {"$gt": 2}}}) == {"l": [1, None]}
    db.c.drop()
    assert update(db, {"$set": {"l.$": 1}}, {"l": 5}, upsert=True)["code"] == 2
    assert update(db, {"$set": {"l.$[]": 1}}, {"_id": 1}, upsert=True)["code"] == 2
    assert update(db, {"$set": {"l.$[]": 1}}, {"_id": 1, "l": [5, 6]}, upsert=True)["n"] == 1
    assert db.c.find_one() == {"_id": 1, "l": [1, 1]}
