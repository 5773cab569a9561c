"""Parts of queries and expressions: shapes, `$jsonSchema` keywords, date formats, windows. https://www.mongodb.com/docs/manual/reference/mql/"""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from typing import Any

from bson import DBRef, Decimal128, Int64
from pymongo.database import Database

from tests.failing import code_of_call as code
from tests.surface.rows import row

Db = Database[dict[str, Any]]
query = partial(row, "Parts of queries")
expression = partial(row, "Parts of expressions")
window = partial(row, "Parts of windows")
MOMENT = datetime(2026, 11, 5, 7, 8, 9, 123000, tzinfo=timezone.utc)


def inside(db: Db, shape: dict[str, Any]) -> list[int]:
    """Return which of three points are within a shape."""
    db.c.drop()
    db.c.insert_many([{"_id": 1, "p": [0, 0]}, {"_id": 2, "p": [1, 1]}, {"_id": 3, "p": [5, 5]}])
    return [found["_id"] for found in db.c.find({"p": {"$geoWithin": shape}})]


def valid(db: Db, schema: dict[str, Any], *documents: dict[str, Any]) -> list[bool]:
    """Return which documents satisfy a schema."""
    db.c.drop()
    db.c.insert_many([{"_id": number, **document} for number, document in enumerate(documents)])
    found = {document["_id"] for document in db.c.find({"$jsonSchema": schema})}
    return [number in found for number in range(len(documents))]


def of_field(db: Db, schema: dict[str, Any], *values: Any) -> list[bool]:
    """Return which values of a field satisfy a schema."""
    return valid(db, {"properties": {"v": schema}}, *({"v": value} for value in values))


def value(db: Db, expression: Any) -> Any:
    """Return the value of an expression over a document with a date `d` and an array of documents `l`."""
    document = {"d": MOMENT, "l": [{"x": 1}, {"x": 3}], "n": 5}
    return next(db.aggregate([{"$documents": [document]}, {"$project": {"v": expression}}])).get("v")


@query("$geometry", "$box", "$polygon", "$center", "$centerSphere")
def shapes(db: Db) -> None:
    square = [[-1, -1], [-1, 2], [2, 2], [2, -1]]
    assert inside(db, {"$geometry": {"type": "Polygon", "coordinates": [[*square, square[0]]]}}) == [1, 2]
    assert inside(db, {"$box": [[0, 0], [1, 1]]}) == [1, 2]
    assert inside(db, {"$polygon": square}) == [1, 2]
    assert inside(db, {"$center": [[0, 0], 1]}) == [1]
    assert inside(db, {"$centerSphere": [[0, 0], 0.03]}) == [1, 2]


@query("$ref/$id/$db")
def references(db: Db) -> None:
    db.c.insert_many([{"_id": 1, "r": DBRef("other", 5)}, {"_id": 2, "r": DBRef("other", 5, "db")}])
    assert [found["_id"] for found in db.c.find({"r.$id": 5, "r.$ref": "other"})] == [1, 2]
    assert [found["_id"] for found in db.c.find({"r.$db": "db"})] == [2]
    assert [found["_id"] for found in db.c.find({"r": DBRef("other", 5)})] == [1]


@query("jsonSchema.bsonType", "jsonSchema.type", "jsonSchema.enum", "jsonSchema.title", "jsonSchema.description")
def schema_types(db: Db) -> None:
    assert of_field(db, {"bsonType": ["int", "string"]}, 1, Int64(1), "x") == [True, False, True]
    assert of_field(db, {"type": "number", "title": "t", "description": "d"}, 1, 1.5, Decimal128("1"), "x") == [True, True, True, False]
    assert of_field(db, {"enum": [1, "x", None]}, 1, "x", None, 2) == [True, True, True, False]
    assert code(of_field, db, {"type": "integer"}, 1) == 9


@query("jsonSchema.allOf", "jsonSchema.anyOf", "jsonSchema.oneOf", "jsonSchema.not")
def schema_logic(db: Db) -> None:
    small, even = {"maximum": 5}, {"multipleOf": 2}
    assert of_field(db, {"allOf": [small, even]}, 2, 3, 8) == [True, False, False]
    assert of_field(db, {"anyOf": [small, even]}, 2, 3, 8, 9) == [True, True, True, False]
    assert of_field(db, {"oneOf": [small, even]}, 2, 3, 8, 9) == [False, True, True, False]
    assert of_field(db, {"not": small}, 2, 9) == [False, True]


@query("jsonSchema.multipleOf", "jsonSchema.maximum", "jsonSchema.exclusiveMaximum", "jsonSchema.minimum", "jsonSchema.exclusiveMinimum")
def schema_numbers(db: Db) -> None:
    assert of_field(db, {"multipleOf": 1.5}, 3, 4) == [True, False]
    assert of_field(db, {"minimum": 2, "maximum": 4}, 1, 2, 4, 5) == [False, True, True, False]
    bounds = {"minimum": 2, "exclusiveMinimum": True, "maximum": 4, "exclusiveMaximum": True}
    assert of_field(db, bounds, 2, 3, 4) == [False, True, False]


@query("jsonSchema.maxLength", "jsonSchema.minLength", "jsonSchema.pattern")
def schema_strings(db: Db) -> None:
    assert of_field(db, {"minLength": 2, "maxLength": 3}, "é", "éé", "ééé", "éééé") == [False, True, True, False]
    assert of_field(db, {"pattern": "^a"}, "ab", "ba", 5) == [True, False, True]


