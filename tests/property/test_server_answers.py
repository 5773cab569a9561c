"""Two collections of a server have the same history, one with and one without indexes: they answer the same, and `validate` is content.

Each round draws indexes of every kind, then runs writes (operators, pipelines, replacements, upserts, deletes, findAndModify) and queries
with sorts, collations and hints against both collections. SECANTUS_PROPERTY_ROUNDS sets the number of rounds, and SECANTUS_PROPERTY_SEED
the seed of the first one.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from bson import Decimal128, Int64, encode
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server import SecantusDBServer

ROUNDS = int(os.environ.get("SECANTUS_PROPERTY_ROUNDS", "6"))
SEED = int(os.environ.get("SECANTUS_PROPERTY_SEED", str(random.randrange(2**32))))
Document = dict[str, Any]
SCALARS: list[Any] = [None, 0, 1, 2, 2.5, Int64(2), Decimal128("2.5"), float("nan"), "", "a", "A", "b", "ab", "10", "9", True, False]
PATHS = ["a", "b", "a.x", "a.y", "b.x", "c"]
COLLATIONS: list[Document] = [{"locale": "en", "strength": 1}, {"locale": "en", "strength": 2}, {"locale": "en", "numericOrdering": True}]
INDEXES: list[tuple[Document, Document]] = [
    ({"a": 1}, {}),
    ({"a": -1, "b": 1}, {}),
    ({"a.x": 1, "b.x": -1}, {}),
    ({"b": 1}, {"sparse": True}),
    ({"a.x": 1, "c": 1}, {"sparse": True}),
    ({"b": 1}, {"partialFilterExpression": {"c": {"$gt": 0}}}),
    ({"a.y": 1}, {"partialFilterExpression": {"a.x": {"$exists": True}}}),
    ({"t": 1}, {"expireAfterSeconds": 1_000_000}),
    ({"c": 1}, {"hidden": True}),
    ({"a": "hashed"}, {}),
    ({"c": 1, "a.x": "hashed"}, {}),
    ({"a": 1}, {"collation": COLLATIONS[0]}),
    ({"b": 1, "a": 1}, {"collation": COLLATIONS[2]}),
    ({"$**": 1}, {}),
    ({"$**": -1}, {"wildcardProjection": {"a": 1, "b.x": 1}}),
    ({"$**": 1}, {"wildcardProjection": {"a.x": 0}}),
    ({"a.$**": 1}, {"collation": COLLATIONS[1]}),
    ({"c": 1, "a.$**": 1}, {}),
    ({"words": "text", "c": 1}, {}),
    ({"p": "2d"}, {}),
    ({"p": "2dsphere", "c": 1}, {}),
    ({"k": 1}, {"unique": True}),
    ({"k": 1, "a": 1}, {"unique": True}),
]
STAGES: list[Document] = [
    {"$set": {"a": "$b", "c": {"$add": [1, {"$cond": [{"$isNumber": "$c"}, "$c", 0]}]}}},
    {"$unset": "a.x"},
    {"$set": {"a.x": {"$ifNull": ["$b", "none"]}}},
]


class Draw:
    """Draws documents, filters and updates from a seeded source."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)
        self.next_id = 0

    def value(self) -> Any:
        one, kind = self.source.choice, self.source.randrange(10)
        if kind < 6:
            return one(SCALARS)
        if kind == 6:
            return [one(SCALARS) for _ in range(self.source.randrange(3))]
        if kind == 7:
            return [{"x": one(SCALARS)}, {"x": one(SCALARS), "y": one(SCALARS)}][: self.source.randrange(3)]
        return {"x": [one(SCALARS), one(SCALARS)] if kind == 8 else one(SCALARS), "y": one(SCALARS)}

    def document(self) -> Document:
        self.next_id += 1
        found: Document = {"_id": self.next_id, "k": self.next_id, "c": self.source.choice([0, 1, 2, "a", None])}
        for path in ("a", "b"):
            if self.source.random() < 0.8:
                found[path] = self.value()
        if self.source.random() < 0.5:
            found["p"] = [self.source.uniform(-50, 50), self.source.uniform(-50, 50)]
            found["words"] = " ".join(self.source.choices(["red", "green", "blue", "running"], k=2))
        return found

    def condition(self) -> Any:
        one, kind = self.source.choice, self.source.randrange(9)
        if kind < 3:
            return self.value()
        if kind == 3:
            return {one(["$gt", "$gte", "$lt", "$lte", "$eq", "$ne"]): one(SCALARS)}
        if kind == 4:
            return {one(["$in", "$nin"]): [one(SCALARS) for _ in range(self.source.randrange(3))]}
        if kind == 5:
            return {"$exists": one([True, False])}
        if kind == 6:
            return {"$elemMatch": one([{"$gt": 0}, {"x": one(SCALARS)}, {"$eq": "a"}])}
        if kind == 7:
            return {"$not": {one(["$gt", "$in"]): one([1, "a"])}} if one([0, 1]) else {"$type": one(["number", "string", "array"])}
        return {"$regex": one(["^a", "^A", "b$"])}

    def filter(self) -> Document:
        kind = self.source.randrange(10)
        if kind == 0:
            return {"$or": [self.filter(), self.filter()]}
        if kind == 1:
            return {"p": {"$geoWithin": {"$box": [[-20, -20], [30, 30]]}}, **self.filter()}
        return {path: self.condition() for path in self.source.sample(PATHS, self.source.randrange(1, 3))}

    def update(self) -> Any:
        one, path = self.source.choice, self.source.choice(["a", "b", "a.x", "c", "b.x"])
        kind = self.source.randrange(7)
        if kind == 0:
            return [one(STAGES)]
        if kind == 1:
            return {name: value for name, value in self.document().items() if name != "_id"}
        operators = [{"$set": {path: self.value()}}, {"$unset": {path: ""}}, {"$inc": {"c": 1}}, {"$push": {path: one(SCALARS)}}]
        return one([*operators, {"$rename": {"a": "b"}}, {"$min": {path: one(SCALARS)}}])

    def write(self) -> Document:
        """Return a command that writes to the collection `NAME`. It changes the same documents with any index."""
        kind = self.source.randrange(8)
        if kind < 3:
            return {"insert": "NAME", "documents": [self.document() for _ in range(self.source.randrange(1, 5))], "ordered": False}
        more: Document = {"collation": self.source.choice(COLLATIONS)} if self.source.random() < 0.3 else {}
        if kind == 3:
            return {"delete": "NAME", "deletes": [{"q": {**self.filter(), "_id": {"$mod": [3, 0]}}, "limit": 0, **more}]}
        update = self.update()
        if kind == 4:
            self.next_id += 1
            query: Document = {"_id": self.next_id, "k": self.next_id, "c": 5}
            change = update if type(update) is list or not all(name.startswith("$") for name in update) else {"$set": {"a": self.value()}}
            return {"update": "NAME", "updates": [{"q": query, "u": change, "upsert": True}]}
        if kind == 5:
            return {"findAndModify": "NAME", "query": self.filter(), "sort": {"_id": 1}, "update": update, "new": True, **more}
        multi = type(update) is list or all(name.startswith("$") for name in update)
        query = self.filter() if multi else {"_id": self.source.randrange(1, self.next_id + 2)}
        # A failing document ends a multi-document update at a place that depends on the order of the plan.
        query = {**query, "_id": self.source.randrange(1, self.next_id + 2)}
        return {"update": "NAME", "updates": [{"q": query, "u": update, "multi": multi, **more}]}


