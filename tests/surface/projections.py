"""Projections, and the variables of expressions. https://www.mongodb.com/docs/manual/tutorial/project-fields-from-query-results/"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from bson import Timestamp
from pymongo.database import Database

from tests.failing import code_of_call as code
from tests.surface.rows import row

Db = Database[dict[str, Any]]
projection = partial(row, "Projections")
variable = partial(row, "System variables")
DOCUMENT = {"_id": 1, "a": {"b": 1, "c": 2}, "l": [{"x": 1, "y": 2}, 3, {"x": 4}], "n": 5}


def project(db: Db, specification: dict[str, Any], query: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return `DOCUMENT`, which is inserted, as a find projects it."""
    db.c.replace_one({"_id": 1}, DOCUMENT, upsert=True)
    found = db.c.find_one(query or {}, specification)
    assert found is not None
    return found


def failure(db: Db, specification: dict[str, Any], query: dict[str, Any] | None = None) -> int | None:
    """Return the error code of a find with a projection."""
    return code(project, db, specification, query)


def one(db: Db, *stages: dict[str, Any]) -> dict[str, Any]:
    """Return the only document of a pipeline over `DOCUMENT`."""
    (found,) = db.aggregate([{"$documents": [DOCUMENT]}, *stages])
    return found


@projection("inclusion (field:1|true)", "_id exclusion in inclusion", "exclusion (field:0|false)")
def inclusion(db: Db) -> None:
    assert project(db, {"n": 7.5, "a": True}) == {"_id": 1, "a": {"b": 1, "c": 2}, "n": 5}
    assert list(project(db, {"n": 1, "a": 1})) == ["_id", "a", "n"]
    assert project(db, {"n": 1, "_id": 0}) == {"n": 5}
    assert project(db, {"a": 0, "l": False}) == {"_id": 1, "n": 5}
    assert failure(db, {"a": 1, "n": 0}) == 31254
    assert failure(db, {"a": 0, "n": 1}) == 31253


@projection("dotted paths a.b:1", "nested document form {a:{b:1}}")
def dotted(db: Db) -> None:
    assert project(db, {"a.b": 1, "l.x": 1, "_id": 0}) == {"a": {"b": 1}, "l": [{"x": 1}, {"x": 4}]}
    assert project(db, {"a": {"b": 1}, "l": {"x": 1}, "_id": 0}) == {"a": {"b": 1}, "l": [{"x": 1}, {"x": 4}]}
    assert project(db, {"l.x": 0, "a": 0}) == {"_id": 1, "l": [{"y": 2}, 3, {}], "n": 5}


@projection("aggregation expressions in find projection", "$project computed vs literal", "$$REMOVE in projection")
def computed(db: Db) -> None:
    assert list(project(db, {"t": "$n", "s": {"$add": ["$n", 1]}, "w": "word", "_id": 0}).items()) == [("t", 5), ("s", 6), ("w", "word")]
    assert one(db, {"$project": {"n": 1, "a": {"$literal": 1}, "t": {"$literal": True}}}) == {"_id": 1, "n": 5, "a": 1, "t": True}
    gone = {"$cond": [{"$gt": ["$n", 4]}, "$$REMOVE", "$n"]}
    assert project(db, {"kept": "$n", "gone": gone, "_id": 0}) == {"kept": 5}


@projection("$ (positional)")
def positional(db: Db) -> None:
    assert project(db, {"l.$": 1}, {"l.x": 4}) == {"_id": 1, "l": [{"x": 4}]}
    assert failure(db, {"l.$": 1}) == 51246
    assert failure(db, {"l.$": 1, "a.$": 1}, {"l.x": 4}) == 31276
    assert failure(db, {"l.$.x": 1}, {"l.x": 4}) == 31394
    assert failure(db, {"l.$": 0}, {"l.x": 4}) == 31395


@projection("$elemMatch")
def elem_match(db: Db) -> None:
    assert project(db, {"l": {"$elemMatch": {"x": {"$gt": 1}}}}) == {"_id": 1, "l": [{"x": 4}]}
    assert list(project(db, {"l": {"$elemMatch": {"x": 4}}, "n": 1})) == ["_id", "n", "l"]
    assert failure(db, {"l.x": {"$elemMatch": {"y": 1}}}) == 31275


