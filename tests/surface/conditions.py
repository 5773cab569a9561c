"""The rules of query operators: arrays, nulls, types, and error codes. https://www.mongodb.com/docs/manual/reference/mql/query-predicates/"""

from __future__ import annotations

from functools import partial
from typing import Any

from bson import Binary, Decimal128, Int64, MaxKey, MinKey, Regex
from pymongo.database import Database

from tests.failing import code_of_call as code
from tests.surface.rows import row

Db = Database[dict[str, Any]]
rules = partial(row, "Rules of queries")
NAN = float("nan")


def found(db: Db, condition: Any, *stored: Any) -> list[int]:
    """Return the positions of the stored values that match a condition. They must be the same with an index and in a pipeline.

    A value that is `...` is a missing field.
    """
    db.c.drop()
    db.c.insert_many([{"_id": number} if one is ... else {"_id": number, "v": one} for number, one in enumerate(stored)])
    query = {"v": condition}
    scanned = sorted(document["_id"] for document in db.c.find(query))
    assert scanned == sorted(document["_id"] for document in db.c.aggregate([{"$match": query}]))
    for keys in ([("v", 1)], [("v", -1), ("_id", 1)], [("$**", 1)]):
        db.c.create_index(keys)
        assert sorted(document["_id"] for document in db.c.find(query)) == scanned, keys
        db.c.drop_indexes()
    return scanned


def failure(db: Db, condition: Any) -> int | None:
    """Return the error code of a query."""
    return code(lambda: list(db.c.find({"v": condition})))


@rules("$eq", "$ne")
def equalities(db: Db) -> None:
    assert found(db, 1, 1, Int64(1), 1.0, Decimal128("1"), [1, 2], [[1]], "1") == [0, 1, 2, 3, 4]
    assert found(db, {"$eq": [1, 2]}, [1, 2], [[1, 2], 3], [2, 1], [1, 2, 3]) == [0, 1]
    assert found(db, {"a": 1, "b": 2}, {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1.0, "b": Int64(2)}, {"a": 1}) == [0, 2]
    assert found(db, {"$ne": 1}, 1, [1, 2], [2, 3], None, ..., [[1]]) == [2, 3, 4, 5]
    assert found(db, None, None, ..., [], [None], 1, {}) == [0, 1, 3]
    assert found(db, {"$ne": None}, None, ..., [], [None], 1) == [2, 4]
    assert found(db, NAN, NAN, Decimal128("NaN"), 1, [NAN]) == [0, 1, 3]
    assert found(db, {"$eq": Regex("a")}, Regex("a"), "a", Regex("b")) == [0]
    assert failure(db, {"$ne": Regex("a")}) == failure(db, {"$gt": Regex("a")}) == 2


@rules("$gt", "$gte", "$lt", "$lte")
def orders(db: Db) -> None:
    assert found(db, {"$gt": 5}, 6, "a", None, [4, 6], NAN, MaxKey(), Decimal128("5.1")) == [0, 3, 6]
    assert found(db, {"$gte": None}, None, ..., 1, [], [None]) == found(db, {"$lte": None}, None, ..., 1, [], [None]) == [0, 1, 4]
    assert found(db, {"$gt": None}, None, ..., 1) == found(db, {"$lt": None}, None, ..., 1) == []
    assert found(db, {"$gte": NAN}, NAN, 1, Decimal128("NaN")) == found(db, {"$lte": NAN}, NAN, 1, Decimal128("NaN")) == [0, 2]
    assert found(db, {"$lt": 1}, NAN, 0, float("-inf")) == [1, 2]
    assert found(db, {"$gt": MinKey()}, MinKey(), 1, "a", None) == [1, 2, 3]
    assert found(db, {"$lt": MaxKey()}, MaxKey(), 1, "a", None) == [1, 2, 3]
    assert found(db, {"$lt": [2]}, [1], 1, [[1]], [2], []) == [0, 2, 4]
    assert found(db, {"$gt": {"a": 1}}, {"a": 2}, {"b": 0}, {"a": 1}, 5) == [0, 1]
    assert found(db, {"$gt": 1, "$lt": 3}, [0, 5], 2, [2], [0, 1]) == [0, 1, 2]


@rules("$in", "$nin")
def members(db: Db) -> None:
    assert found(db, {"$in": []}, 1, None) == []
    assert found(db, {"$nin": []}, 1, None) == [0, 1]
    assert found(db, {"$in": [None, Regex("^a")]}, None, ..., "ab", "ba", ["x", "ay"]) == [0, 1, 2, 4]
    assert found(db, {"$nin": [None, 1]}, None, ..., 1, 2, [1, 2], [3]) == [3, 5]
    assert found(db, {"$in": [[1], 2]}, [1], 1, [[1]], [2]) == [0, 2, 3]
    assert failure(db, {"$in": 1}) == failure(db, {"$nin": 1}) == failure(db, {"$in": [{"$gt": 1}]}) == 2


@rules("$and", "$or", "$nor", "$not")
def logic(db: Db) -> None:
    for name in ("$and", "$or", "$nor"):
        assert [code(lambda name=name, one=one: list(db.c.find({name: one}))) for one in ([], 1, [1], {})] == [2] * 4
    assert found(db, {"$not": {"$gt": 5}}, 6, 4, "a", ..., [4, 6]) == [1, 2, 3]
    assert found(db, {"$not": Regex("a")}, "a", "b", ..., ["a"]) == [1, 2]
    assert found(db, {"$not": {"$not": {"$eq": 1}}}, 1, 2) == [0]
    assert [failure(db, {"$not": one}) for one in ({}, 1, [], None)] == [2] * 4
    assert code(lambda: list(db.c.find({"$not": {"v": 1}}))) == 2


