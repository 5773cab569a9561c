"""`$where`, `$function` and `$accumulator` in commands."""

from __future__ import annotations

import gc
from contextlib import suppress
from typing import Any
from weakref import WeakSet

import pytest
from bson.code import Code
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure, WriteError

from secantus_server import SecantusDBServer
from secantus_server.javascript import Engine
from tests.failing import failure

pytest.importorskip("quickjs", reason="the extra [javascript] is not installed")

TWICE = {"body": "function(x) { return x * 2; }", "args": ["$x"], "lang": "js"}
SUM = {
    "init": "function() { return 0; }",
    "accumulate": "function(state, value) { return state + value; }",
    "accumulateArgs": ["$x"],
    "merge": "function(a, b) { return a + b; }",
    "lang": "js",
}


@pytest.fixture
def filled(db: Database[Any]) -> Database[Any]:
    db.c.insert_many({"_id": number, "x": number, "g": "ab"[number % 2]} for number in range(10))
    return db


@pytest.mark.parametrize("where", ["this.x > 7", Code("this.x > 7"), Code("function() { return obj.x > 7 }")])
def test_where_in_every_command(filled: Database[Any], where: Any) -> None:
    matching = {"$where": where}
    assert [found["_id"] for found in filled.c.find(matching)] == [8, 9]
    assert [found["_id"] for found in filled.c.find({"$or": [matching, {"_id": 1}]}).batch_size(1)] == [1, 8, 9]
    assert filled.c.find_one({"$nor": [matching], "g": "b"}, sort=[("_id", -1)]) == {"_id": 7, "x": 7, "g": "b"}
    assert filled.command("count", "c", query=matching)["n"] == 2
    assert filled.c.distinct("g", matching) == ["a", "b"]
    assert filled.c.update_many(matching, {"$set": {"seen": True}}).modified_count == 2
    assert filled.c.find_one_and_delete({**matching, "seen": True})["_id"] == 8
    assert filled.c.delete_many(matching).deleted_count == 1


def test_where_is_explained(filled: Database[Any]) -> None:
    plan = filled.command("explain", {"find": "c", "filter": {"$where": "this.x > 7"}})
    assert plan["queryPlanner"]["parsedQuery"] == {"$where": Code("this.x > 7")}
    assert plan["executionStats"]["nReturned"] == 2


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ({"find": "c", "filter": {"$where": 1}}, 2),
        ({"find": "c", "filter": {"$where": Code("true", {"a": 1})}}, 2),
        ({"find": "c", "filter": {"$where": "nothing"}}, 139),
        ({"find": "v", "filter": {"$where": "true"}}, 2),
        ({"usersInfo": 1, "filter": {"$where": "true"}}, 2),
        ({"listCollections": 1, "filter": {"$where": "true"}}, 4660800),
        ({"find": "c", "filter": {"a": {"$elemMatch": {"$where": "true"}}}}, 2),
        ({"create": "w", "validator": {"$where": "true"}}, 2),
        ({"create": "w", "validator": {"$expr": {"$function": TWICE}}}, 4660800),
        ({"aggregate": "c", "pipeline": [{"$match": {"$where": "true"}}], "cursor": {}}, 2),
        ({"find": "c", "filter": {"$where": "while (true) {}"}, "maxTimeMS": 50}, 50),
        ({"aggregate": "c", "pipeline": [{"$set": {"a": {"$function": 1}}}], "cursor": {}}, 31260),
        ({"aggregate": "c", "pipeline": [{"$set": {"a": {"$function": {"args": [], "lang": "js"}}}}], "cursor": {}}, 31261),
        ({"aggregate": "c", "pipeline": [{"$set": {"a": {"$function": {**TWICE, "body": 1}}}}], "cursor": {}}, 31262),
        ({"aggregate": "c", "pipeline": [{"$set": {"a": {"$function": {"body": "x", "lang": "js"}}}}], "cursor": {}}, 31263),
        ({"aggregate": "c", "pipeline": [{"$set": {"a": {"$function": {"body": "x", "args": []}}}}], "cursor": {}}, 31418),
        ({"aggregate": "c", "pipeline": [{"$set": {"a": {"$function": {**TWICE, "lang": "py"}}}}], "cursor": {}}, 31419),
        ({"aggregate": "c", "pipeline": [{"$set": {"a": {"$function": {**TWICE, "body": "$x"}}}}], "cursor": {}}, 31432),
        ({"aggregate": "c", "pipeline": [{"$set": {"a": {"$function": {**TWICE, "args": 1}}}}], "cursor": {}}, 31266),
        ({"aggregate": "c", "pipeline": [{"$group": {"_id": 1, "a": {"$accumulator": 1}}}], "cursor": {}}, 4544703),
        ({"aggregate": "c", "pipeline": [{"$group": {"_id": 1, "a": {"$accumulator": {**SUM, "more": 1}}}}], "cursor": {}}, 4544706),
        ({"aggregate": "c", "pipeline": [{"$group": {"_id": 1, "a": {"$accumulator": {**SUM, "lang": 1}}}}], "cursor": {}}, 4544702),
        ({"aggregate": "c", "pipeline": [{"$group": {"_id": 1, "a": {"$accumulator": {**SUM, "init": 1}}}}], "cursor": {}}, 4544701),
        (
            {"aggregate": "c", "pipeline": [{"$group": {"_id": 1, "a": {"$accumulator": {**SUM, "accumulateArgs": 1}}}}], "cursor": {}},
            4544704,
        ),
    ],
)
def test_errors(filled: Database[Any], command: dict[str, Any], expected: int) -> None:
    filled.command("create", "v", viewOn="c")
    assert failure(filled, command)["code"] == expected


