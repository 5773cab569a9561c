"""explain over the wire: the shape of its reply, the stages, and their execution statistics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import OperationFailure

STATS = "executionStats"


@pytest.fixture
def filled(db: Database) -> Database:
    db.c.insert_many([{"_id": n, "a": n, "b": n % 3, "c": n % 7, "tags": [n, n + 1], "s": f"s{n:03}"} for n in range(100)])
    db.c.create_index("a")
    db.c.create_index([("b", 1), ("c", -1)])
    db.c.create_index("tags")
    db.c.create_index("u", unique=True, sparse=True)
    return db


def explained(db: Database, command: dict[str, Any], verbosity: str = STATS) -> dict[str, Any]:
    reply: dict[str, Any] = db.command({"explain": command, "verbosity": verbosity})
    return reply


def stages(stage: dict[str, Any]) -> Iterator[str]:
    """Yield the names of a plan's stages, from the top."""
    yield stage["stage"]
    for below in [stage["inputStage"]] if "inputStage" in stage else stage.get("inputStages", []):
        yield from stages(below)


@pytest.mark.parametrize(
    ("find", "names", "keys", "documents", "returned"),
    [
        ({}, ["COLLSCAN"], 0, 100, 100),
        ({"filter": {"s": "s001"}}, ["COLLSCAN"], 0, 100, 1),
        ({"filter": {"_id": 5}}, ["EXPRESS_IXSCAN"], 1, 1, 1),
        ({"filter": {"a": 5}}, ["FETCH", "IXSCAN"], 1, 1, 1),
        ({"filter": {"a": {"$gte": 10, "$lt": 20}}}, ["FETCH", "IXSCAN"], 10, 10, 10),
        ({"filter": {"a": {"$gte": 10, "$lt": 20}, "s": "s015"}}, ["FETCH", "IXSCAN"], 10, 10, 1),
        ({"filter": {"tags": {"$elemMatch": {"$gte": 10, "$lte": 11}}}}, ["FETCH", "IXSCAN"], 4, 3, 3),
        ({"filter": {"b": 1, "c": {"$mod": [2, 1]}}}, ["FETCH", "IXSCAN"], 33, 14, 14),
        ({"sort": {"s": 1}}, ["SORT", "COLLSCAN"], 0, 100, 100),
        ({"sort": {"a": -1}, "limit": 3}, ["LIMIT", "FETCH", "IXSCAN"], 3, 3, 3),
        ({"sort": {"s": -1}, "limit": 3}, ["SORT", "COLLSCAN"], 0, 100, 3),
        ({"filter": {"b": 1}, "sort": {"c": 1}, "skip": 2, "limit": 3}, ["LIMIT", "SKIP", "FETCH", "IXSCAN"], 5, 5, 3),
        ({"filter": {"a": {"$lt": 4}}, "projection": {"_id": 0, "a": 1}}, ["PROJECTION_COVERED", "IXSCAN"], 4, 0, 4),
        ({"filter": {"a": {"$lt": 4}}, "projection": {"s": 1}}, ["PROJECTION_SIMPLE", "FETCH", "IXSCAN"], 4, 4, 4),
        ({"filter": {"a": {"$lt": 4}}, "projection": {"x": {"$add": ["$a", 1]}}}, ["PROJECTION_DEFAULT", "FETCH", "IXSCAN"], 4, 4, 4),
        ({"filter": {"$or": [{"a": 5}, {"tags": 6}]}}, ["SUBPLAN", "FETCH", "OR", "IXSCAN", "IXSCAN"], 3, 2, 2),
        ({"filter": {"a": 5}, "hint": {"$natural": 1}}, ["COLLSCAN"], 0, 100, 1),
        ({"filter": {"s": "s001"}, "hint": "a_1"}, ["FETCH", "IXSCAN"], 100, 100, 1),
        ({"filter": {"a": {"$in": []}}}, ["EOF"], 0, 0, 0),
        ({"min": {"a": 5}, "max": {"a": 8}, "hint": {"a": 1}}, ["FETCH", "IXSCAN"], 3, 3, 3),
    ],
)
def test_find(filled: Database, find: dict[str, Any], names: list[str], keys: int, documents: int, returned: int) -> None:
    reply = explained(filled, {"find": "c", **find})
    assert list(stages(reply["queryPlanner"]["winningPlan"])) == names
    statistics = reply["executionStats"]
    assert list(stages(statistics["executionStages"])) == names
    assert (statistics["totalKeysExamined"], statistics["totalDocsExamined"], statistics["nReturned"]) == (keys, documents, returned)


