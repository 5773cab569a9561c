"""`$unwind`, `$project`, `$unset`, `$addFields`, `$replaceRoot`, `$redact`, `$facet`, `$documents`."""

from __future__ import annotations

from typing import Any

import pytest
from bson.int64 import Int64

from secantus_server.bson import decode
from secantus_server.errors import CommandError
from secantus_server.pipeline import parse_pipeline
from tests.pipeline.memory import context, error, run


@pytest.mark.parametrize(
    ("document", "options", "expected"),
    [
        ({"a": [1, "x"], "b": 1}, {}, [{"a": 1, "b": 1}, {"a": "x", "b": 1}]),
        ({"a": [1], "b": 1}, {"includeArrayIndex": "i"}, [{"a": 1, "b": 1, "i": Int64(0)}]),
        ({"a": [[1], {"c": 2}]}, {}, [{"a": [1]}, {"a": {"c": 2}}]),
        ({"a": 5}, {}, [{"a": 5}]),
        ({"a": 5}, {"includeArrayIndex": "i"}, [{"a": 5, "i": None}]),
        ({"a": []}, {}, []),
        ({"a": None}, {}, []),
        ({"b": 1}, {}, []),
        ({"a": [], "b": 1}, {"preserveNullAndEmptyArrays": True}, [{"b": 1}]),
        ({"a": None}, {"preserveNullAndEmptyArrays": True}, [{"a": None}]),
        ({"b": 1}, {"preserveNullAndEmptyArrays": True, "includeArrayIndex": "i.j"}, [{"b": 1, "i": {"j": None}}]),
        ({"a": [None]}, {}, [{"a": None}]),
    ],
)
def test_unwind(document: dict[str, Any], options: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    found = run([{"$unwind": {"path": "$a", **options}}], [document])
    assert found == expected
    assert [list(item) for item in found] == [list(item) for item in expected]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"a": {"b": {"c": [1, 22]}, "d": "x"}, "e": 1}, [1, 22]),
        ({"a": {"b": {"c": []}}}, []),
        ({"a": [{"b": {"c": [1]}}]}, []),
        ({"a": {"b": 1}}, []),
    ],
)
def test_unwind_of_a_nested_array(document: dict[str, Any], expected: list[Any]) -> None:
    found = run([{"$unwind": "$a.b.c"}], [document])
    assert [item["a"]["b"]["c"] for item in found] == expected
    assert all({**item, "a": {**item["a"], "b": document["a"]["b"]}} == document for item in found)


def test_unwind_into_the_field_itself() -> None:
    assert run([{"$unwind": {"path": "$a", "includeArrayIndex": "a"}}], [{"a": ["x", "y"]}]) == [{"a": 0}, {"a": 1}]


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (5, 15981),
        ({"path": 1}, 28808),
        ({"path": "$a", "preserveNullAndEmptyArrays": 1}, 28809),
        ({"path": "$a", "includeArrayIndex": ""}, 28810),
        ({"path": "$a", "extra": 1}, 28811),
        ({}, 28812),
        ("a", 28818),
        ("$a\0b", 16419),
        ({"path": "$a", "includeArrayIndex": "$i"}, 28822),
        ("$a..b", 15998),
        ("$a.", 40353),
        ("$", 40352),
    ],
)
def test_unwind_errors(spec: Any, code: int) -> None:
    assert error([{"$unwind": spec}]).code == code


def test_projections() -> None:
    document = {"_id": 1, "a": 1, "b": {"c": 2, "d": 3}}
    assert run([{"$project": {"b.c": 1, "e": {"$add": ["$a", 1]}}}], [document]) == [{"_id": 1, "b": {"c": 2}, "e": 2}]
    assert run([{"$unset": ["a", "b.c"]}], [document]) == [{"_id": 1, "b": {"d": 3}}]
    assert run([{"$set": {"b.c": 5, "e": "$nothing"}}], [document]) == [{"_id": 1, "a": 1, "b": {"c": 5, "d": 3}}]


@pytest.mark.parametrize(
    ("stage", "code"),
    [
        ({"$project": 1}, 15969),
        ({"$project": {}}, 51272),
        ({"$unset": 1}, 31002),
        ({"$unset": []}, 31119),
        ({"$unset": [1]}, 31120),
        ({"$unset": ["a", "a"]}, 31250),
        ({"$set": 1}, 40272),
        ({"$addFields": {"a": 1, "a.b": 2}}, 40176),
        ({"$replaceRoot": 1}, 40229),
        ({"$replaceRoot": {}}, 40414),
        ({"$replaceRoot": {"newRoot": "$a", "x": 1}}, 40415),
        ({"$facet": 1}, 40169),
        ({"$facet": {"a": 1}}, 40170),
        ({"$facet": {"a": [1]}}, 40171),
        ({"$facet": {"a.b": []}}, 16412),
    ],
)
def test_errors(stage: dict[str, Any], code: int) -> None:
    assert error([stage]).code == code


def test_replace_root() -> None:
    assert run([{"$replaceRoot": {"newRoot": {"x": "$a"}}}], [{"a": 1}]) == [{"x": 1}]
    assert run([{"$replaceWith": "$a"}], [{"a": {"b": 1}}]) == [{"b": 1}]
    with pytest.raises(CommandError, match=r"must evaluate to an object, but resulting value was: 5\. Type of resulting value: 'int'\."):
        run([{"$replaceWith": "$a"}], [{"a": 5}])


def test_facet() -> None:
    stages = [{"$facet": {"n": [{"$count": "n"}], "first": [{"$limit": 1}], "all": []}}]
    assert run(stages, [{"a": 1}, {"a": 2}]) == [{"n": [{"n": 2}], "first": [{"a": 1}], "all": [{"a": 1}, {"a": 2}]}]
    assert run(stages, []) == [{"n": [], "first": [], "all": []}]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("$$KEEP", [{"level": 1, "sub": {"level": 3}, "list": [{"level": 1}, {"level": 5}, 7]}]),
        ("$$PRUNE", []),
        (
            {"$cond": [{"$gt": ["$level", 2]}, "$$PRUNE", "$$DESCEND"]},
            [{"level": 1, "list": [{"level": 1}, 7]}],
        ),
        (
            {"$cond": [{"$eq": ["$$ROOT.level", 1]}, "$$KEEP", "$$PRUNE"]},
            [{"level": 1, "sub": {"level": 3}, "list": [{"level": 1}, {"level": 5}, 7]}],
        ),
    ],
)
def test_redact(expression: Any, expected: list[dict[str, Any]]) -> None:
    assert run([{"$redact": expression}], [{"level": 1, "sub": {"level": 3}, "list": [{"level": 1}, {"level": 5}, 7]}]) == expected


def test_redact_knows_three_verdicts() -> None:
    with pytest.raises(CommandError) as caught:
        run([{"$redact": "no"}], [{}])
    assert caught.value.code == 17053


def test_documents() -> None:
    pipeline = parse_pipeline([{"$documents": [{"a": {"$add": [1, 2]}}, {}]}], context(collection=None))
    assert [decode(document) for document in pipeline.run(())] == [{"a": 3}, {}]
    assert error([{"$documents": {"a": 1}}], context(collection=None)).code == 5858203
