"""Sorts with a limit that compete with the scan of an index in sort order."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

N = 6000


@pytest.fixture
def full(db: Database) -> Database:
    db.c.insert_many([{"_id": n, "a": n, "few": n >= N - 10, "late": n >= N - 1500} for n in range(N)])
    for path in ("a", "few", "late"):
        db.c.create_index(path)
    return db


def plan(db: Database, command: dict[str, Any], verbosity: str = "executionStats") -> tuple[list[str], dict[str, Any]]:
    reply = db.command({"explain": command, "verbosity": verbosity})
    stages, node = [], reply["queryPlanner"]["winningPlan"]
    while node is not None:
        stages.append(node["stage"] + (f" {node['indexName']}" if "indexName" in node else ""))
        node = node.get("inputStage")
    return stages, reply


ORDERED = ["LIMIT", "FETCH", "IXSCAN _id_"]


@pytest.mark.parametrize(
    ("filter", "index", "ordered"),
    [
        # Most documents match, so the scan of _id finds ten immediately.
        ({"a": {"$gte": 10}}, "a_1", True),
        # Few documents match.
        ({"a": {"$gte": N - 10}}, "a_1", False),
        ({"few": True}, "few_1", False),
        # Many documents match, but all of them are at the end of the sort order.
        ({"late": True}, "late_1", False),
    ],
)
@pytest.mark.parametrize("verbosity", ["queryPlanner", "executionStats"])
def test_the_plan_that_reaches_the_limit_first(full: Database, filter: dict[str, Any], index: str, ordered: bool, verbosity: str) -> None:
    command = {"find": "c", "filter": filter, "sort": {"_id": 1}, "limit": 10}
    stages, reply = plan(full, command, verbosity)
    assert stages == (ORDERED if ordered else ["SORT", "FETCH", f"IXSCAN {index}"])
    rejected = [shown["stage"] for shown in reply["queryPlanner"]["rejectedPlans"]]
    assert rejected == (["SORT"] if ordered else ["LIMIT"])
    if verbosity == "executionStats":
        assert reply["executionStats"]["nReturned"] == 10


@pytest.mark.parametrize(
    "filter", [{"a": {"$gte": 10}}, {"a": {"$gte": N - 10}}, {"few": True}, {"late": True}, {"a": {"$lt": 3000}, "late": False}], ids=str
)
@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize(("skip", "limit"), [(0, 1), (0, 10), (7, 300), (0, 1990), (1000, 1000)])
def test_the_documents_are_those_of_the_sort(full: Database, filter: dict[str, Any], direction: int, skip: int, limit: int) -> None:
    found = [document["_id"] for document in full.c.find(filter, sort=[("_id", direction)], skip=skip, limit=limit, batch_size=50)]
    everything = sorted((document["_id"] for document in full.c.find(filter)), reverse=direction < 0)
    assert found == everything[skip : skip + limit]
    stages = [{"$match": filter}, {"$sort": {"_id": direction}}, {"$skip": skip}, {"$limit": limit}]
    assert [document["_id"] for document in full.c.aggregate(stages)] == found


def test_a_change_of_the_first_document_in_the_order(full: Database) -> None:
    changed = full.c.find_one_and_update({"a": {"$gte": 5}}, {"$set": {"b": 1}}, sort=[("_id", -1)])
    assert changed["_id"] == N - 1
    assert full.c.find_one_and_delete({"a": {"$gte": 5}}, sort=[("_id", 1)])["_id"] == 5


def test_the_profiler_shows_the_plan_that_won(full: Database) -> None:
    full.command({"profile": 2})
    list(full.c.find({"a": {"$gte": 10}}, sort=[("_id", 1)], limit=10))
    full.command({"profile": 0})
    entry = full.system.profile.find_one({"op": "query"})
    assert entry is not None
    assert (entry["planSummary"], "hasSortStage" in entry) == ("IXSCAN { _id: 1 }", False)
    # Includes the first documents examined by the scan that lost.
    assert 1000 < entry["docsExamined"] < 1100
