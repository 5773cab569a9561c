"""The indexes that the command log advises: each is created, and then serves the command."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from secantus_server.server import SecantusDBServer
from secantus_server.work._command_records import CommandRecord

_LINE = re.compile(r"db\.(\w+)\.createIndex\((.*)\)")
_COLLATION = {"locale": "en", "strength": 2}


@pytest.fixture
def log(server: SecantusDBServer, db: Database) -> Iterator[SecantusDBServer]:
    db.c.insert_many([{"_id": n, "a": n, "b": n % 10, "s": str(n), "xs": [{"y": n}]} for n in range(100)])
    db.d.insert_many([{"_id": n, "a": n} for n in range(100)])
    db.create_collection("v", viewOn="c", pipeline=[{"$match": {"a": {"$gte": 50}}}])
    db.create_collection("w", viewOn="d", pipeline=[{"$set": {"a": {"$add": ["$a", 1]}}}])
    server.log_commands()
    yield server
    server.stop_logging_commands()


def slow(server: SecantusDBServer) -> list[CommandRecord]:
    found = [record for record in server.logged_commands() if record.scanned or record.sorted]
    server.clear_command_log()
    return found


def create(db: Database, line: str) -> None:
    """Run a createIndex of mongosh."""
    found = _LINE.fullmatch(line)
    assert found is not None, line
    arguments = json.loads(f"[{re.sub(r'([{,] )([a-z]+):', lambda name: f'{name[1]}{json.dumps(name[2])}:', found[2])}]")
    db[found[1]].create_index(list(arguments[0].items()), **(arguments[1] if arguments[1:] else {}))


SERVED = {
    "equality": lambda db: list(db.c.find({"a": 3})),
    "sort and range": lambda db: list(db.c.find({"a": {"$gt": 80}, "b": 3}).sort("s")),
    "$nin": lambda db: list(db.c.find({"a": {"$nin": list(range(98))}})),
    "$not": lambda db: list(db.c.find({"a": {"$not": {"$lt": 95}}})),
    "each branch of $or": lambda db: list(db.c.find({"$or": [{"a": 3}, {"s": "4"}]})),
    "$elemMatch": lambda db: list(db.c.find({"xs": {"$elemMatch": {"y": 3}}})),
    "collation": lambda db: list(db.c.find({"s": "9"}).collation(_COLLATION)),
    "view": lambda db: list(db.v.find({"b": 3})),
    "after a stage": lambda db: list(db.c.aggregate([{"$set": {"z": 1}}, {"$match": {"a": 3}}])),
    "$unionWith": lambda db: list(
        db.c.aggregate([{"$match": {"_id": 1}}, {"$unionWith": {"coll": "d", "pipeline": [{"$match": {"a": 3}}]}}])
    ),
    "$lookup": lambda db: list(
        db.c.aggregate([{"$match": {"_id": 1}}, {"$lookup": {"from": "d", "localField": "a", "foreignField": "a", "as": "x"}}])
    ),
    "$lookup with let": lambda db: list(
        db.c.aggregate(
            [
                {"$match": {"_id": 1}},
                {"$lookup": {"from": "d", "let": {"a": "$a"}, "pipeline": [{"$match": {"$expr": {"$eq": ["$a", "$$a"]}}}], "as": "x"}},
            ]
        )
    ),
    "$graphLookup": lambda db: list(
        db.c.aggregate(
            [
                {"$match": {"_id": 1}},
                {"$graphLookup": {"from": "d", "startWith": "$a", "connectFromField": "z", "connectToField": "a", "as": "x"}},
            ]
        )
    ),
    "expression": lambda db: list(db.c.find({"$expr": {"$gt": ["$a", 90]}})),
    "update": lambda db: db.c.update_one({"a": 99}, {"$set": {"z": 1}}),
    "distinct": lambda db: db.c.distinct("s", {"a": 3}),
    "findAndModify": lambda db: db.c.find_one_and_update({"b": 3}, {"$set": {"z": 1}}, sort=[("a", -1)]),
}


@pytest.mark.parametrize("name", SERVED)
def test_it_serves(log: SecantusDBServer, db: Database, name: str) -> None:
    SERVED[name](db)
    lines = list(dict.fromkeys(line for record in slow(log) for line in record.advice))
    assert lines
    for line in lines:
        create(db, line)
    log.clear_command_log()
    SERVED[name](db)
    assert slow(log) == [], lines


@pytest.mark.parametrize("filter", [{"$or": [{"a": 3}, {"xs": {"$size": 3}}]}, {"xs": {"$size": 3}}, {"$expr": {"$gt": ["$a", "$b"]}}])
def test_none_would_serve(log: SecantusDBServer, db: Database, filter: dict[str, Any]) -> None:
    list(db.c.find(filter))
    (record,) = slow(log)
    assert (record.advice, record.is_hinted) == ((), False)


JOIN = {"$lookup": {"from": "d", "localField": "a", "foreignField": "a", "as": "x"}}


@pytest.mark.parametrize(
    "pipeline",
    [
        [JOIN],  # joins all documents
        [{"$match": {"_id": 1}}, {"$lookup": {**JOIN["$lookup"], "foreignField": "_id"}}],
        [{"$match": {"_id": 1}}, {"$lookup": {**JOIN["$lookup"], "from": "w"}}],
    ],
)
def test_a_join_that_no_index_would_shorten(log: SecantusDBServer, db: Database, pipeline: list[dict[str, Any]]) -> None:
    list(db.c.aggregate(pipeline))
    assert slow(log) == []


def test_a_join_of_several_batches_is_judged_at_its_end(log: SecantusDBServer, db: Database) -> None:
    cursor = db.c.aggregate([{"$match": {"a": {"$gte": 60}, "_id": {"$gt": 0}}}, JOIN], batchSize=2)
    next(cursor)
    assert slow(log) == []
    list(cursor)
    (record,) = slow(log)
    assert (record.name, record.scanned, record.rejected, record.scanned_collections) == ("getMore", 100, 60, ("d",))
    assert record.advice == ("db.d.createIndex({ a: 1 })",)