@pytest.mark.parametrize(
    "write",
    [
        {"update": "c", "updates": [{"q": {"_id": 5}, "u": {"$set": {"x": 1}}}]},
        {"update": "c", "updates": [{"q": {"a": 5}, "u": {"$set": {"x": 1}}, "multi": True}]},
        {"delete": "c", "deletes": [{"q": {"_id": 5}, "limit": 1}]},
        {"delete": "c", "deletes": [{"q": {"a": 5}, "limit": 0}]},
        {"findAndModify": "c", "query": {"a": 5}, "update": {"$set": {"x": 1}}},
        {"findAndModify": "c", "query": {"_id": 5}, "remove": True},
        {"update": "c", "updates": [{"q": {"$or": [{"a": 5}, {"_id": 5}]}, "u": {"$set": {"x": 1}}}]},
    ],
)
def test_writes_by_an_index_never_scan_and_change_nothing(filled: Database, write: dict[str, Any]) -> None:
    before = list(filled.c.find())
    statistics = explained(filled, write)["executionStats"]
    assert statistics["totalDocsExamined"] == 1
    assert "COLLSCAN" not in list(stages(statistics["executionStages"]))
    top = statistics["executionStages"]
    assert top["stage"].removeprefix("EXPRESS_") in ("UPDATE", "DELETE")
    assert top.get("nWouldModify", top.get("nWouldDelete")) == 1
    assert list(filled.c.find()) == before


@pytest.mark.parametrize(
    ("query", "names", "keys", "documents"),
    [
        ({}, ["RECORD_STORE_FAST_COUNT"], 0, 0),
        ({"a": {"$gte": 90}}, ["COUNT", "COUNT_SCAN"], 10, 0),
        ({"tags": {"$gte": 99}}, ["COUNT", "COUNT_SCAN"], 3, 0),
        ({"a": {"$gte": 90}, "s": "s095"}, ["COUNT", "FETCH", "IXSCAN"], 10, 10),
        ({"s": "s095"}, ["COUNT", "COLLSCAN"], 0, 100),
    ],
)
def test_count(filled: Database, query: dict[str, Any], names: list[str], keys: int, documents: int) -> None:
    statistics = explained(filled, {"count": "c", "query": query})["executionStats"]
    assert list(stages(statistics["executionStages"])) == names
    assert statistics["executionStages"]["nCounted"] == filled.c.count_documents(query)
    assert (statistics["totalKeysExamined"], statistics["totalDocsExamined"]) == (keys, documents)


@pytest.mark.parametrize(
    ("query", "keys", "documents"),
    [
        ({"a": {"$gte": 50}}, 5, 0),
        ({"tags": {"$gte": 50}}, 8, 0),
        ({"a": {"$in": [1, 3, 5, 7, 9, 11]}}, 5, 0),
        ({"a": {"$gte": 50}, "c": {"$lt": 4}}, 8, 8),
        ({"s": {"$gte": "s050"}}, 0, 55),
        ({"$or": [{"a": {"$lt": 3}}, {"tags": {"$gte": 50}}]}, 5, 5),
    ],
)
def test_count_reads_what_its_limit_requires(filled: Database, query: dict[str, Any], keys: int, documents: int) -> None:
    count = {"count": "c", "query": query, "skip": 2, "limit": 3}
    statistics = explained(filled, count)["executionStats"]
    assert filled.command(count)["n"] == statistics["executionStages"]["nCounted"] == 3
    assert (statistics["totalKeysExamined"], statistics["totalDocsExamined"]) == (keys, documents)


