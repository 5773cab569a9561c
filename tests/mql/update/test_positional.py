"""`$`, `$[]` and `$[identifier]`."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.bson import decode, encode
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.mql.update import parse_update


def apply(document: dict[str, Any], update: dict[str, Any], *, filters: Any = (), index: int | None = None) -> dict[str, Any]:
    """Return the document after the update."""
    return decode(parse_update(update, ParseContext(), array_filters=filters).apply(encode(document), array_index=index))


@pytest.mark.parametrize(
    ("document", "update", "expected"),
    [
        ({"a": [1, 2, 3]}, {"$set": {"a.$": 9}}, {"a": [1, 9, 3]}),
        ({"a": [{"b": 1}, {"b": 2}]}, {"$inc": {"a.$.b": 5}}, {"a": [{"b": 1}, {"b": 7}]}),
        ({"a": [{"b": 1}, {"b": 2}]}, {"$set": {"a.$.c": 5, "a.1.d": 6, "a.0.b": 0}}, {"a": [{"b": 0}, {"b": 2, "c": 5, "d": 6}]}),
        ({"a": [1, 2]}, {"$unset": {"a.$": ""}}, {"a": [1, None]}),
        ({"a": [[1], [2]]}, {"$push": {"a.$": 3}}, {"a": [[1], [2, 3]]}),
    ],
)
def test_matched_element(document: dict[str, Any], update: dict[str, Any], expected: dict[str, Any]) -> None:
    assert apply(document, update, index=1) == expected


def test_the_match_finds_the_element() -> None:
    document = {"_id": 1, "a": [5, 8, 9]}
    index = parse_match({"a": {"$gt": 7}}, ParseContext()).array_index(encode(document))
    assert apply(document, {"$set": {"a.$": 0}}, index=index) == {"_id": 1, "a": [5, 0, 9]}


def test_the_index_may_differ_from_document_to_document() -> None:
    update = parse_update({"$set": {"a.$": 0}}, ParseContext())
    document = encode({"a": [1, 2]})
    assert [decode(update.apply(document, array_index=i))["a"] for i in (0, 1, 0)] == [[0, 2], [1, 0], [0, 2]]


@pytest.mark.parametrize(
    ("document", "update", "filters", "expected"),
    [
        ({"a": [1, 2]}, {"$inc": {"a.$[]": 10}}, (), {"a": [11, 12]}),
        ({"a": []}, {"$inc": {"a.$[]": 10}}, (), {"a": []}),
        ({"a": [[1, 2], [3]]}, {"$inc": {"a.$[].$[]": 1}}, (), {"a": [[2, 3], [4]]}),
        ({"a": [1, 5, 9]}, {"$set": {"a.$[x]": 0}}, [{"x": {"$gte": 5}}], {"a": [1, 0, 0]}),
        ({"a": [{"b": 1}, {"b": 2, "c": 1}]}, {"$set": {"a.$[x].d": 0}}, [{"x.c": 1}], {"a": [{"b": 1}, {"b": 2, "c": 1, "d": 0}]}),
        ({"a": [1, 5, 9]}, {"$set": {"a.$[x]": 0}}, [{"$or": [{"x": 1}, {"x": 9}]}], {"a": [0, 5, 0]}),
        ({"a": [1, 5]}, {"$unset": {"a.$[x]": ""}}, [{"x": 1}], {"a": [None, 5]}),
        (
            {"a": [{"b": 1}, {"b": 2}]},
            {"$set": {"a.$[x].c": 1, "a.$[y].d": 2}},
            [{"x.b": {"$gte": 1}}, {"y.b": 2}],
            {"a": [{"b": 1, "c": 1}, {"b": 2, "c": 1, "d": 2}]},
        ),
    ],
)
def test_array_filters(document: dict[str, Any], update: dict[str, Any], filters: Any, expected: dict[str, Any]) -> None:
    assert apply(document, update, filters=filters) == expected


@pytest.mark.parametrize(
    ("document", "update", "filters", "index", "code", "message"),
    [
        ({"a": [1]}, {"$set": {"a.$": 1}}, (), None, 2, "The positional operator did not find the match needed from the query."),
        ({}, {"$set": {"a.b.$[]": 1}}, (), None, 2, "The path 'a.b' must exist in the document in order to apply array updates."),
        ({"a": {}}, {"$set": {"a.b.$[]": 1}}, (), None, 2, "The path 'a.b' must exist in the document in order to apply array updates."),
        ({"a": 5}, {"$set": {"a.$[]": 1}}, (), None, 2, "Cannot apply array updates to non-array element a: 5"),
        ({"a": [1]}, {"$set": {"a.$": 1, "a.0": 2}}, (), 0, 40, "Update created a conflict at 'a.0'"),
        ({"a": [1]}, {"$set": {"a.$[x]": 1, "a.$[]": 2}}, [{"x": 1}], None, 40, "Update created a conflict at 'a.0'"),
    ],
)
def test_refused(document: Any, update: Any, filters: Any, index: int | None, code: int, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        apply(document, update, filters=filters, index=index)
    assert (caught.value.code, caught.value.message) == (code, message)


@pytest.mark.parametrize(
    ("condition", "code"),
    [({"$text": {"$search": "a"}}, 2), ({"x": {"$near": [0, 0]}}, 5626500), ({"$or": [{"x": 1}, {"x": {"$nearSphere": [0, 0]}}]}, 5626500)],
)
def test_operators_that_an_array_filter_does_not_take(condition: dict[str, Any], code: int) -> None:
    with pytest.raises(CommandError) as caught:
        parse_update({"$set": {"a.$[x]": 1}}, ParseContext(), array_filters=[condition])
    assert caught.value.code == code
