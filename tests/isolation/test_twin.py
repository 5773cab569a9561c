"""Tests that a transaction sees its own writes: the same statements return the same results inside a transaction and outside.

After a commit, the contents of both databases are equal. After an abort, the contents are the same as before the transaction. No other
client sees any write before the commit.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from pymongo import MongoClient, ReturnDocument, UpdateMany, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure

Documents = Database[dict[str, Any]]

TRANSACTIONS, STATEMENTS = 40, 12
IDS, VALUES = range(30), range(8)


def prepare(database: Documents) -> None:
    """Create collections with every kind of index, and insert documents."""
    database.c.create_index("a")
    database.c.create_index([("tags", 1), ("a", -1)])
    database.c.create_index("u", unique=True, sparse=True)
    database.c.create_index("p", partialFilterExpression={"a": {"$gt": 3}})
    database.c.create_index("n.x")
    database.c.insert_many([{"_id": number, "a": number % 8, "tags": [number % 3, "t"], "u": number} for number in range(0, 30, 2)])
    database.other.insert_many([{"_id": number, "a": number} for number in VALUES])


def statement(chance: random.Random, database: Documents, session: ClientSession | None) -> Any:
    """Run a random statement, and return its result."""
    one, value, c = chance.choice(IDS), chance.choice(VALUES), database.c
    document = {"_id": one, "a": value, "tags": [value, one], "p": value, "n": [{"x": value}, {"x": one}]}
    selection = chance.choice(
        [
            {"_id": one},
            {"a": value},
            {"a": {"$gte": value}},
            {"tags": value},
            {"u": {"$lt": one}},
            {"n.x": value},
            {"p": value, "a": {"$gt": 3}},
        ]
    )
    change = chance.choice(
        [
            {"$inc": {"a": 1}},
            {"$set": {"tags": [value, value + 1], "p": one}},
            {"$push": {"tags": one}},
            {"$unset": {"u": 1, "n": 1}},
            [{"$set": {"n": {"x": "$a"}, "a": value}}],
            {"$set": {"u": 100 + one}},
        ]
    )
    way = chance.randrange(17)
    if way == 0:
        return c.insert_one(document, session=session).inserted_id
    if way == 1:
        return c.insert_many([{"a": value, "_id": 1000 + chance.randrange(100_000)} for _ in range(5)], session=session).inserted_ids
    if way == 2:
        return c.update_one(selection, change, session=session).raw_result["n"]
    if way == 3:
        return c.update_many(
            {"a": value}, {"$inc": {"a": 1, "n.x": 1}} if value % 2 else {"$set": {"p": value}}, session=session
        ).modified_count
    if way == 4:
        return c.replace_one({"_id": one}, {**document, "u": one}, upsert=True, session=session).matched_count
    if way == 5:
        return (c.delete_one if value % 2 else c.delete_many)(selection, session=session).deleted_count
    if way == 6:
        return c.find_one_and_update(selection, change, sort=[("_id", -1)], return_document=ReturnDocument.AFTER, session=session)
    if way == 7:
        return c.find_one_and_delete(selection, sort=[("a", 1), ("_id", 1)], session=session)
    if way == 8:
        return c.bulk_write(
            [UpdateMany({"a": value}, {"$set": {"p": 1}}), UpdateOne({"_id": one}, {"$inc": {"a": 1}}, True)], session=session
        ).matched_count
    if way == 9:
        return list(c.find(selection, sort=[("a", -1), ("_id", 1)], batch_size=3, session=session))
    if way == 10:
        return [found["a"] for found in c.find({"a": {"$gte": value}}, {"a": 1, "_id": 0}, session=session).hint([("a", 1)])]
    if way == 11:
        return c.count_documents(selection, session=session)
    if way == 12:
        return sorted(map(str, c.distinct(chance.choice(["a", "tags", "p"]), session=session)))
    if way == 13:
        lookup = {"$lookup": {"from": "other", "localField": "a", "foreignField": "a", "as": "found"}}
        return list(c.aggregate([{"$match": selection}, {"$sort": {"_id": 1}}, lookup], session=session))
    if way == 14:
        return sorted(map(str, c.aggregate([{"$group": {"_id": "$a", "n": {"$sum": 1}, "t": {"$max": "$p"}}}], session=session)))
    if way == 15:
        return database.other.update_many({"a": {"$lte": value}}, {"$inc": {"a": 3}}, session=session).modified_count
    return database[f"new{value % 3}"].insert_one({"_id": one}, session=session).inserted_id


def everything(database: Documents) -> dict[str, list[Any]]:
    """Return all documents, after checking that indexes and counts are consistent with them."""
    found = {}
    for name in sorted(database.list_collection_names()):
        report = database.command("validate", name, full=True)
        assert report["valid"], report
        found[name] = sorted(database[name].find(), key=lambda document: str(document["_id"]))
        assert database.command("count", name)["n"] == len(found[name]) == report["nrecords"]
    return found


def run(database: Documents, seed: int, session: ClientSession | None) -> list[Any]:
    """Run the statements of a transaction until one fails. Return the results. After a failure, the last result is the error code."""
    chance, answers = random.Random(seed), []
    for _ in range(STATEMENTS):
        try:
            answers.append(statement(chance, database, session))
        except BulkWriteError as error:
            return [*answers, error.details["writeErrors"][0]["code"]]
        except OperationFailure as error:
            return [*answers, error.code]
    return answers


def test_inside_is_as_outside(client: MongoClient[dict[str, Any]], chance: random.Random) -> None:
    inside, outside = client.inside, client.outside
    for number in range(TRANSACTIONS):
        seed, commit = chance.getrandbits(32), chance.random() < 0.5
        for database in (inside, outside):
            client.drop_database(database.name)
            prepare(database)
        before = everything(inside)
        with client.start_session() as session:
            session.start_transaction()
            answers = run(inside, seed, session)
            assert everything(inside) == before, f"transaction {number}, seed {seed}: others see it"
            assert answers == run(outside, seed, None), f"transaction {number}, seed {seed}"
            failed = len(answers) < STATEMENTS or (isinstance(answers[-1], int) and answers[-1] in (11000, 28))
            if not commit or failed:
                session.abort_transaction()
                assert everything(inside) == before, f"transaction {number}, seed {seed}: not undone"
                continue
            session.commit_transaction()
        assert everything(inside) == everything(outside), f"transaction {number}, seed {seed}"


@pytest.mark.parametrize("size", [1, 3])
def test_a_cursor_sees_the_snapshot_of_its_transaction(client: MongoClient[dict[str, Any]], size: int) -> None:
    database = client[f"cursors{size}"]
    database.c.insert_many([{"_id": number} for number in range(10)])
    with client.start_session() as session, session.start_transaction():
        cursor = database.c.find({}, sort=[("_id", 1)], batch_size=size, session=session)
        seen = [next(cursor)["_id"]]
        database.c.delete_many({"_id": {"$gt": 7}})
        database.c.insert_one({"_id": 100})
        seen += [document["_id"] for document in cursor]
        assert seen == list(range(10))