@pytest.mark.parametrize(
    ("key", "query", "names", "keys", "values"),
    [
        ("b", {}, ["PROJECTION_COVERED", "DISTINCT_SCAN"], 3, [0, 1, 2]),
        ("b", {"b": {"$gte": 1}}, ["PROJECTION_COVERED", "DISTINCT_SCAN"], 2, [1, 2]),
        ("c", {}, ["COLLSCAN"], 0, [0, 1, 2, 3, 4, 5, 6]),
        ("b", {"c": 1}, ["COLLSCAN"], 0, [0, 1, 2]),
        ("tags", {"a": {"$lt": 2}}, ["FETCH", "IXSCAN"], 2, [0, 1, 2]),
    ],
)
def test_distinct(filled: Database, key: str, query: dict[str, Any], names: list[str], keys: int, values: list[Any]) -> None:
    statistics = explained(filled, {"distinct": "c", "key": key, "query": query})["executionStats"]
    assert list(stages(statistics["executionStages"])) == names
    assert statistics["totalKeysExamined"] == keys
    assert filled.c.distinct(key, query) == values


def test_distinct_by_an_index_tells_null_from_nothing(db: Database) -> None:
    db.c.insert_many([{"a": 1}, {}, {"a": None}, {"a": 1.0}, {"a": "x"}])
    db.c.create_index("a")
    assert db.c.distinct("a") == [None, 1, "x"]
    db.c.delete_one({"a": {"$type": "null"}})
    assert db.c.distinct("a") == [1, "x"]


def test_the_reply(filled: Database) -> None:
    reply = explained(filled, {"find": "c", "filter": {"a": 5}}, "allPlansExecution")
    assert reply["explainVersion"] == "1"
    assert reply["command"] == {"find": "c", "filter": {"a": 5}, "$db": filled.name}
    assert reply["executionStats"]["allPlansExecution"] == []
    assert {"host", "port", "version", "gitVersion"} <= reply["serverInfo"].keys()
    planner = reply["queryPlanner"]
    assert planner["namespace"] == f"{filled.name}.c"
    assert planner["parsedQuery"] == {"a": {"$eq": 5}}
    assert planner["rejectedPlans"] == []
    scan = planner["winningPlan"]["inputStage"]
    assert scan["indexBounds"] == {"a": ["[5, 5]"]}
    assert (scan["keyPattern"], scan["indexName"], scan["isMultiKey"], scan["direction"]) == ({"a": 1}, "a_1", False, "forward")


def test_queryplanner_runs_nothing(filled: Database) -> None:
    assert "executionStats" not in explained(filled, {"find": "c"}, "queryPlanner")


def test_aggregate(filled: Database) -> None:
    whole = explained(filled, {"aggregate": "c", "pipeline": [{"$match": {"a": 5}}], "cursor": {}})
    assert list(stages(whole["queryPlanner"]["winningPlan"])) == ["FETCH", "IXSCAN"]
    parts = explained(filled, {"aggregate": "c", "pipeline": [{"$match": {"a": {"$lt": 5}}}, {"$group": {"_id": "$b"}}], "cursor": {}})
    assert [next(iter(stage)) for stage in parts["stages"]] == ["$cursor", "$group"]
    assert parts["stages"][0]["$cursor"]["executionStats"]["nReturned"] == 5
    assert parts["stages"][1]["nReturned"] == 3
    written = explained(filled, {"aggregate": "c", "pipeline": [{"$out": "other"}], "cursor": {}})
    assert [next(iter(stage)) for stage in written["stages"]] == ["$cursor", "$out"]
    assert filled.list_collection_names() == ["c"]