def test_where_is_not_allowed_elsewhere(filled: Database[Any]) -> None:
    for update in ({"$pull": {"a": {"$where": "true"}}}, {"$pull": {"a": {"$or": [{"$where": "true"}]}}}):
        with pytest.raises(WriteError, match="where is not allowed in this context"):
            filled.c.update_one({}, update)
    assert failure(filled.client.admin, {"currentOp": 1, "$where": "true"})["code"] == 2


def test_function(filled: Database[Any]) -> None:
    found = list(filled.c.aggregate([{"$match": {"_id": {"$lt": 2}}}, {"$project": {"twice": {"$function": TWICE}}}]))
    assert repr(found) == repr([{"_id": 0, "twice": 0.0}, {"_id": 1, "twice": 2.0}])
    over = {"$expr": {"$function": {"body": Code("function(x, y) { return x > y }"), "args": ["$x", 7], "lang": "js"}}}
    assert filled.c.count_documents(over) == 2
    assert filled.c.update_one({"_id": 9}, [{"$set": {"x": {"$function": TWICE}}}]).modified_count == 1
    assert filled.c.find_one({"_id": 9}, {"x": 1}) == {"_id": 9, "x": 18.0}


def test_accumulator(filled: Database[Any]) -> None:
    found = list(filled.c.aggregate([{"$group": {"_id": "$g", "sum": {"$accumulator": SUM}}}, {"$sort": {"_id": 1}}]))
    assert repr(found) == repr([{"_id": "a", "sum": 20.0}, {"_id": "b", "sum": 25.0}])


def test_an_accumulator_that_depends_on_the_group(filled: Database[Any]) -> None:
    counting = {
        **SUM,
        "init": "function(g) { return {g: g, n: 0}; }",
        "initArgs": ["$g"],
        "accumulate": "function(state) { state.n++; return state; }",
        "accumulateArgs": [],
        "finalize": "function(state) { return state.g + state.n; }",
    }
    found = list(filled.c.aggregate([{"$group": {"_id": {"g": "$g"}, "n": {"$accumulator": counting}}}, {"$sort": {"_id": 1}}]))
    assert [each["n"] for each in found] == ["a5", "b5"]


def test_an_accumulator_of_many_documents_and_of_buckets(db: Database[Any]) -> None:
    db.c.insert_many({"x": number} for number in range(1200))
    assert next(db.c.aggregate([{"$group": {"_id": None, "sum": {"$accumulator": SUM}}}]))["sum"] == 719400.0
    bucket = {"groupBy": "$x", "boundaries": [0, 2, 4], "default": "more", "output": {"sum": {"$accumulator": SUM}}}
    assert [each["sum"] for each in db.c.aggregate([{"$bucket": bucket}, {"$limit": 2}])] == [1.0, 5.0]
    automatic = {"groupBy": "$x", "buckets": 2, "output": {"sum": {"$accumulator": SUM}}}
    assert [each["sum"] for each in db.c.aggregate([{"$bucketAuto": automatic}])] == [179700.0, 539700.0]