@projection("$slice", "exclusion of $-operators ($slice) with inclusion default")
def slices(db: Db) -> None:
    assert project(db, {"l": {"$slice": -1}}) == {**DOCUMENT, "l": [{"x": 4}]}
    assert project(db, {"l": {"$slice": [1, 1]}, "n": 1}) == {"_id": 1, "l": [3], "n": 5}
    assert failure(db, {"l": {"$slice": [1, 0]}}) in (31272, 28724)
    assert project(db, {"l": {"$slice": ["$l", 1, 1]}}) == {"_id": 1, "l": [3]}


@projection("$meta")
def meta(db: Db) -> None:
    db.c.create_index([("w", "text")])
    db.c.insert_one({"_id": 2, "w": "dog"})
    found = db.c.find_one({"$text": {"$search": "dog"}}, {"s": {"$meta": "textScore"}})
    assert found == {"_id": 2, "w": "dog", "s": 1.1}
    key = db.c.find_one({"_id": 2}, {"k": {"$meta": "sortKey"}}, sort=[("w", 1)])
    assert key is not None
    assert key["k"] == ["dog"]
    indexed = db.c.find_one({"_id": 2}, {"k": {"$meta": "indexKey"}}, hint="_id_")
    assert indexed is not None
    assert indexed["k"] == {"_id": 2}
    assert isinstance(db.c.find_one({"_id": 2}, {"r": {"$meta": "recordId"}})["r"], int)  # type: ignore[index]
    assert failure(db, {"s": {"$meta": "none"}}) == 17308


@projection("path collision", "empty projection {}", "field path restrictions")
def restrictions(db: Db) -> None:
    assert failure(db, {"a": 1, "a.b": 1}) == 31249
    assert failure(db, {"a.b": 1, "a": 1}) == 31250
    assert project(db, {}) == DOCUMENT
    assert code(one, db, {"$project": {}}) == 51272
    assert code(one, db, {"$project": {"$a": 1}}) == 16410
    assert code(one, db, {"$project": {"a..b": 1}}) == 15998
    assert code(one, db, {"$project": {"a.": 1}}) == 40353
    assert code(one, db, {"$project": {"": 1}}) == 40352


@variable("$$NOW", "$$CLUSTER_TIME")
def times(db: Db) -> None:
    found = one(db, {"$set": {"t": "$$NOW", "u": "$$NOW", "c": "$$CLUSTER_TIME"}})
    assert isinstance(found["t"], datetime)
    assert found["t"] == found["u"]
    assert isinstance(found["c"], Timestamp)


@variable("$$ROOT", "$$CURRENT", "$$REMOVE")
def documents(db: Db) -> None:
    assert one(db, {"$project": {"_id": 0, "r": "$$ROOT.n", "c": "$$CURRENT.n", "f": "$n", "x": "$$REMOVE"}}) == {"r": 5, "c": 5, "f": 5}
    assert one(db, {"$project": {"_id": 0, "b": {"$let": {"vars": {"CURRENT": "$a"}, "in": "$b"}}}}) == {"b": 1}


@variable("$$DESCEND", "$$PRUNE", "$$KEEP")
def redact(db: Db) -> None:
    def redacted(inner: str) -> dict[str, Any]:
        return one(db, {"$redact": {"$cond": [{"$ifNull": ["$b", False]}, inner, "$$DESCEND"]}}, {"$project": {"a": 1}})

    assert redacted("$$PRUNE") == {"_id": 1}
    assert redacted("$$KEEP") == {"_id": 1, "a": {"b": 1, "c": 2}}
    assert code(one, db, {"$project": {"x": "$$KEEP"}}) == 17276


@variable("$$USER_ROLES")
def roles(db: Db) -> None:
    assert one(db, {"$project": {"_id": 0, "r": "$$USER_ROLES"}}) == {"r": []}


@variable("$$this", "$$value")
def elements(db: Db) -> None:
    numbers = {"$map": {"input": [1, 2, 3], "in": {"$multiply": ["$$this", 2]}}}
    some = {"$filter": {"input": numbers, "cond": {"$gt": ["$$this", 2]}}}
    total = {"$reduce": {"input": some, "initialValue": 0, "in": {"$add": ["$$value", "$$this"]}}}
    assert one(db, {"$project": {"_id": 0, "t": total}}) == {"t": 10}


@variable("$$new")
def new(db: Db) -> None:
    db.c.insert_one({"_id": 1, "n": 1})
    into = {"$merge": {"into": "c", "whenMatched": [{"$set": {"n": {"$add": ["$n", "$$new.n"]}}}]}}
    db.d.insert_one({"_id": 1, "n": 5})
    db.d.aggregate([into])
    assert db.c.find_one() == {"_id": 1, "n": 6}