@pytest.mark.parametrize(
    ("pipeline", "names", "returned"),
    [
        ([], ["COLLSCAN"], 100),
        ([{"$match": {"s": "s001"}}, {"$match": {"c": 1}}], ["COLLSCAN"], 1),
        ([{"$match": {"_id": 5}}], ["EXPRESS_IXSCAN"], 1),
        ([{"$match": {"_id": 5}}, {"$project": {"a": 1}}], ["EXPRESS_IXSCAN"], 1),
        ([{"$match": {"a": 5}}, {"$project": {"a": 1, "_id": 0}}], ["PROJECTION_COVERED", "IXSCAN"], 1),
        ([{"$project": {"a": 1}}, {"$match": {"a": 5}}], ["PROJECTION_SIMPLE", "FETCH", "IXSCAN"], 1),
        (
            [{"$match": {"a": {"$gt": 5}}}, {"$sort": {"a": 1}}, {"$limit": 2}, {"$project": {"s": 1}}],
            ["LIMIT", "PROJECTION_SIMPLE", "FETCH", "IXSCAN"],
            2,
        ),
        ([{"$sort": {"s": 1}}, {"$project": {"s": 1}}, {"$skip": 1}, {"$limit": 2}], ["PROJECTION_SIMPLE", "SKIP", "SORT", "COLLSCAN"], 2),
        ([{"$match": {"s": "s001"}}, {"$skip": 1}], ["SKIP", "COLLSCAN"], 0),
        ([{"$limit": 5}], ["LIMIT", "COLLSCAN"], 5),
    ],
)
def test_a_pipeline_that_a_query_does_is_explained_as_one(
    filled: Database, pipeline: list[dict[str, Any]], names: list[str], returned: int
) -> None:
    reply = explained(filled, {"aggregate": "c", "pipeline": pipeline, "cursor": {}})
    assert "stages" not in reply
    assert reply["queryPlanner"]["optimizedPipeline"] is True
    assert list(stages(reply["queryPlanner"]["winningPlan"])) == names
    assert reply["executionStats"]["nReturned"] == returned == len(list(filled.c.aggregate(pipeline)))


@pytest.mark.parametrize(
    ("pipeline", "names", "plan"),
    [
        ([{"$group": {"_id": "$b"}}], ["$cursor", "$group"], ["COLLSCAN"]),
        ([{"$project": {"s": 0}}], ["$cursor", "$project"], ["COLLSCAN"]),
        ([{"$project": {"x": {"$add": ["$a", 1]}}}], ["$cursor", "$project"], ["COLLSCAN"]),
        (
            [{"$match": {"a": 5}}, {"$project": {"a": 1, "_id": 0}}, {"$group": {"_id": "$a"}}],
            ["$cursor", "$group"],
            ["PROJECTION_COVERED", "IXSCAN"],
        ),
        ([{"$match": {"_id": 5}}, {"$unwind": "$tags"}], ["$cursor", "$unwind"], ["EXPRESS_IXSCAN"]),
    ],
)
def test_other_pipelines_keep_their_stages(filled: Database, pipeline: list[dict[str, Any]], names: list[str], plan: list[str]) -> None:
    reply = explained(filled, {"aggregate": "c", "pipeline": pipeline, "cursor": {}})
    assert "queryPlanner" not in reply
    assert [next(iter(stage)) for stage in reply["stages"]] == names
    first = reply["stages"][0]
    assert "optimizedPipeline" not in first["$cursor"]["queryPlanner"]
    assert list(stages(first["$cursor"]["queryPlanner"]["winningPlan"])) == plan
    assert first["nReturned"] == first["$cursor"]["executionStats"]["nReturned"]
    assert reply["stages"][-1]["nReturned"] == len(list(filled.c.aggregate(pipeline)))


