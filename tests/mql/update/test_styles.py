"""Replacement documents, pipelines, and the documents that upserts insert."""

from __future__ import annotations

from typing import Any

import pytest
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from secantus_server.bson import decode, encode
from secantus_server.errors import CommandError
from secantus_server.mql.context import Cell, ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.mql.update import check_upsert_filter, parse_update, upsert_document

MADE_ID = ObjectId("507f1f77bcf86cd799439011")
CONTEXT = ParseContext(cluster_time=Timestamp(9, 1), generate_object_id=lambda: MADE_ID, variables={"factor": Cell(3)})


def apply(document: dict[str, Any], update: Any) -> list[tuple[str, Any]]:
    """Return the fields after the update, in order."""
    return list(decode(parse_update(update, CONTEXT).apply(encode(document))).items())


@pytest.mark.parametrize(
    ("document", "update", "expected"),
    [
        ({"_id": 1, "a": 1}, {"b": 2}, {"_id": 1, "b": 2}),
        ({"_id": 1, "a": 1}, {"b": 2, "_id": 1}, {"_id": 1, "b": 2}),
        ({"_id": 1, "a": 1}, {}, {"_id": 1}),
        ({"_id": 1}, {"t": Timestamp(0, 0), "d": {"t": Timestamp(0, 0)}}, {"_id": 1, "t": Timestamp(9, 1), "d": {"t": Timestamp(0, 0)}}),
        ({"_id": 1}, {"a": {"$b": 1}}, {"_id": 1, "a": {"$b": 1}}),
    ],
)
def test_replacement(document: dict[str, Any], update: dict[str, Any], expected: dict[str, Any]) -> None:
    assert apply(document, update) == list(expected.items())


@pytest.mark.parametrize(
    ("replacement", "is_change"),
    [({"_id": 1, "a": 1}, False), ({"_id": 1, "a": 1.0}, True), ({"_id": 1.0, "a": 1}, True), ({"a": 1}, True), ({"a": 1, "_id": 1}, True)],
)
def test_a_replacement_by_the_same_bytes_changes_nothing(replacement: dict[str, Any], is_change: bool) -> None:
    document = encode({"_id": 1, "a": 1})
    update = parse_update(replacement, CONTEXT)
    assert update.is_replacement
    assert (update.apply(document) is not document) == is_change


@pytest.mark.parametrize(
    ("document", "stages", "expected"),
    [
        ({"_id": 1, "a": 2}, [{"$set": {"b": {"$multiply": ["$a", "$$factor"]}}}], {"_id": 1, "a": 2, "b": 6}),
        ({"_id": 1, "a": 2}, [{"$addFields": {"b": 1}}, {"$unset": "a"}], {"_id": 1, "b": 1}),
        ({"_id": 1, "a": 2, "b": 3}, [{"$project": {"a": 1, "_id": 0}}], {"_id": 1, "a": 2}),
        ({"_id": 1, "a": {"x": 5}}, [{"$replaceRoot": {"newRoot": "$a"}}], {"_id": 1, "x": 5}),
        ({"_id": 1, "a": {"x": 5}}, [{"$replaceWith": {"x": "$a.x", "_id": 1}}], {"_id": 1, "x": 5}),
        ({"_id": 1, "a": 1}, [], {"_id": 1, "a": 1}),
    ],
)
def test_pipeline(document: dict[str, Any], stages: list[Any], expected: dict[str, Any]) -> None:
    assert apply(document, stages) == list(expected.items())


def test_a_pipeline_may_change_nothing() -> None:
    document = encode({"_id": 1, "a": 1})
    assert parse_update([{"$set": {"a": 1}}], CONTEXT).apply(document) is document