@pytest.fixture(scope="module")
def database() -> Iterator[Database[Document]]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server, MongoClient[Document](server.uri) as client:
        yield client.property


def run(db: Database[Document], name: str, command: Document) -> Any:
    """Run a command on a collection. Return its reply without times, or the code of its error."""
    key = next(iter(command))
    try:
        reply = db.command({**command, key: name})
    except OperationFailure as error:
        return error.code
    kept = {field: reply.get(field) for field in ("n", "nModified", "value")}
    return repr(kept), [error["code"] for error in reply.get("writeErrors", [])]


def found(db: Database[Document], name: str, filter: Document, **options: Any) -> Any:
    """Return the ids that a query finds, in order if it has a sort, or the code of its error."""
    try:
        documents = list(db[name].find(filter, **options))
    except OperationFailure as error:
        return error.code
    return documents if "sort" in options else sorted(documents, key=lambda document: encode({"": document["_id"]}))


def check_queries(db: Database[Document], draw: Draw, hints: list[str], seed: int) -> None:
    for _ in range(12):
        filter, options = draw.filter(), {}
        if draw.source.random() < 0.3:
            options["sort"] = {draw.source.choice(PATHS): draw.source.choice([1, -1]), "_id": 1}
        if draw.source.random() < 0.3:
            options["collation"] = draw.source.choice(COLLATIONS)
        expected = found(db, "plain", filter, **options)
        assert repr(found(db, "indexed", filter, **options)) == repr(expected), (seed, filter, options)
        count = expected if type(expected) is int else len(expected)
        assert type(expected) is int or db.indexed.count_documents(filter, **_collated(options)) == count, (seed, filter, options)
        hint = draw.source.choice(hints)
        hinted = found(db, "indexed", filter, hint=hint, **options)
        assert type(hinted) is int or repr(hinted) == repr(expected), (seed, filter, options, hint)


def _collated(options: Document) -> Document:
    return {name: value for name, value in options.items() if name == "collation"}


@pytest.mark.parametrize("number", range(ROUNDS))
def test_any_history(database: Database[Document], number: int) -> None:
    seed = SEED + number
    print(f"SECANTUS_PROPERTY_SEED={seed} SECANTUS_PROPERTY_ROUNDS=1")
    draw = Draw(seed)
    for name in ("plain", "indexed"):
        database.drop_collection(name)
        database.create_collection(name)
    specs = draw.source.sample(INDEXES, draw.source.randrange(1, 5))
    hints = ["_id_"]
    for position, (key, options) in enumerate(specs):
        built = draw.source.random() < 0.7
        spec = {"key": key, "name": f"i{position}", **options}
        if built and type(run(database, "indexed", {"createIndexes": "", "indexes": [spec]})) is not int:
            misses = {"hidden", "partialFilterExpression", "sparse"} & options.keys() or {"text", "2d", "2dsphere"} & set(key.values())
            if not misses:
                hints.append(f"i{position}")
    for _ in range(25):
        command = draw.write()
        replies = [run(database, name, command) for name in ("indexed", "plain")]
        if replies[0] != replies[1]:
            # An index may refuse what the other collection accepts: parallel arrays, points, duplicates, arrays of hashed fields.
            assert type(replies[0]) is int or replies[0][1], (seed, command, replies)
            restore(database)
    check_queries(database, draw, hints, seed)
    report = database.command("validate", "indexed", full=True)
    assert report["valid"], (seed, report["errors"], report["warnings"])
    assert not report["warnings"], (seed, report["warnings"])


def restore(db: Database[Document]) -> None:
    """Copy the documents of the collection with indexes to the other one."""
    db.plain.delete_many({})
    kept = list(db.indexed.find())
    if kept:
        db.plain.insert_many(kept)
