"""Commands in mongosh syntax and their shapes, for decoded commands and for commands whose documents are still encoded."""

from __future__ import annotations

from typing import Any

import pytest
from bson.int64 import Int64
from bson.objectid import ObjectId

from secantus_server.bson import RawArray, RawDocument, encode
from secantus_server.work._shell_commands import body_fields, command_shape, command_text, plain_body
from secantus_server.work._shell_text import field_name, hidden, typed

OF_DRIVERS = {"lsid": {"id": 1}, "$db": "shop"}

COMMANDS: list[tuple[dict[str, Any], list[dict[str, Any]], str, str]] = [
    (
        {"find": "c", "filter": {"a.b": {"$in": [1, 2]}, "_id": "x"}, "projection": {"a": 1}, "sort": {"a": -1}, "limit": 2},
        [],
        'db.c.find({ "a.b": { $in: [1, 2] }, _id: "x" }, { a: 1 }).sort({ a: -1 }).limit(2)',
        'db.c.find({ "a.b": { $in: [?] }, _id: ? }, { a: 1 }).sort({ a: -1 }).limit(?)',
    ),
    ({"find": "c", "filter": {}, "projection": {}, "sort": {}}, [], "db.c.find()", "db.c.find()"),
    (
        {"aggregate": "c", "pipeline": [{"$lookup": {"from": "d", "let": {"x": "$y"}, "as": "e"}}, {"$sort": {"a": 1}}], "let": {"n": 1}},
        [],
        'db.c.aggregate([{ $lookup: { from: "d", let: { x: "$y" }, as: "e" } }, { $sort: { a: 1 } }], { let: { n: 1 } })',
        'db.c.aggregate([{ $lookup: { from: "d", let: { x: "$y" }, as: "e" } }, { $sort: { a: 1 } }], { let: { n: ? } })',
    ),
    ({"aggregate": "c", "pipeline": [], "let": {}}, [], "db.c.aggregate([])", "db.c.aggregate([])"),
    ({"insert": "c-d"}, [{"a": 1}], 'db.getCollection("c-d").insertOne({ a: 1 })', 'db.getCollection("c-d").insert(?)'),
    ({"insert": "c"}, [{"a": 1}, {}], "db.c.insertMany([{ a: 1 }, {}])", "db.c.insert(?)"),
    (
        {"update": "c"},
        [{"q": {"a": 1}, "u": {"$set": {"b": "x"}}, "multi": False, "upsert": True, "collation": {"locale": "de"}}],
        'db.c.updateOne({ a: 1 }, { $set: { b: "x" } }, { upsert: true, collation: { locale: "de" } })',
        'db.c.updateOne({ a: ? }, { $set: { b: ? } }, { upsert: true, collation: { locale: "de" } })',
    ),
    ({"update": "c"}, [{"q": {}, "u": {"b": 1}}], "db.c.replaceOne({}, { b: 1 })", "db.c.replaceOne({}, { b: ? })"),
    (
        {"update": "c"},
        [{"q": {}, "u": [{"$set": {"b": "$a"}}], "multi": True}],
        'db.c.updateMany({}, [{ $set: { b: "$a" } }])',
        'db.c.updateMany({}, [{ $set: { b: "$a" } }])',
    ),
    (
        {"createIndexes": "c", "indexes": [{"key": {"a": 1}, "name": "a_1", "v": 2}]},
        [],
        'db.c.createIndex({ a: 1 }, { name: "a_1" })',
        'db.c.createIndex({ a: 1 }, { name: "a_1" })',
    ),
    (
        {"bulkWrite": 1, "ordered": True, "nsInfo": [{"ns": "shop.c"}]},
        [{"insert": 0, "document": {"a": 1}}],
        'db.runCommand({ bulkWrite: 1, ops: [{ insert: 0, document: { a: 1 } }], nsInfo: [{ ns: "shop.c" }], ordered: true })',
        'db.runCommand({ bulkWrite: 1, ops: [{ insert: ?, document: { a: ? } }], nsInfo: [{ ns: "shop.c" }], ordered: ? })',
    ),
    (
        {"getMore": Int64(7), "collection": "c", "batchSize": 2},
        [],
        "db.runCommand({ getMore: Long('7'), collection: \"c\" })",
        'db.runCommand({ getMore: ?, collection: "c" })',
    ),
]


@pytest.mark.parametrize(("body", "statements", "text", "shape"), COMMANDS)
def test_a_command_reads_the_same_whether_it_is_encoded_or_not(
    body: dict[str, Any], statements: list[dict[str, Any]], text: str, shape: str
) -> None:
    name, whole, encoded = next(iter(body)), body | OF_DRIVERS, [encode(one) for one in statements]
    for fields, documents in ((plain_body(whole), statements), (body_fields(encode(whole)), encoded)):
        assert command_text(name, fields, documents, len(documents)) == text
        assert command_shape(name, fields, documents) == shape


@pytest.mark.parametrize(("name", "field"), [("update", "updates"), ("delete", "deletes"), ("createIndexes", "indexes")])
def test_a_command_without_the_documents_that_it_needs_is_shown_as_it_is(name: str, field: str) -> None:
    items = [{"q": {}}, 5]
    for fields in (body := {name: "c", field: items}, body_fields(encode(body))):
        assert command_text(name, fields, items, 2) == f'db.runCommand({{ {name}: "c", {field}: [{{ q: {{}} }}, 5] }})'
        assert command_shape(name, fields, items[1:]) == f'db.runCommand({{ {name}: "c", {field}: [{{ q: {{}} }}, ?] }})'


@pytest.mark.parametrize(
    ("value", "text", "shape"),
    [
        ('\u00fcn\u00ef "\\\n\x7f', '"\u00fcn\u00ef \\"\\\\\\n\x7f"', "?"),
        ("x" * 200, f'"{"x" * 200}"', "?"),
        ("\u00e9" * 201, '"' + "\u00e9" * 200 + '..."', "?"),
        ("$\u00e9", '"$\u00e9"', '"$\\u00e9"'),
        (-(2**31), "-2147483648", "?"),
        (0, "0", "?"),
        (None, "null", "?"),
        (False, "false", "?"),
        (ObjectId("0123456789abcdef01234567"), "ObjectId('0123456789abcdef01234567')", "?"),
        (list(range(22)), f"[{', '.join(map(str, range(20)))}, /* 2 more */]", "[?]"),
        ([{"a": 1}, {"b": 1}, {"a": 2}, 3, "$c"], '[{ a: 1 }, { b: 1 }, { a: 2 }, 3, "$c"]', '[{ a: ? }, { b: ? }, ?, "$c"]'),
        ({"$unwind": ["a"], "$out": "x"}, '{ $unwind: ["a"], $out: "x" }', '{ $unwind: [?], $out: "x" }'),
    ],
)
def test_values(value: Any, text: str, shape: str) -> None:
    encoded = RawDocument(encode({"v": value}))
    assert (typed(value), hidden(value)) == (text, shape)
    assert (typed(encoded), hidden(encoded)) == (f"{{ v: {text} }}", f"{{ v: {shape} }}")


@pytest.mark.parametrize("name", ["", "$", "_id", "$set", "a1", "1a", "$1", "a.b", "a b", "\u00fc", 'a"b'])
def test_names(name: str) -> None:
    assert typed({name: 1}) == f"{{ {field_name(name)}: 1 }}"


def test_arrays_of_documents() -> None:
    assert typed(RawArray([encode({"a": 1}), encode({})])) == "[{ a: 1 }, {}]"