FAILING = [
    {"find": "c", "filter": {"$where": "throw 1"}},
    {"find": "c", "filter": {"$where": "this.x > 7"}, "batchSize": 100},
    {"count": "c", "query": {"$where": "throw 1"}},
    {"distinct": "c", "key": "x", "query": {"$where": "throw 1"}},
    {"update": "c", "updates": [{"q": {"$where": "true"}, "u": {"$set": {"y": 1}}, "multi": True}]},
    {"delete": "c", "deletes": [{"q": {"$where": "throw 1"}, "limit": 0}]},
    {"aggregate": "c", "pipeline": [{"$group": {"_id": 1, "a": {"$accumulator": {**SUM, "accumulate": "throw 1"}}}}], "cursor": {}},
    {"explain": {"find": "c", "filter": {"$where": "throw 1"}}},
    {"mapReduce": "c", "map": "function() { emit(1, 1); }", "reduce": "throw 1", "out": {"inline": 1}},
]


@pytest.mark.parametrize("command", FAILING, ids=str)
def test_an_ended_command_frees_its_engine(filled: Database[Any], monkeypatch: pytest.MonkeyPatch, command: dict[str, Any]) -> None:
    engines = watch_engines(monkeypatch)
    with suppress(OperationFailure):
        filled.command(command)
    # A command of a connection begins only after the previous one has ended, so afterwards the engine must be free.
    filled.command("ping")
    assert all(engine._context is None for engine in engines)


def test_a_cursor_keeps_its_engine_until_it_ends(filled: Database[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    engines = watch_engines(monkeypatch)
    gc.collect()
    gc.disable()
    try:
        assert len(list(filled.c.find({"$where": "true"}).batch_size(3))) == 10
        with pytest.raises(OperationFailure):
            list(filled.c.find({"$where": "if (this.x < 5) return true; throw 1"}).batch_size(3))
        filled.command("ping")
        assert len(engines) == 0
    finally:
        gc.enable()


def watch_engines(monkeypatch: pytest.MonkeyPatch) -> WeakSet[Engine]:
    """Return a set that contains the engines created from now on, until they are freed."""
    engines: WeakSet[Engine] = WeakSet()
    create = Engine.__init__

    def noted(self: Engine, *args: Any, **options: Any) -> None:
        create(self, *args, **options)
        engines.add(self)

    monkeypatch.setattr(Engine, "__init__", noted)
    return engines


def test_a_server_without_javascript() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", javascript_enabled=False) as server, MongoClient(server.uri) as client:
        db = client.get_database("test")
        db.c.insert_one({"x": 1})
        assert failure(db, {"find": "c", "filter": {"$where": "true"}})["code"] == 2
        with pytest.raises(OperationFailure) as caught:
            db.c.aggregate([{"$set": {"a": {"$function": TWICE}}}])
        assert caught.value.code == 31264
        assert failure(db, {"mapReduce": "c", "map": "x", "reduce": "x", "out": {"inline": 1}})["code"] == 16149
        assert client.server_info()["javascriptEngine"] == "none"


def test_the_limits_are_parameters(filled: Database[Any]) -> None:
    admin = filled.client.admin
    try:
        admin.command("setParameter", 1, internalQueryJavaScriptFnTimeoutMillis=50)
        assert failure(filled, {"find": "c", "filter": {"$where": "while (true) {}"}})["code"] == 50
        admin.command("setParameter", 1, internalQueryJavaScriptHeapSizeLimitMB=4, internalQueryJavaScriptFnTimeoutMillis=60_000)
        growing = "var all = []; while (true) all.push(new Array(100).fill(1));"
        assert failure(filled, {"find": "c", "filter": {"$where": growing}})["code"] == 139
    finally:
        admin.command("setParameter", 1, internalQueryJavaScriptHeapSizeLimitMB=100, internalQueryJavaScriptFnTimeoutMillis=60_000)