@pytest.mark.parametrize(
    ("stage", "shown"),
    [
        ({"$sort": {"a": -1}}, {"sortKey": {"a": -1}}),
        ({"$limit": 3}, 3),
        ({"$skip": 3}, 3),
        ({"$unwind": "$a"}, {"path": "$a"}),
        ({"$unwind": {"path": "$a", "preserveNullAndEmptyArrays": True}}, {"path": "$a", "preserveNullAndEmptyArrays": True}),
        ({"$project": {"a": 1}}, {"_id": True, "a": True}),
        ({"$project": {"a": 1, "_id": 0}}, {"a": True, "_id": False}),
        ({"$project": {"a": 0}}, {"a": False}),
        ({"$out": "o"}, {"coll": "o", "db": None}),
    ],
)
def test_stages_are_shown_as_they_run(filled: Database, stage: dict[str, Any], shown: Any) -> None:
    (name,) = stage
    reply = explained(filled, {"aggregate": "c", "pipeline": [{"$group": {"_id": "$b"}}, stage], "cursor": {}})
    assert reply["stages"][-1][name] == ({**shown, "db": filled.name} if name == "$out" else shown)


COLLATION = {"locale": "en", "strength": 2}


@pytest.mark.parametrize(
    "command",
    [
        {"find": "c", "filter": {"s": "S001"}, "collation": COLLATION},
        {"count": "c", "query": {"s": "S001"}, "collation": COLLATION},
        {"distinct": "c", "key": "s", "query": {"s": "S001"}, "collation": COLLATION},
        {"aggregate": "c", "pipeline": [{"$match": {"s": "S001"}}], "cursor": {}, "collation": COLLATION},
        {"update": "c", "updates": [{"q": {"s": "S001"}, "u": {"$set": {"x": 1}}, "collation": COLLATION}]},
        {"delete": "c", "deletes": [{"q": {"s": "S001"}, "limit": 1, "collation": COLLATION}]},
        {"findAndModify": "c", "query": {"s": "S001"}, "remove": True, "collation": COLLATION},
    ],
)
def test_the_collation_is_shown(filled: Database, command: dict[str, Any]) -> None:
    shown = explained(filled, command)["queryPlanner"]["collation"]
    assert (shown["locale"], shown["strength"], shown["caseLevel"]) == ("en", 2, False)
    assert {"caseFirst", "numericOrdering", "alternate", "maxVariable", "normalization", "backwards", "version"} <= shown.keys()


def test_the_collation_of_the_collection_is_shown(db: Database) -> None:
    db.create_collection("g", collation={"locale": "de"})
    assert explained(db, {"find": "g"})["queryPlanner"]["collation"]["locale"] == "de"
    assert explained(db, {"aggregate": "g", "pipeline": [], "cursor": {}})["queryPlanner"]["collation"]["locale"] == "de"
    assert "collation" not in explained(db, {"find": "g", "collation": {"locale": "simple"}})["queryPlanner"]


def test_bounds_under_a_collation_are_its_keys(db: Database) -> None:
    db.create_collection("g", collation=COLLATION)
    db.g.insert_one({"a": "x"})
    db.g.create_index("a")
    plan = explained(db, {"find": "g", "filter": {"a": {"$gte": "X", "$lte": "x"}}})["queryPlanner"]["winningPlan"]["inputStage"]
    low, high = plan["indexBounds"]["a"][0][1:-1].split(", ")
    assert low == high
    assert low.startswith("CollationKey(0x")


