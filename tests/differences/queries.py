"""Observations of differences: comparisons with null, and other parts of queries."""

from __future__ import annotations

from typing import Any

from pymongo.errors import OperationFailure

from tests.differences.showing import Db, code_of, shows

# The documents of the page that announces the change, and further documents of the same kinds.
DOCUMENTS: list[dict[str, Any]] = [
    {"_id": 1, "a": [1]},
    {"_id": 2, "a": []},
    {"_id": 3, "a": [[{"b": 3}]]},
    {"_id": 4, "a": [[{"b": 2}], {"b": 3}]},
    {"_id": 5, "a": {"b": 1}},
    {"_id": 6, "a": {"b": None}},
    {"_id": 7},
    {"_id": 8, "a": [{"b": 1}]},
    {"_id": 9, "a": [{"c": 1}]},
    {"_id": 10, "a": [None]},
    {"_id": 11, "a": 1},
]
ALWAYS = [6, 7, 9, 11]
SINCE_9_0 = [1, 2, 3, 4, 6, 7, 9, 10, 11]


def found(db: Db, condition: dict[str, Any], collection: str = "c") -> list[int]:
    if db[collection].find_one() is None:
        db[collection].insert_many(DOCUMENTS)
    return [document["_id"] for document in db[collection].find(condition, sort=[("_id", 1)])]


@shows("null_on_dotted_paths", before=[ALWAYS] * 6, after=[SINCE_9_0] * 6)
def equalities(db: Db) -> list[list[int]]:
    conditions: list[Any] = [None, {"$eq": None}, {"$in": [None, 7]}, {"$in": [None]}, {"$gte": None}, {"$lte": None}]
    return [found(db, {"a.b": condition}) for condition in conditions]


@shows("null_on_dotted_paths", before=[[1, 2, 3, 4, 5, 8, 10]] * 4, after=[[5, 8]] * 4)
def negations(db: Db) -> list[list[int]]:
    conditions: list[Any] = [{"$ne": None}, {"$nin": [None, 7]}, {"$not": {"$eq": None}}, {"$not": {"$in": [None, 7]}}]
    return [found(db, {"a.b": condition}) for condition in conditions]


@shows("null_on_dotted_paths", before=[ALWAYS, [1, 2, 3, 4, 5, 8, 10]], after=[SINCE_9_0, [5, 8]])
def through_an_index(db: Db) -> list[list[int]]:
    db.indexed.create_index("a.b")
    return [found(db, condition, "indexed") for condition in ({"a.b": None}, {"a.b": {"$ne": None}})]


@shows("null_on_dotted_paths", before=ALWAYS, after=SINCE_9_0)
def through_an_index_of_some_documents(db: Db) -> list[int]:
    db.partial.create_index("x", partialFilterExpression={"a.b": None})
    return found(db, {"x": None, "a.b": None}, "partial")


@shows("null_on_dotted_paths", before=[[7], [7]], after=[[1, 2, 7], [1, 2, 7]])
def deeper_paths(db: Db) -> list[list[int]]:
    db.deep.insert_many([
        {"_id": 1, "a": [{"b": []}]}, {"_id": 2, "a": {"b": [1]}}, {"_id": 3, "a": [{"b": {"c": 1}}, 5]},
        {"_id": 4, "a": [{"b": [{"c": 1}]}]}, {"_id": 7, "a": {"b": {}}},
    ])  # fmt: skip
    within = {"$expr": True, "a.b.c": None}
    return [[document["_id"] for document in db.deep.find(condition, sort=[("_id", 1)])] for condition in ({"a.b.c": None}, within)]


@shows("null_on_dotted_paths", before=[[2], []], after=[[1, 2], [1]])
def in_elem_match(db: Db) -> list[list[int]]:
    db.nested.insert_many([{"_id": 1, "a": [{"b": [1]}]}, {"_id": 2, "a": [{"b": {}}]}])
    conditions = ({"a": {"$elemMatch": {"b.c": None}}}, {"a": {"$elemMatch": {"b.c": None, "b": {"$size": 1}}}})
    return [[document["_id"] for document in db.nested.find(condition, sort=[("_id", 1)])] for condition in conditions]


@shows("null_on_dotted_paths", before=[[], [1], [1]], after=[[1], [], [1]])
def indexes_in_the_path(db: Db) -> list[list[int]]:
    db.places.insert_one({"_id": 1, "a": [5]})
    conditions: list[dict[str, Any]] = [{"a.1": None}, {"a.1": {"$ne": None}}, {"a.0": {"$ne": None}}]
    return [[document["_id"] for document in db.places.find(condition)] for condition in conditions]