@rules("$exists", "$type")
def kinds(db: Db) -> None:
    assert found(db, {"$exists": True}, None, ..., [], 0) == [0, 2, 3]
    assert found(db, {"$exists": 0}, None, ...) == found(db, {"$exists": None}, None, ...) == [1]
    assert found(db, {"$exists": "false"}, 1, ...) == [0]
    assert found(db, {"$type": "number"}, 1, Int64(1), 1.5, Decimal128("1"), "1", ["x", 1]) == [0, 1, 2, 3, 5]
    assert found(db, {"$type": "array"}, [], [[1]], 1, [1]) == [0, 1, 3]
    assert found(db, {"$type": [2, "null"]}, "a", None, ..., 1) == [0, 1]
    assert found(db, {"$type": 10}, None, ...) == [0]
    assert [failure(db, {"$type": one}) for one in ("nothing", 99, [], 1.5, None)] == [2, 2, 9, 2, 14]


@rules("$all", "$elemMatch", "$size")
def arrays(db: Db) -> None:
    assert found(db, {"$all": []}, [], 1, ...) == []
    assert found(db, {"$all": [1, 2]}, [2, 1, 3], [1], 1) == [0]
    assert found(db, {"$all": [1]}, 1, [1], [[1]]) == [0, 1]
    assert found(db, {"$all": [[1, 2]]}, [1, 2], [[1, 2]], [[2, 1]]) == [0, 1]
    assert found(db, {"$all": [Regex("^a"), "b"]}, ["ax", "b"], ["b"]) == [0]
    assert found(db, {"$all": [None]}, None, ..., [None], [1]) == [0, 1, 2]
    pairs = {"$all": [{"$elemMatch": {"x": 1}}, {"$elemMatch": {"x": 2}}]}
    assert found(db, pairs, [{"x": 1}, {"x": 2}], [{"x": 1}], {"x": 1}) == [0]
    assert failure(db, {"$all": [{"$elemMatch": {"x": 1}}, 1]}) == failure(db, {"$all": 1}) == failure(db, {"$all": [{"$gt": 1}]}) == 2
    assert found(db, {"$elemMatch": {"$gt": 1, "$lt": 3}}, [0, 5], [2], 2, [[2]]) == [1]
    assert found(db, {"$elemMatch": {"x": 1, "y": 2}}, [{"x": 1}, {"y": 2}], [{"x": 1, "y": 2}], {"x": 1, "y": 2}) == [1]
    assert found(db, {"$elemMatch": {}}, [{}], [1], [[]], []) == [0, 2]
    assert failure(db, {"$elemMatch": 1}) == 2
    assert found(db, {"$size": 2}, [1, 2], [[1, 2]], [], ..., 2) == [0]
    assert found(db, {"$size": 0}, [], [1], ...) == [0]
    assert [failure(db, {"$size": one}) for one in (-1, 1.5, "x", None)] == [2, 2, 2, 2]


@rules("$mod", "$bitsAllSet", "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear")
def numbers(db: Db) -> None:
    assert found(db, {"$mod": [4, 1]}, 5, 5.9, -3, -7, "5", [2, 9], NAN, Decimal128("5")) == [0, 1, 5, 7]
    assert found(db, {"$mod": [-4, -1]}, -5, 5) == [0]
    assert [failure(db, {"$mod": one}) for one in ([4], [4, 1, 1], [0, 1], ["x", 1], [NAN, 1], 4, [])] == [2] * 7
    assert found(db, {"$bitsAllSet": 5}, 5, 7, 1, 5.0, 5.5, -1, "5", Decimal128("5"), Binary(b"\x05")) == [0, 1, 3, 5, 7, 8]
    assert found(db, {"$bitsAllClear": [0, 2]}, 2, 1, 0, Binary(b"\x02\xff")) == [0, 2, 3]
    assert found(db, {"$bitsAnySet": Binary(b"\x00\x01")}, 256, 255, -1, [1, 256]) == [0, 2, 3]
    assert found(db, {"$bitsAnyClear": [70]}, -1, 1, 2.0**63, Binary(b"\xff")) == [1, 3]
    assert [failure(db, {"$bitsAllSet": one}) for one in (-1, 1.5, "x", [-1], ["x"])] == [9, 9, 2, 2, 2]


@rules("$regex", "$options", "$expr", "$comment")
def patterns(db: Db) -> None:
    assert found(db, Regex("^a"), "ab", "ba", ["x", "ay"], Regex("^a"), 5, ...) == [0, 2, 3]
    assert found(db, {"$regex": "^A", "$options": "i"}, "ab", "ba") == [0]
    assert found(db, {"$regex": "a b # c", "$options": "x"}, "ab", "a b") == [0]
    assert found(db, {"$regex": "^b", "$options": "m"}, "a\nb", "ab") == [0]
    assert found(db, {"$regex": "a.b", "$options": "s"}, "a\nb", "ab") == [0]
    assert failure(db, {"$options": "i"}) == failure(db, {"$regex": 5}) == 2
    assert failure(db, {"$regex": "("}) == 51091
    assert failure(db, {"$regex": "a", "$options": "z"}) == 51108
    assert failure(db, {"$regex": Regex("a", "i"), "$options": "m"}) == 51075
    db.c.drop()
    db.c.insert_many([{"_id": 1, "a": [1], "b": 1}, {"_id": 2, "a": 1, "b": 1}, {"_id": 3}])
    assert [one["_id"] for one in db.c.find({"$expr": {"$eq": ["$a", "$b"]}, "$comment": "c"})] == [2, 3]
    assert [one["_id"] for one in db.c.find({"$or": [{"$expr": {"$lt": ["$a", 2]}}, {"_id": 9}]})] == [2, 3]
    assert code(lambda: list(db.c.find({"v": {"$expr": True}}))) == 2