@query("jsonSchema.maxProperties", "jsonSchema.minProperties", "jsonSchema.required", "jsonSchema.additionalProperties")
def schema_objects(db: Db) -> None:
    assert of_field(db, {"minProperties": 1, "maxProperties": 2}, {}, {"a": 1}, {"a": 1, "b": 1, "c": 1}) == [False, True, False]
    assert valid(db, {"required": ["a"]}, {"a": None}, {}) == [True, False]
    closed = {"properties": {"a": {}}, "additionalProperties": False}
    assert of_field(db, closed, {"a": 1}, {"b": 1}) == [True, False]
    assert of_field(db, {**closed, "additionalProperties": {"type": "number"}}, {"b": 1}, {"b": "x"}) == [True, False]


@query("jsonSchema.properties", "jsonSchema.patternProperties")
def schema_properties(db: Db) -> None:
    assert of_field(db, {"properties": {"a": {"type": "string"}}}, {"a": "x"}, {"a": 1}, {}) == [True, False, True]
    assert of_field(db, {"patternProperties": {"^n": {"type": "number"}}}, {"nn": 1}, {"nn": "x"}, {"a": "x"}) == [True, False, True]


@query("jsonSchema.items", "jsonSchema.maxItems", "jsonSchema.minItems", "jsonSchema.uniqueItems")
def schema_arrays(db: Db) -> None:
    assert of_field(db, {"items": {"type": "number"}}, [1, 2], [1, "x"], []) == [True, False, True]
    assert of_field(db, {"items": [{"type": "number"}], "additionalItems": False}, [1], ["x"], [1, 2]) == [True, False, False]
    assert of_field(db, {"minItems": 1, "maxItems": 2}, [], [1], [1, 2, 3]) == [False, True, False]
    assert of_field(db, {"uniqueItems": True}, [1, 2], [1, 1.0]) == [True, False]


@expression("format:%Y %m %d %H %M %S %L", "format:%j %U %u %w %V %G", "format:%b %B", "format:%%")
def formats(db: Db) -> None:
    def text(pattern: str) -> Any:
        return value(db, {"$dateToString": {"date": "$d", "format": pattern}})

    assert text("%Y-%m-%d %H:%M:%S.%L") == "2026-11-05 07:08:09.123"
    assert text("%j %U %u %w %V %G") == "309 44 4 5 45 2026"
    assert text("%b %B %%") == "Nov November %"


@expression("format:%z %Z", "timezone: Olson id, +hh[:mm], UTC/GMT")
def zones(db: Db) -> None:
    def text(zone: str) -> Any:
        return value(db, {"$dateToString": {"date": "$d", "format": "%H:%M %z %Z", "timezone": zone}})

    assert text("Europe/Berlin") == "08:08 +0100 60"
    assert text("+05:30") == "12:38 +0530 330"
    assert text("-03") == "04:08 -0300 -180"
    assert text("UTC") == text("GMT") == "07:08 +0000 0"
    assert code(text, "Nowhere/City") == 40485


@expression("meta:textScore")
def meta(db: Db) -> None:
    db.c.create_index([("w", "text")])
    db.c.insert_one({"w": "dog"})
    found = list(db.c.aggregate([{"$match": {"$text": {"$search": "dog"}}}, {"$project": {"_id": 0, "s": {"$meta": "textScore"}}}]))
    assert found == [{"s": 1.1}]


@expression(
    "$avg (expression)", "$max (expression)", "$min (expression)", "$sum (expression)", "$stdDevPop (expression)",
    "$stdDevSamp (expression)", "$median (expression)", "$percentile (expression)",
)  # fmt: skip
def statistics(db: Db) -> None:
    assert [value(db, {name: "$l.x"}) for name in ("$avg", "$max", "$min", "$sum", "$stdDevPop")] == [2.0, 3, 1, 4, 1.0]
    assert abs(value(db, {"$stdDevSamp": "$l.x"}) - 2**0.5) < 1e-12
    assert value(db, {"$median": {"input": "$l.x", "method": "approximate"}}) == 1.0
    assert value(db, {"$percentile": {"input": "$l.x", "p": [0.9], "method": "approximate"}}) == [3.0]


@expression("$case (switch branch)", 'field path "$a.b"', "object literal / array literal expression")
def literals(db: Db) -> None:
    branches = [{"case": {"$gt": ["$n", 9]}, "then": "big"}, {"case": {"$gt": ["$n", 4]}, "then": "middle"}]
    assert value(db, {"$switch": {"branches": branches, "default": "small"}}) == "middle"
    assert value(db, "$l.x") == [1, 3]
    assert value(db, {"a": "$n", "b": ["$n", "$missing", {"c": 1}]}) == {"a": 5, "b": [5, None, {"c": 1}]}


@window("window.documents", "window.range", "window.unit", "window.default (no window)")
def windows(db: Db) -> None:
    documents = [{"t": datetime(2026, 1, day, tzinfo=timezone.utc), "n": day} for day in (1, 2, 4)]

    def sums(by: str, **bounds: Any) -> list[int]:
        output = {"s": {"$sum": "$n", **({"window": bounds} if bounds else {})}}
        found = db.aggregate([{"$documents": documents}, {"$setWindowFields": {"sortBy": {by: 1}, "output": output}}])
        return [document["s"] for document in found]

    assert sums("n", documents=[-1, "current"]) == [1, 3, 6]
    assert sums("n", range=[-1, 0]) == [1, 3, 4]
    assert sums("t", range=[-2, 0], unit="day") == [1, 3, 6]
    assert sums("n") == [7, 7, 7]
