"""The suggested indexes serve the queries for which they are suggested."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from secantus_server.work.index_advice import advised_indexes

FILTERS: list[tuple[dict[str, Any], dict[str, Any], list[dict[str, int]]]] = [
    ({"a": 1}, {}, [{"a": 1}]),
    ({"r": {"$gt": 1}, "a": {"$in": [1, 2]}}, {"s": -1}, [{"a": 1, "s": -1, "r": 1}]),
    ({"$or": [{"a": 1}, {"b": {"$lt": 2}}]}, {}, [{"a": 1}, {"b": 1}]),
    ({"c": {"$elemMatch": {"d": 1}}}, {}, [{"c.d": 1}]),
    ({"$expr": {"$eq": ["$a.b", 1]}}, {}, [{"a.b": 1}]),
    ({"$expr": {"$lt": [{"$literal": 3}, "$a"]}}, {}, [{"a": 1}]),
    ({"$expr": {"$and": [{"$gte": ["$r", "$$low"]}, {"$eq": ["$a", None]}]}, "b": 2}, {}, [{"b": 1, "a": 1, "r": 1}]),
]


@pytest.mark.parametrize(("filter", "sort", "keys"), FILTERS)
def test_a_suggested_index_is_used(db: Database, filter: dict[str, Any], sort: dict[str, Any], keys: list[dict[str, int]]) -> None:
    find = {"find": "c", "filter": filter, "sort": sort, "let": {"low": 1}}
    assert advised_indexes("find", find, []) == keys
    db.c.insert_one({})
    for key in keys:
        db.c.create_index(list(key.items()))
    assert "COLLSCAN" not in str(db.command({"explain": find, "verbosity": "queryPlanner"})["queryPlanner"]["winningPlan"])


@pytest.mark.parametrize(
    "filter",
    [
        {},
        {"$or": [{"a": 1}, {"$nor": [{"b": 1}]}]},
        {"$expr": {"$eq": ["$a", "$b"]}},
        {"$expr": {"$eq": ["$a", "$$ROOT.b"]}},
        {"$expr": {"$eq": ["$a", {"$add": ["$b", 1]}]}},
        {"$expr": {"$eq": ["$a", ["$b"]]}},
        {"$expr": {"$ne": ["$a", 1]}},
        {"$expr": {"$or": [{"$eq": ["$a", 1]}]}},
        {"$expr": True},
    ],
)
def test_no_index_is_suggested(filter: dict[str, Any]) -> None:
    assert advised_indexes("find", {"find": "c", "filter": filter}, []) == []


@pytest.mark.parametrize(
    ("body", "statements"),
    [
        ({"update": "c"}, [5, {"q": 5}]),
        ({"delete": "c"}, [None, {"q": {"$and": [5]}}]),
        ({"aggregate": "c", "pipeline": 5}, []),
        ({"aggregate": "c", "pipeline": {"$match": {}}}, []),
        ({"aggregate": "c", "pipeline": ["$match", 5]}, []),
        ({"find": "c", "filter": {"$and": [5]}}, []),
    ],
)
def test_invalid_commands_need_no_index(body: dict[str, Any], statements: list[Any]) -> None:
    assert advised_indexes(next(iter(body)), body, statements) == []
