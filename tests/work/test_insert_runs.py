"""Inserts of many documents by one command, compared with inserts of one document each."""

from __future__ import annotations

import random
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, WriteError

Document = dict[str, Any]

INDEXES: tuple[tuple[Any, dict[str, Any]], ...] = (
    ([("a", 1)], {}),
    ([("u", 1)], {"unique": True, "sparse": True}),
    ([("b", -1), ("a", 1)], {}),
    ([("t", 1)], {"partialFilterExpression": {"a": {"$gt": 2}}}),
    ([("h", "hashed")], {}),
)


def a_document(randomness: random.Random, number: int) -> Document:
    """Return a document. Some repeat an `_id` or a unique key, have several entries in an index, or cannot be indexed."""
    a: Any = randomness.choice([number, randomness.randrange(5), "text", None, [1, 2, 3], [], {"x": 1}])
    document: Document = {"_id": randomness.choice([number, number, number, randomness.randrange(20)]), "a": a, "t": number}
    if randomness.random() < 0.3:
        document["u"] = randomness.randrange(30)
    if randomness.random() < 0.5:
        document["b"] = randomness.choice([[4, 5], number])
    if randomness.random() < 0.2:
        document["h"] = randomness.choice([[1], number, number])
    return document


def outcome(collection: Collection[Document], documents: list[Document], ordered: bool, session: Any = None) -> list[tuple[int, int]]:
    """Insert documents by one command. Return the position and the code of each error."""
    try:
        collection.insert_many(documents, ordered=ordered, session=session)
    except BulkWriteError as error:
        assert error.details is not None
        return [(one["index"], one["code"]) for one in error.details["writeErrors"]]
    return []


def outcome_of_each(collection: Collection[Document], documents: list[Document], ordered: bool) -> list[tuple[int, int]]:
    """Insert documents by one command each, with the same result as `outcome`."""
    errors: list[tuple[int, int]] = []
    for position, document in enumerate(documents):
        try:
            collection.insert_one(document)
        except WriteError as error:
            assert error.code is not None
            errors.append((position, error.code))
            if ordered:
                break
    return errors


def contents(collection: Collection[Document]) -> list[list[Document]]:
    """Return a collection's documents as each of its indexes returns them."""
    sparse = ("t_1", "u_1")
    names = [index["name"] for index in collection.list_indexes()]
    queries: dict[str, Document] = {"t_1": {"a": {"$gt": 2}, "t": {"$gte": 0}}, "u_1": {"u": {"$exists": True}}}
    found = [list(collection.find(queries.get(name, {})).hint(name)) for name in names]
    whole = sorted(found[names.index("_id_")], key=lambda one: str(one["_id"]))
    for name, documents in zip(names, found, strict=True):
        if name not in sparse:
            assert sorted(documents, key=lambda one: str(one["_id"])) == whole
    return found


@pytest.mark.parametrize("ordered", [True, False])
def test_a_run_stores_what_single_inserts_store(db: Database[Document], ordered: bool) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    randomness = random.Random(seed)
    for turn in range(12):
        together, apart = db[f"together{turn}"], db[f"apart{turn}"]
        for collection in (together, apart):
            for keys, options in INDEXES:
                collection.create_index(keys, **options)
        for first in (0, 30, 60):
            documents = [a_document(randomness, first + place) for place in range(randomness.choice([1, 2, 40, 200]))]
            found = outcome(together, [{**one} for one in documents], ordered)
            assert found == outcome_of_each(apart, [{**one} for one in documents], ordered)
        assert contents(together) == contents(apart)
        assert db.command("validate", together.name, full=True)["valid"]


def test_a_run_in_a_transaction(client: MongoClient[Document], db: Database[Document]) -> None:
    db.c.create_index("a")
    with client.start_session() as session:
        session.start_transaction()
        db.c.insert_many([{"_id": number, "a": -number} for number in range(300)], session=session)
        assert [one["_id"] for one in db.c.find({"a": {"$lt": -295}}, session=session).hint("a_1")] == [299, 298, 297, 296]
        session.abort_transaction()
        assert list(db.c.find().hint("a_1")) == []
        session.start_transaction()
        db.c.insert_many([{"_id": number, "a": -number} for number in range(300)], session=session)
        session.commit_transaction()
    assert db.c.count_documents({"a": {"$lte": 0}}, hint="a_1") == 300
    assert db.command("validate", "c", full=True)["valid"]
