"""The command mapReduce."""

from __future__ import annotations

from typing import Any

import pytest
from bson.code import Code
from pymongo.database import Database

from tests.failing import failure

pytest.importorskip("quickjs", reason="the extra [javascript] is not installed")

MAP = "function() { var x = this.x; this.tags.forEach(function(tag) { emit(tag, x); }); }"
REDUCE = "function(key, values) { return values.reduce(function(a, b) { return a + b; }); }"
BASE: dict[str, Any] = {"mapReduce": "c", "map": Code(MAP), "reduce": REDUCE, "out": {"inline": 1}}


@pytest.fixture
def filled(db: Database[Any]) -> Database[Any]:
    db.c.insert_many({"_id": number, "x": number, "tags": ["a", "b"] if number % 2 else ["a"]} for number in range(6))
    return db


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"a": 15.0, "b": 9.0}),
        ({"query": {"x": {"$gte": 3}}}, {"a": 12.0, "b": 8.0}),
        ({"sort": {"x": -1}, "limit": 1}, {"a": 5.0, "b": 5.0}),
        ({"finalize": "function(key, value) { return key + value + end; }", "scope": {"end": "!"}}, {"a": "a15!", "b": "b9!"}),
        ({"jsMode": True, "verbose": True}, {"a": 15.0, "b": 9.0}),
        ({"mapReduce": "nothing"}, {}),
    ],
)
def test_inline(filled: Database[Any], options: dict[str, Any], expected: dict[str, Any]) -> None:
    found = filled.command({**BASE, **options})["results"]
    assert {each["_id"]: each["value"] for each in found} == expected


def test_a_single_value_is_not_reduced(filled: Database[Any]) -> None:
    found = filled.command({**BASE, "map": "function() { emit(this._id, [1]); }", "reduce": "function() { throw 'never'; }", "limit": 1})
    assert found["results"] == [{"_id": 0.0, "value": [1.0]}]


def test_equal_keys_of_different_types_are_one_and_undefined_is_null(filled: Database[Any]) -> None:
    keys = "[1, NumberLong(1), NumberInt(1), NumberDecimal('1'), undefined, null]"
    command = {**BASE, "map": f"function() {{ {keys}.forEach(function(key) {{ emit(key, 1); }}); }}", "limit": 1, "out": "o"}
    filled.command(command)
    assert repr(list(filled.o.find())) == repr([{"_id": 1.0, "value": 4.0}, {"_id": None, "value": 2.0}])


def test_explain_shows_how_the_documents_are_read(filled: Database[Any]) -> None:
    filled.c.create_index("x")
    plan = filled.command("explain", {**BASE, "query": {"x": 1}})
    assert plan["queryPlanner"]["winningPlan"]["inputStage"]["indexName"] == "x_1"


def contents(db: Database[Any]) -> dict[str, Any]:
    return {each["_id"]: each["value"] for each in db.o.find()}


def test_outputs(filled: Database[Any]) -> None:
    filled.o.insert_one({"_id": "z", "value": 1})
    assert filled.command({**BASE, "out": {"merge": "o"}})["result"] == "o"
    assert contents(filled) == {"a": 15.0, "b": 9.0, "z": 1}
    filled.command({**BASE, "out": {"reduce": "o"}, "finalize": "function(key, value) { return value + 1; }"})
    assert contents(filled) == {"a": 32.0, "b": 20.0, "z": 1}
    assert filled.command({**BASE, "out": "o"})["result"] == "o"
    assert contents(filled) == {"a": 15.0, "b": 9.0}


def test_an_output_in_another_database(filled: Database[Any]) -> None:
    other = filled.client[f"{filled.name}_other"]
    try:
        reply = filled.command({**BASE, "out": {"replace": "o", "db": other.name}})
        assert reply["result"] == {"db": other.name, "collection": "o"}
        assert contents(other) == {"a": 15.0, "b": 9.0}
    finally:
        filled.client.drop_database(other)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"out": 5}, 13522),
        ({"out": {}}, 13522),
        ({"out": {"inline": 1, "more": 1}}, 13522),
        ({"out": {"merge": 1}}, 14),
        ({"out": {"merge": "o", "nonAtomic": False}}, 15895),
        ({"out": "$o"}, 73),
        ({"map": 5}, 14),
        ({"map": Code("function() {}", {"a": 1})}, 14),
        ({"map": "nothing()"}, 139),
        ({"map": "function() { emit(1); }"}, 139),
        ({"finalize": 5}, 14),
        ({"more": 1}, 40415),
        ({"mapReduce": "v"}, 166),
        ({"query": {"$where": "true"}}, 2),
    ],
)
def test_errors(filled: Database[Any], options: dict[str, Any], expected: int) -> None:
    filled.command("create", "v", viewOn="c", pipeline=[])
    assert failure(filled, {**BASE, **options})["code"] == expected


def test_missing_fields(filled: Database[Any]) -> None:
    for field in ("map", "reduce", "out"):
        assert failure(filled, {name: value for name, value in BASE.items() if name != field})["code"] == 40414
