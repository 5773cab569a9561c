"""The effect of each update operator on one document."""

# Messages stay on one line so that they can be searched for.
# ruff: noqa: E501

from __future__ import annotations

from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.timestamp import Timestamp

from secantus_server.bson import decode, encode
from secantus_server.bson.values import Date
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.update import parse_update

NOW = Date(1_700_000_000_123)
CONTEXT = ParseContext(now=NOW, cluster_time=Timestamp(1_700_000_000, 7))


def apply(document: dict[str, Any], update: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Return the document after the update."""
    return decode(parse_update(update, CONTEXT).apply(encode(document), **options))


def same(first: Any, second: Any) -> bool:
    """Return whether two values are equal byte for byte: types, widths and field order included."""
    return encode({"": first}) == encode({"": second})


CHANGES = [
    # $set and paths
    ({"a": 1}, {"$set": {"a": 2}}, {"a": 2}),
    ({"a": 1}, {"$set": {"a": 1.0}}, {"a": 1.0}),
    ({"a": 1}, {"$set": {"b.c": 2}}, {"a": 1, "b": {"c": 2}}),
    ({}, {"$set": {"a.0": 1}}, {"a": {"0": 1}}),
    ({"a": [1]}, {"$set": {"a.0": 5}}, {"a": [5]}),
    ({"a": [1]}, {"$set": {"a.3": 5}}, {"a": [1, None, None, 5]}),
    ({"a": [{"b": 1}, 2]}, {"$set": {"a.0.b": 5}}, {"a": [{"b": 5}, 2]}),
    ({"a": []}, {"$set": {"a.1.b": 5}}, {"a": [None, {"b": 5}]}),
    ({"a": {"b": {"c": 1}, "d": 2}}, {"$set": {"a.b.e": 3}}, {"a": {"b": {"c": 1, "e": 3}, "d": 2}}),
    ({}, {"$set": {"z": 1, "b": 2, "a10": 3, "10": 4, "9": 5}}, {"9": 5, "10": 4, "a10": 3, "b": 2, "z": 1}),
    ({}, {"$set": {"a.$x": 1}}, {"a": {"$x": 1}}),
    # $unset
    ({"a": 1, "b": 2}, {"$unset": {"a": ""}}, {"b": 2}),
    ({"a": [1, 2, 3]}, {"$unset": {"a.1": ""}}, {"a": [1, None, 3]}),
    ({"a": {"b": 1}}, {"$unset": {"a.b": ""}}, {"a": {}}),
    # $inc, $mul
    ({"a": 1}, {"$inc": {"a": 2}}, {"a": 3}),
    ({"a": 2147483647}, {"$inc": {"a": 1}}, {"a": Int64(2147483648)}),
    ({"a": Int64(1)}, {"$inc": {"a": 1}}, {"a": Int64(2)}),
    ({"a": 1}, {"$inc": {"a": 0.5}}, {"a": 1.5}),
    ({"a": 1.5}, {"$inc": {"a": 0.25}}, {"a": 1.75}),
    ({"a": 10.5}, {"$inc": {"a": Decimal128("2.5")}}, {"a": Decimal128("13.0000000000000")}),
    ({}, {"$inc": {"a.b": 3}}, {"a": {"b": 3}}),
    ({"a": 3}, {"$mul": {"a": 4}}, {"a": 12}),
    ({"a": 2147483647}, {"$mul": {"a": 2}}, {"a": Int64(4294967294)}),
    ({}, {"$mul": {"a": Int64(4)}}, {"a": Int64(0)}),
    ({}, {"$mul": {"a": Decimal128("4")}}, {"a": Decimal128("0")}),
    # $min, $max
    ({"a": 5}, {"$min": {"a": 3}}, {"a": 3}),
    ({"a": 5}, {"$max": {"a": "x"}}, {"a": "x"}),
    ({}, {"$min": {"a": 3}}, {"a": 3}),
    ({"a": None}, {"$max": {"a": 1}}, {"a": 1}),
    # $rename
    ({"a": 1, "b": 2}, {"$rename": {"a": "c"}}, {"b": 2, "c": 1}),
    ({"a": 1, "b": 2}, {"$rename": {"a": "b"}}, {"b": 1}),
    ({"a": {"b": 1}}, {"$rename": {"a.b": "c.d"}}, {"a": {}, "c": {"d": 1}}),
    # $currentDate
    ({"a": 1}, {"$currentDate": {"a": True, "b": {"$type": "date"}}}, {"a": NOW, "b": NOW}),
    ({}, {"$currentDate": {"a": {"$type": "timestamp"}}}, {"a": Timestamp(1_700_000_000, 7)}),
    # $bit
    ({"a": 13}, {"$bit": {"a": {"and": 10}}}, {"a": 8}),
    ({"a": 1}, {"$bit": {"a": {"or": Int64(6)}}}, {"a": Int64(7)}),
    ({}, {"$bit": {"a": {"xor": 5}}}, {"a": 5}),
    # $push
    ({}, {"$push": {"a": 1}}, {"a": [1]}),
    ({"a": [1]}, {"$push": {"a": [2, 3]}}, {"a": [1, [2, 3]]}),
    ({"a": [1]}, {"$push": {"a": {"$slice": 1}}}, {"a": [1, {"$slice": 1}]}),
    ({"a": [1, 2]}, {"$push": {"a": {"$each": [8, 9], "$position": 1}}}, {"a": [1, 8, 9, 2]}),
    ({"a": [1, 2, 3]}, {"$push": {"a": {"$each": [9], "$position": -1}}}, {"a": [1, 2, 9, 3]}),
    ({"a": [5, 3]}, {"$push": {"a": {"$slice": -2, "$sort": 1, "$each": [4, 1]}}}, {"a": [4, 5]}),
    ({"a": [{"x": 1}, {"x": 3}]}, {"$push": {"a": {"$each": [{"x": 2}], "$sort": {"x": -1}}}}, {"a": [{"x": 3}, {"x": 2}, {"x": 1}]}),
    ({"a": [1, 3]}, {"$push": {"a": {"$each": [2], "$sort": Decimal128("-1.0")}}}, {"a": [3, 2, 1]}),
    ({"a": [1, 2]}, {"$push": {"a": {"$each": [], "$slice": 0}}}, {"a": []}),
    # $addToSet
    ({"a": [1]}, {"$addToSet": {"a": 2}}, {"a": [1, 2]}),
    ({"a": [1]}, {"$addToSet": {"a": {"$each": [1.0, 2, Int64(2), 3]}}}, {"a": [1, 2, 3]}),
    ({"a": [{"x": 1, "y": 2}]}, {"$addToSet": {"a": {"y": 2, "x": 1}}}, {"a": [{"x": 1, "y": 2}, {"y": 2, "x": 1}]}),
    # $pop, $pull, $pullAll
    ({"a": [1, 2, 3]}, {"$pop": {"a": 1}}, {"a": [1, 2]}),
    ({"a": [1, 2, 3]}, {"$pop": {"a": -1}}, {"a": [2, 3]}),
    ({"a": [1, [1], 1.0, 2]}, {"$pull": {"a": 1}}, {"a": [[1], 2]}),
    ({"a": [1, 5, 9]}, {"$pull": {"a": {"$gte": 5}}}, {"a": [1]}),
    ({"a": [{"x": 1, "y": 1}, {"x": 2}, 3]}, {"$pull": {"a": {"x": 1}}}, {"a": [{"x": 2}, 3]}),
    ({"a": [{"x": 1}, 3]}, {"$pull": {"a": {"$alwaysTrue": 1}}}, {"a": [3]}),
    ({"a": [1, 2, 1, 3]}, {"$pullAll": {"a": [1, 3]}}, {"a": [2]}),
]


@pytest.mark.parametrize(("document", "update", "expected"), CHANGES, ids=lambda value: str(value)[:60])
def test_changes(document: dict[str, Any], update: dict[str, Any], expected: dict[str, Any]) -> None:
    assert same(apply(document, update), expected)


UNCHANGED = [
    ({"a": 1}, {"$set": {}}),
    ({"a": 1}, {"$set": {"a": 1}}),
    ({"a": {"b": [1, 2]}}, {"$set": {"a.b.1": 2}}),
    ({"a": 1}, {"$setOnInsert": {"a": 2, "b.c": 3, "a2.b": 4}}),
    ({"a": 1}, {"$unset": {"b": "", "a.b": "", "c.d": ""}}),
    ({"a": [1]}, {"$unset": {"a.5": "", "a.x": ""}}),
    ({"a": [None]}, {"$unset": {"a.0": ""}}),
    ({"a": 1}, {"$inc": {"a": 0}}),
    ({"a": Decimal128("-0")}, {"$inc": {"a": Decimal128("0")}}),
    ({"a": 1}, {"$mul": {"a": 1}}),
    ({"a": 1}, {"$min": {"a": 1.0}}),
    ({"a": 1}, {"$max": {"a": 0}}),
    ({"a": 1}, {"$rename": {"b": "c.d"}}),
    ({"a": 1}, {"$rename": {"b": "a.d"}}),
    ({"a": 5}, {"$bit": {"a": {"or": 4}}}),
    ({"a": [1]}, {"$push": {"a": {"$each": []}}}),
    ({"a": [1]}, {"$addToSet": {"a": 1.0}}),
    ({"a": []}, {"$pop": {"a": 1}}),
    ({}, {"$pop": {"a": 1, "b.c": 1}}),
    ({}, {"$pull": {"a": 1}}),
    ({"a": [1]}, {"$pull": {"a": 2}}),
    ({"a": [1]}, {"$pullAll": {"a": []}}),
]


@pytest.mark.parametrize(("document", "update"), UNCHANGED, ids=lambda value: str(value)[:60])
def test_no_change_gives_the_same_object(document: dict[str, Any], update: dict[str, Any]) -> None:
    stored = encode(document)
    assert parse_update(update, CONTEXT).apply(stored) is stored


REFUSED_BY_DOCUMENT = [
    ({"_id": 1, "a": "x"}, {"$inc": {"a": 1}}, 14, "Cannot apply $inc to a value of non-numeric type. {_id: 1} has the field 'a' of non-numeric type string"),
    ({"_id": "k", "a": {"b": None}}, {"$mul": {"a.b": 1}}, 14, "Cannot apply $mul to a value of non-numeric type. {_id: \"k\"} has the field 'b' of non-numeric type null"),
    ({"_id": 1, "a": Int64(2**63 - 1)}, {"$inc": {"a": 1}}, 2, "Failed to apply $inc operations to current value ((NumberLong)9223372036854775807) for document {_id: 1}"),
    ({"a": 1}, {"$set": {"a.b": 2}}, 28, "Cannot create field 'b' in element {a: 1}"),
    ({"a": [1, {"x": "y"}]}, {"$set": {"a.b": 2}}, 28, "Cannot create field 'b' in element {a: [ 1, { x: \"y\" } ]}"),
    ({"a": 1}, {"$pop": {"a.b": 1}}, 28, "Cannot create field 'b' in element {a: 1}"),
    ({"a": []}, {"$set": {"a.1500002": 1}}, 34, "can't backfill more than 1500000 elements"),
    ({"_id": 1, "a": 2}, {"$push": {"a": 1}}, 2, "The field 'a' must be an array but is of type int in document {_id: 1}"),
    ({"a": 2}, {"$addToSet": {"a": 1}}, 2, "Cannot apply $addToSet to non-array field. Field named 'a' has non-array type int"),
    ({"a": "x"}, {"$pop": {"a": 1}}, 14, "Path 'a' contains an element of non-array type 'string'"),
    ({"a": "x"}, {"$pull": {"a": 1}}, 2, "Cannot apply $pull to a non-array value"),
    ({"a": "x"}, {"$pullAll": {"a": [1]}}, 2, "Cannot apply $pull to a non-array value"),
    ({"a": 1}, {"$rename": {"a.b": "c"}}, 28, "cannot use the part (b of a.b) to traverse the element ({a: 1})"),
    ({"a": {"b": None}}, {"$rename": {"a.b.c.d": "e"}}, 28, "cannot use the part (c of a.b.c.d) to traverse the element ({b: null})"),
    ({"a": [1]}, {"$rename": {"a.b": "c"}}, 28, "cannot use the part (b of a.b) to traverse the element ({a: [ 1 ]})"),
    ({"_id": 1, "a": [{"b": 1}]}, {"$rename": {"a.0.b": "c"}}, 2, "The source field cannot be an array element, 'a.0.b' in doc with _id: 1 has an array field called 'a'"),
    ({"_id": 1, "a": [], "b": 1}, {"$rename": {"b": "a.0"}}, 2, "The destination field cannot be an array element, 'a.0' in doc with _id: 1 has an array field called 'a'"),
    ({"_id": 1}, {"$set": {"_id": 2}}, 66, "Performing an update on the path '_id' would modify the immutable field '_id'"),
    ({"_id": {"a": 1}}, {"$unset": {"_id.a": ""}}, 66, "Performing an update on the path '_id.a' would modify the immutable field '_id'"),
    ({"_id": 1, "a": 1}, {"$rename": {"a": "_id"}}, 66, "Performing an update on the path '_id' would modify the immutable field '_id'"),
    ({"a": 1}, {"$set": {"$b": 1}}, 52, "The dollar ($) prefixed field '$b' in '$b' is not allowed in the context of an update's replacement document. Consider using an aggregation pipeline with $replaceWith."),
]  # fmt: skip


@pytest.mark.parametrize(("document", "update", "code", "message"), REFUSED_BY_DOCUMENT, ids=lambda value: str(value)[:50])
def test_refused_by_the_document(document: dict[str, Any], update: dict[str, Any], code: int, message: str) -> None:
    parsed = parse_update(update, CONTEXT)
    with pytest.raises(CommandError) as caught:
        parsed.apply(encode(document))
    assert (caught.value.code, caught.value.message) == (code, message)


def test_id_may_be_set_to_an_equal_value() -> None:
    assert apply({"_id": 1}, {"$set": {"_id": 1, "a": 2}}) == {"_id": 1, "a": 2}


def test_document_too_large() -> None:
    update = parse_update({"$set": {"b": "x" * 9_000_000}}, CONTEXT)
    with pytest.raises(CommandError) as caught:
        update.apply(encode({"a": "x" * 9_000_000}))
    assert (caught.value.code, caught.value.message) == (17419, "Resulting document after update is larger than 16777216")


def test_a_renamed_value_may_become_too_deep() -> None:
    deep: Any = 1
    for _ in range(150):
        deep = {"a": deep}
    update = parse_update({"$rename": {"x": ".".join("b" * 80)}}, CONTEXT)
    with pytest.raises(CommandError) as caught:
        update.apply(encode({"x": deep}))
    assert caught.value.code == 15


def test_an_error_leaves_the_tree_usable() -> None:
    update = parse_update({"$inc": {"a.b": 1}}, CONTEXT)
    with pytest.raises(CommandError):
        update.apply(encode({"a": {"b": "x"}}))
    assert decode(update.apply(encode({"a": {"b": 1}}))) == {"a": {"b": 2}}


def test_dollar_names_may_be_inserted() -> None:
    assert apply({}, {"$setOnInsert": {"$b": 1}}, inserting=True) == {"$b": 1}