@shows("null_on_dotted_paths", before=[ALWAYS, ALWAYS], after=[SINCE_9_0, SINCE_9_0])
def lookup(db: Db) -> list[list[int]]:
    found(db, {})
    db.indexed_too.insert_many(DOCUMENTS)
    db.indexed_too.create_index("a.b")
    db.outer.insert_one({"_id": 0})
    joins = [{"$lookup": {"from": name, "localField": "x", "foreignField": "a.b", "as": "joined"}} for name in ("c", "indexed_too")]
    return [sorted(one["_id"] for one in db.outer.aggregate([join]).next()["joined"]) for join in joins]


@shows("null_on_dotted_paths", before=[4, 4, 4], after=[9, 9, 9])
def other_commands(db: Db) -> list[int]:
    found(db, {})
    condition = {"a.b": None}
    updated = db.c.update_many(condition, {"$set": {"seen": True}}).matched_count
    counted = db.command("count", "c", query=condition)["n"]
    return [updated, counted, len(list(db.c.aggregate([{"$match": condition}])))]


@shows("null_on_dotted_paths", before=0, after=121)
def validators_of_arrays(db: Db) -> int:
    db.create_collection("valid", validator={"a.b": {"$ne": None}})
    return code_of(db.valid.insert_one, {"a": [1]})


REJECT = {"reject": True}


@shows("own_query_settings", before=[40415] * 5, after=[411, 411, 411, 14, 40415])
def settings_of_one_command(db: Db) -> list[int]:
    db.c.insert_one({"a": 1})
    return [
        code_of(db.command, "find", "c", querySettings=REJECT),
        code_of(db.command, "distinct", "c", key="a", querySettings=REJECT),
        code_of(db.command, "aggregate", "c", pipeline=[], cursor={}, querySettings=REJECT),
        code_of(db.command, "find", "c", querySettings=1),
        code_of(db.command, "count", "c", querySettings=REJECT),
    ]


@shows("query_settings_time", before=[40415, 40415, 0, 0], after=[[60_000], 2, 50, 0])
def time_limits_of_shapes(db: Db) -> list[Any]:
    admin = db.client.admin
    db.c.insert_one({"a": 1})
    shape = {"find": "c", "filter": {"a": 1}, "$db": db.name}
    found: list[Any] = [code_of(admin.command, "setQuerySettings", shape, settings={"maxTimeMS": 60_000})]
    if not found[0]:
        found[0] = [one["settings"]["maxTimeMS"] for one in admin.aggregate([{"$querySettings": {}}])]
    found.append(code_of(admin.command, "setQuerySettings", shape, settings={"maxTimeMS": -1}))
    # The fail point makes every command with a time limit fail.
    admin.command("configureFailPoint", "maxTimeAlwaysTimeOut", mode="alwaysOn")
    found.append(code_of(db.command, "find", "c", filter={"a": 2}))
    code_of(admin.command, "setQuerySettings", shape, settings={"maxTimeMS": 0, "queryFramework": "classic"})
    found.append(code_of(db.command, "find", "c", filter={"a": 2}))
    admin.command("configureFailPoint", "maxTimeAlwaysTimeOut", mode="off")
    code_of(admin.command, "removeQuerySettings", shape)
    return found


@shows("own_query_settings", before=[40415, 40415], after=["b_1", ["a_1"]])
def hints_in_settings(db: Db) -> list[Any]:
    db.c.insert_one({"a": 1, "b": 1})
    for name in ("a", "b"):
        db.c.create_index(name)
    namespace = {"db": db.name, "coll": "c"}
    find: dict[str, Any] = {"find": "c", "filter": {"a": 1, "b": 1}}
    found: list[Any] = []
    for stored in (None, {"indexHints": {"ns": namespace, "allowedIndexes": ["a_1"]}}):
        own = {"indexHints": {"ns": namespace, "allowedIndexes": ["b_1"]}}
        if stored is not None:
            db.client.admin.command("setQuerySettings", {**find, "$db": db.name}, settings=stored)
        try:
            planner = db.command("explain", {**find, "querySettings": own})["queryPlanner"]
            assert not planner["rejectedPlans"]
            plan = planner["winningPlan"]["inputStage"]["indexName"]
            found.append(plan if stored is None else planner["querySettings"]["indexHints"][0]["allowedIndexes"])
        except OperationFailure as error:
            found.append(error.code)
        if stored is not None:
            db.client.admin.command("removeQuerySettings", {**find, "$db": db.name})
    return found