@pytest.mark.parametrize(
    ("update", "code", "message"),
    [
        ({"_id": 2}, 66, "After applying the update, the (immutable) field '_id' was found to have been altered to _id: 2"),
        ([{"$set": {"_id": 2}}], 66, "After applying the update, the (immutable) field '_id' was found to have been altered to _id: 2"),
        (
            [{"$replaceWith": "$a"}],
            40228,
            "'replacement document' must evaluate to an object, but resulting value was: 5. Type of resulting value: 'int'. "
            "Input document: {_id: 1, a: 5}",
        ),
    ],
)
def test_refused_by_the_document(update: Any, code: int, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        apply({"_id": 1, "a": 5}, update)
    assert (caught.value.code, caught.value.message) == (code, message)


@pytest.mark.parametrize(
    ("filter", "update", "expected"),
    [
        ({"_id": 1}, {"$set": {"a": 1}}, {"_id": 1, "a": 1}),
        ({"b": 2, "_id": 1}, {"$set": {"a": 1}}, {"_id": 1, "b": 2, "a": 1}),
        ({"b": 2}, {"$set": {"a": 1}}, {"_id": MADE_ID, "b": 2, "a": 1}),
        ({}, {"$set": {"a": 1, "_id": 7}}, {"_id": 7, "a": 1}),
        ({"a": {"$eq": 1}, "b": {"$gt": 2}, "c": {"$ne": 3}, "d": {"$in": [1, 2]}}, {"$set": {}}, {"_id": MADE_ID, "a": 1}),
        ({"$and": [{"a": 1}, {"b": 2}]}, {"$inc": {"a": 1}}, {"_id": MADE_ID, "a": 2, "b": 2}),
        ({"$or": [{"a": 1}]}, {"$set": {}}, {"_id": MADE_ID, "a": 1}),
        ({"$or": [{"a": 1}, {"a": 2}]}, {"$set": {}}, {"_id": MADE_ID}),
        ({"a": {"$all": [1]}}, {"$set": {}}, {"_id": MADE_ID, "a": 1}),
        ({"a": None}, {"$set": {}}, {"_id": MADE_ID, "a": None}),
        ({"a.b": 1, "a.c": 2}, {"$set": {}}, {"_id": MADE_ID, "a": {"b": 1, "c": 2}}),
        ({"a": 1, "_id": 5}, {"b": 1}, {"_id": 5, "b": 1}),
        ({"a": 1}, {"b": 1}, {"_id": MADE_ID, "b": 1}),
        ({"a": 1}, {"b": 1, "_id": 3}, {"_id": 3, "b": 1}),
        ({"a": 1}, [{"$set": {"b": "$a"}}], {"_id": MADE_ID, "a": 1, "b": 1}),
        ({"_id": 1}, {"$setOnInsert": {"a": 1}, "$unset": {"b": 1}, "$pop": {"c": 1}}, {"_id": 1, "a": 1}),
    ],
)
def test_upsert(filter: dict[str, Any], update: Any, expected: dict[str, Any]) -> None:
    document = upsert_document(parse_match(filter, CONTEXT), parse_update(update, CONTEXT), CONTEXT)
    assert list(decode(document).items()) == list(expected.items())


@pytest.mark.parametrize(
    ("filter", "update", "code", "message"),
    [
        ({"$and": [{"a": 1}, {"a": 2}]}, {"$set": {}}, 54, "cannot infer query fields to set, path 'a' is matched twice"),
        ({"a": {}, "a.b": 1}, {"$set": {}}, 54, "cannot infer query fields to set, both paths 'a' and 'a.b' are matched"),
        ({"_id": 1}, {"$setOnInsert": {"_id": 2}}, 66, "Performing an update on the path '_id' would modify the immutable field '_id'"),
        ({"_id": 1}, {"_id": 2}, 66, "After applying the update, the (immutable) field '_id' was found to have been altered to _id: 2"),
        ({"a": 1}, {"$set": {"a.$": 2}}, 2, "The positional operator did not find the match needed from the query."),
        ({}, {"$set": {"_id": [1]}}, 53, "The '_id' value cannot be of type array"),
        ({"a": 5}, {"$set": {"a.b": 2}}, 28, "Cannot create field 'b' in element {a: 5}"),
    ],
)
def test_refused_upsert(filter: dict[str, Any], update: Any, code: int, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        upsert_document(parse_match(filter, CONTEXT), parse_update(update, CONTEXT), CONTEXT)
    assert (caught.value.code, caught.value.message) == (code, message)


def test_upsert_and_expressions() -> None:
    with pytest.raises(CommandError) as caught:
        check_upsert_filter(parse_match({"$or": [{"a": 1}, {"$expr": {"$eq": ["$a", 1]}}]}, CONTEXT))
    assert (caught.value.code, caught.value.message) == (224, "$expr is not allowed in the query predicate for an upsert")
    check_upsert_filter(parse_match({"a": {"$not": {"$gt": 1}}}, CONTEXT))