def test_a_view_is_explained_as_its_pipeline(filled: Database) -> None:
    filled.command("create", "v", viewOn="c", pipeline=[{"$match": {"a": {"$lt": 5}}}])
    reply = explained(filled, {"find": "v", "filter": {"a": 3}})
    assert reply["executionStats"]["nReturned"] == 1


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"explain": {}}, 59),
        ({"explain": None}, 40414),
        ({"explain": 5}, 14),
        ({"explain": {"find": "c"}, "verbosity": "all"}, 2),
        ({"explain": {"find": "c"}, "verbosity": 5}, 14),
        ({"explain": {"nothing": "c"}}, 59),
        ({"explain": {"insert": "c", "documents": []}}, 20),
        ({"explain": {"find": "c", "filter": {"$nothing": 1}}}, 2),
        ({"explain": {"find": "c", "nothing": 1}}, 40415),
        ({"explain": {"find": "c", "hint": "nothing"}}, 2),
        ({"explain": {"find": "c", "filter": {"loc": {"$near": [0, 0]}}}}, 291),
        ({"explain": {"aggregate": "c", "pipeline": [], "cursor": {}, "writeConcern": {"w": 1}}}, 9),
        (
            {
                "explain": {
                    "aggregate": "c",
                    "pipeline": [{"$project": {"_id": 0}}, {"$out": "o"}],
                    "cursor": {},
                    "writeConcern": {"j": True},
                }
            },
            9,
        ),
        ({"aggregate": "c", "pipeline": [], "cursor": {}, "explain": True, "writeConcern": {"w": 1}}, 9),
        ({"explain": {"find": "c", "writeConcern": {"w": 1}}}, 72),
        ({"explain": {"find": "c"}, "writeConcern": {"w": 1}}, 72),
        # Explaining a command raises the errors of running it.
        ({"explain": {"find": "c", "awaitData": True}}, 9),
        ({"explain": {"find": "c", "tailable": True}}, 2),
        ({"explain": {"count": "c", "query": {"$expr": {"$lt": ["$a", "$$NOW"]}}}}, 51144),
        ({"explain": {"distinct": "c", "key": "a\0b"}}, 31032),
        ({"explain": {"update": "c", "updates": [{"q": {}, "u": [{"$nothing": 1}]}]}}, 40324),
        ({"explain": {"delete": "c", "deletes": [{"q": {}, "limit": 2}]}}, 9),
        ({"explain": {"findAndModify": "c"}}, 9),
        ({"explain": {"aggregate": "", "pipeline": [], "cursor": {}}}, 73),
    ],
)
def test_errors(filled: Database, command: dict[str, Any], code: int) -> None:
    with pytest.raises(OperationFailure) as raised:
        filled.command(command)
    assert raised.value.code == code


