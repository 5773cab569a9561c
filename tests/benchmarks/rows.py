"""The rows of the benchmark table. Each defines what runs once, what runs before each call, and what is timed.

A row is one pymongo script, which runs unchanged against every server, including the replay server. Therefore it must not depend on the
contents of replies, and all of its choices depend only on the number of the call.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING
from pymongo.database import Database

from tests.benchmarks.dataset import CITIES, COUNT, documents

Documents = Database[dict[str, Any]]


def nothing(database: Documents) -> None:
    """Load no documents, for rows that need none."""


def number(database: Documents, call: int) -> int:
    """Return the document number that a call uses. The numbers of successive calls cover all documents in a scattered order."""
    return (call * 7919) % COUNT


@dataclass(frozen=True)
class Row:
    """One operation in the table.

    `load` runs once per server, and `prepare` runs before each call; neither is timed. `run` receives the result of `prepare` and returns
    a number. If `answer` is set, the number must equal it, so that a fast but wrong result does not count. `per` is the number of
    documents that one call processes.
    """

    name: str
    run: Callable[[Documents, Any], Any]
    load: Callable[[Documents], None] = nothing
    prepare: Callable[[Documents, int], Any] = number
    per: int = 1
    floor_bar: float | None = None
    peer_bar: float | None = None
    answer: int | None = None


def load_plain(database: Documents) -> None:
    """Create the collection `bench`, whose only index is the one on `_id`."""
    database.bench.drop()
    database.bench.insert_many(documents())


def load_indexed(database: Documents) -> None:
    """Create the collection `bench` with a unique index on `email` and an index on `rank`."""
    load_plain(database)
    database.bench.create_index("email", unique=True)
    database.bench.create_index("rank")


def load_lookup(database: Documents) -> None:
    """Create the collection `bench`, and a collection `orders` with 500 documents that refer to it."""
    load_plain(database)
    database.orders.drop()
    database.orders.insert_many([{"_id": n, "user": (n * 31) % COUNT, "total": n % 97} for n in range(500)])


def fresh(database: Documents, call: int) -> list[dict[str, Any]]:
    """Create an empty collection `bulk`, and return the documents to insert."""
    database.bulk.drop()
    database.create_collection("bulk")
    return documents()


def fresh_unique(database: Documents, call: int) -> list[dict[str, Any]]:
    """Create an empty collection `bulk` with a unique index on `email`, and return the documents to insert."""
    database.bulk.drop()
    database.bulk.create_index("email", unique=True)
    return documents()


def refill(database: Documents, call: int) -> None:
    """Reinsert the documents that `delete_many` has deleted, which are half of them."""
    database.bulk.drop()
    database.bulk.insert_many(documents())


def count_of(cursor: Any) -> int:
    """Exhaust a cursor and return the number of its documents."""
    return len(list(cursor))


def insert_many(database: Documents, batch: list[dict[str, Any]]) -> int:
    """Insert the whole collection in one call."""
    return len(database.bulk.insert_many(batch).inserted_ids)


def transaction(database: Documents, oid: ObjectId) -> None:
    """Insert two documents in a transaction and commit it. This takes three replies."""
    with database.client.start_session() as session, session.start_transaction():
        database.single.insert_one({"_id": oid, "name": "someone", "n": 1}, session=session)
        database.single.insert_one({"name": "someone", "n": 2}, session=session)


def create_and_drop(database: Documents, call: int) -> None:
    """Create a collection, insert a document, and drop the collection."""
    database.create_collection("brief")
    database.brief.insert_one({"_id": call})
    database.drop_collection("brief")


GROUP: list[dict[str, Any]] = [{"$match": {"active": True}}, {"$group": {"_id": "$city", "n": {"$sum": 1}, "mean": {"$avg": "$score"}}}]
PROJECT: list[dict[str, Any]] = [
    {
        "$project": {
            "label": {"$concat": [{"$toUpper": "$city"}, "-", {"$substrCP": ["$email", 0, 6]}]},
            "points": {"$add": [{"$multiply": ["$age", 2]}, "$at.x"]},
        }
    },
    {"$group": {"_id": "$label", "points": {"$sum": "$points"}}},
]
UNWIND: list[dict[str, Any]] = [{"$unwind": "$tags"}, {"$group": {"_id": "$tags", "n": {"$sum": 1}}}]
LOOKUP: list[dict[str, Any]] = [{"$lookup": {"from": "bench", "localField": "user", "foreignField": "_id", "as": "users"}}]

TWO_FIELDS = {"age": {"$gte": 40}, "city": CITIES[1]}
REGEX_AND_ARRAY = {"email": re.compile("7.*@"), "tags": "red"}


def expected(matches: Callable[[dict[str, Any]], object]) -> int:
    """Return the number of documents for which `matches` is true. A row that counts must return the same number."""
    return sum(1 for document in documents() if matches(document))


ROWS: tuple[Row, ...] = (
    Row("ping", lambda db, _: db.command("ping"), floor_bar=1.5),
    Row(
        "insert_one",
        lambda db, oid: db.single.insert_one({"_id": oid, "name": "someone", "n": 1}),
        prepare=lambda _database, _call: ObjectId(),
        floor_bar=1.5,
    ),
    Row("find_one by _id", lambda db, n: db.bench.find_one({"_id": n})["rank"], load_plain, floor_bar=1.5),
    Row(
        "find_one by unique index",
        lambda db, n: db.bench.find_one({"email": f"user{n:06d}@example.org"})["rank"],
        load_indexed,
        floor_bar=1.5,
    ),
    Row(
        "find_one_and_update by _id",
        lambda db, n: db.bench.find_one_and_update({"_id": n}, {"$inc": {"age": 1}})["rank"],
        load_plain,
        floor_bar=1.5,
    ),
    Row(
        "update_one by _id",
        lambda db, n: db.bench.update_one({"_id": n}, {"$inc": {"age": 1}}).matched_count,
        load_plain,
        floor_bar=1.5,
        answer=1,
    ),
    Row("transaction of two inserts", transaction, prepare=lambda _database, _call: ObjectId(), floor_bar=1.25),
    Row("insert_many", insert_many, prepare=fresh, per=COUNT, floor_bar=3, peer_bar=6, answer=COUNT),
    Row("insert_many, unique second index", insert_many, prepare=fresh_unique, per=COUNT, floor_bar=3, peer_bar=6, answer=COUNT),
    Row("find everything", lambda db, _: count_of(db.bench.find()), load_plain, per=COUNT, floor_bar=1.5, peer_bar=3, answer=COUNT),
    Row(
        "100 documents by an indexed range",
        lambda db, n: count_of(db.bench.find({"rank": {"$gte": n % 9900}}).sort("rank").limit(100)),
        load_indexed,
        floor_bar=1.6,
        peer_bar=100,
        answer=100,
    ),
    Row(
        "100 documents by an indexed range, both ends",
        lambda db, n: count_of(db.bench.find({"rank": {"$gte": n % 9900, "$lt": n % 9900 + 100}})),
        load_indexed,
        floor_bar=1.6,
        answer=100,
    ),
    Row(
        "count by an unindexed filter of two fields",
        lambda db, _: db.bench.count_documents(TWO_FIELDS),
        load_plain,
        peer_bar=25,
        answer=expected(lambda d: d["age"] >= 40 and d["city"] == CITIES[1]),
    ),
    Row(
        "count by a regex and an array field",
        lambda db, _: db.bench.count_documents(REGEX_AND_ARRAY),
        load_plain,
        peer_bar=25,
        answer=expected(lambda d: re.search("7.*@", d["email"]) and "red" in d["tags"]),
    ),
    Row(
        "unindexed sort, top 10",
        lambda db, _: count_of(db.bench.find().sort([("score", DESCENDING)]).limit(10)),
        load_plain,
        peer_bar=30,
        answer=10,
    ),
    Row(
        "unindexed sort, all ids",
        lambda db, _: count_of(db.bench.find({}, {"_id": 1}).sort([("score", ASCENDING)])),
        load_plain,
        peer_bar=10,
        answer=COUNT,
    ),
    Row(
        "update_many over everything",
        lambda db, _: db.bench.update_many({}, {"$inc": {"age": 1}}).modified_count,
        load_plain,
        per=COUNT,
        peer_bar=30,
        answer=COUNT,
    ),
    Row(
        "delete_many of half",
        lambda db, _: db.bulk.delete_many({"rank": {"$lt": COUNT // 2}}).deleted_count,
        prepare=refill,
        peer_bar=30,
        answer=COUNT // 2,
    ),
    Row("$match + $group", lambda db, _: count_of(db.bench.aggregate(GROUP)), load_plain, peer_bar=12, answer=len(CITIES)),
    Row("$project with strings and arithmetic, $group", lambda db, _: count_of(db.bench.aggregate(PROJECT)), load_plain, peer_bar=12),
    Row("$unwind + $group", lambda db, _: count_of(db.bench.aggregate(UNWIND)), load_plain, peer_bar=12, answer=6),
    Row("$lookup of 500 against _id", lambda db, _: count_of(db.orders.aggregate(LOOKUP)), load_lookup, peer_bar=20, answer=500),
    Row("create collection + insert + drop", create_and_drop, floor_bar=3),
)