def plan(db: Database, find: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = explained(db, {"find": "c", **find}, "queryPlanner")["queryPlanner"]
    return found


def test_the_plans_by_other_indexes_are_rejected_ones(db: Database) -> None:
    db.c.insert_many([{"a": n % 5, "b": n} for n in range(20)])
    db.c.create_index("a")
    db.c.create_index([("a", 1), ("b", 1)])
    planner = plan(db, {"filter": {"a": 2, "b": 7}, "projection": {"b": 1}})
    assert planner["winningPlan"]["inputStage"]["inputStage"]["indexName"] == "a_1_b_1"
    (rejected,) = planner["rejectedPlans"]
    assert list(stages(rejected)) == ["PROJECTION_SIMPLE", "FETCH", "IXSCAN"]
    assert rejected["inputStage"]["inputStage"]["indexName"] == "a_1"
    assert plan(db, {"filter": {"a": 2, "b": 7}, "hint": "a_1"})["rejectedPlans"] == []
    assert plan(db, {"filter": {"a": 2}, "limit": 1})["rejectedPlans"] == []
    assert plan(db, {"filter": {"c": 2}})["rejectedPlans"] == []


def test_an_or_is_planned_by_its_branches(filled: Database) -> None:
    either = {"$or": [{"s": "s001"}, {"s": "s002"}]}
    assert list(stages(plan(filled, {"filter": either})["winningPlan"])) == ["SUBPLAN", "COLLSCAN"]
    assert list(stages(plan(filled, {"filter": either, "sort": {"s": 1}})["winningPlan"])) == ["SUBPLAN", "SORT", "COLLSCAN"]
    assert list(stages(plan(filled, {"filter": {**either, "c": 1}})["winningPlan"])) == ["COLLSCAN"]
    assert list(stages(plan(filled, {"filter": either, "hint": {"$natural": 1}})["winningPlan"])) == ["COLLSCAN"]
    count = explained(filled, {"count": "c", "query": either})["executionStats"]["executionStages"]
    assert list(stages(count)) == ["COUNT", "SUBPLAN", "COLLSCAN"]
    assert count["nCounted"] == 2


@pytest.mark.parametrize(
    ("key", "documents", "paths"),
    [
        ({"a": 1}, [{"a": [1, 2]}], {"a": ["a"]}),
        ({"a": 1, "b": 1}, [{"a": 1, "b": 1}, {"a": 1, "b": [1]}], {"a": [], "b": ["b"]}),
        ({"a": 1, "b": 1}, [{"a": [1], "b": 1}, {"a": 1, "b": [1]}], {"a": ["a"], "b": ["b"]}),
        ({"a.b": 1}, [{"a": [{"b": 1}]}], {"a.b": ["a"]}),
        ({"a.b": 1}, [{"a": {"b": [1]}}], {"a.b": ["a.b"]}),
        ({"a.b": 1}, [{"a": [{"b": [1]}]}], {"a.b": ["a", "a.b"]}),
        ({"a.b": 1, "a.c": -1}, [{"a": [{"b": 1, "c": 2}]}], {"a.b": ["a"], "a.c": ["a"]}),
    ],
)
def test_multikey_paths(db: Database, key: dict[str, int], documents: list[dict[str, Any]], paths: dict[str, list[str]]) -> None:
    db.c.insert_many(documents)
    db.c.create_index(list(key.items()))
    first = next(iter(key))
    scan = plan(db, {"filter": {first: {"$gt": 0}}})["winningPlan"]["inputStage"]
    assert (scan["isMultiKey"], scan["multiKeyPaths"]) == (True, paths)


def test_a_sort_says_how_much_it_sorted(filled: Database) -> None:
    sort = explained(filled, {"find": "c", "sort": {"s": 1}, "limit": 2})["executionStats"]["executionStages"]
    assert sort["totalDataSizeSorted"] == filled.command("collStats", "c")["size"]
    assert (sort["usedDisk"], sort["spills"], sort["spilledRecords"]) == (False, 0, 0)


def test_a_count_is_explained_with_its_limit(filled: Database) -> None:
    top = explained(filled, {"count": "c", "query": {"a": {"$gte": 90}}, "skip": 2, "limit": 3})["executionStats"]["executionStages"]
    assert (top["nCounted"], top["nSkipped"]) == (3, 2)
    bounds = {"startKey": {"a": 90}, "startKeyInclusive": True, "endKey": {"a": float("inf")}, "endKeyInclusive": True}
    assert top["inputStage"]["stage"] == "COUNT_SCAN"
    assert top["inputStage"]["indexBounds"] == bounds
    assert list(stages(explained(filled, {"count": "c", "query": {"a": {"$in": [1, 3]}}})["executionStats"]["executionStages"])) == [
        "COUNT",
        "IXSCAN",
    ]


def test_an_index_shows_its_collation(db: Database) -> None:
    db.c.insert_one({"a": "x"})
    db.c.create_index("a", collation=COLLATION)
    scan = plan(db, {"filter": {"a": "X"}, "collation": COLLATION})["winningPlan"]["inputStage"]
    assert scan["collation"]["strength"] == 2


def test_a_distinct_by_the_entries_alone_is_covered(filled: Database) -> None:
    reply = explained(filled, {"distinct": "c", "key": "c", "query": {"b": 1}})
    assert list(stages(reply["queryPlanner"]["winningPlan"])) == ["PROJECTION_COVERED", "IXSCAN"]
    assert reply["executionStats"]["totalDocsExamined"] == 0
