"""Definitions of the index on `_id`, which has no options."""

from __future__ import annotations

from typing import Any

import pytest
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from pymongo.database import Database

from tests.failing import code, failure

OPTIONS: dict[str, Any] = {
    "unique": True,
    "sparse": False,
    "background": False,
    "hidden": True,
    "expireAfterSeconds": 5,
    "partialFilterExpression": {"a": 1},
    "prepareUnique": True,
    "storageEngine": {},
}


def define(**options: Any) -> dict[str, Any]:
    return {"createIndexes": "c", "indexes": [{"key": {"_id": 1}, "name": "_id_1", **options}]}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_is_refused_whatever_its_value(db: Database, option: str) -> None:
    for command in (define(**{option: OPTIONS[option]}), {"create": "d", "idIndex": define(**{option: OPTIONS[option]})["indexes"][0]}):
        error = failure(db, command)
        assert error["code"] == 197
        assert error["errmsg"].startswith(f"The field '{option}' is not valid for an _id index specification. Specification: {{ key: ")
    assert db.list_collection_names() == []


def test_the_first_option_is_named(db: Database) -> None:
    error = failure(db, define(sparse=False, unique=True))
    expected = '{ key: { _id: 1 }, name: "_id_1", sparse: false, unique: true, v: 2 }'
    assert error["errmsg"] == f"The field 'sparse' is not valid for an _id index specification. Specification: {expected}"


@pytest.mark.parametrize("options", [{}, {"v": 2}, {"ns": "x.y"}, {"collation": {"locale": "simple"}}])
def test_what_it_may_have(db: Database, options: dict[str, Any]) -> None:
    assert db.command(define(**options))["note"] == "all indexes already exist"


@pytest.mark.parametrize("direction", [-1, 2, Decimal128("-1")])
def test_another_key_is_refused(db: Database, direction: Any) -> None:
    error = failure(db, {"createIndexes": "c", "indexes": [{"key": {"_id": direction}, "name": "x", "unique": True}]})
    assert error["code"] == 2
    assert error["errmsg"].startswith("The field 'key' for an _id index must be {_id: 1}, but got { _id: ")


@pytest.mark.parametrize(
    ("spec", "expected"), [({"name": "_id_"}, 9), ({"key": 1, "name": "_id_"}, 14), ({"key": {"a": 1}, "name": "_id_"}, 2)]
)
def test_a_definition_in_create_needs_the_key(db: Database, spec: dict[str, Any], expected: int) -> None:
    assert code(db, {"create": "d", "idIndex": spec}) == expected


@pytest.mark.parametrize("direction", [1, 1.0, Int64(1), Decimal128("1")])
def test_any_number_that_is_one_is_its_key(db: Database, direction: Any) -> None:
    assert db.command({"createIndexes": "c", "indexes": [{"key": {"_id": direction}, "name": "x"}]})["numIndexesAfter"] == 1


def test_its_collation_is_the_collections(db: Database) -> None:
    db.create_collection("c", collation={"locale": "de"})
    assert db.command(define(collation={"locale": "de"}))["note"] == "all indexes already exist"
    for locale in ("fr", "simple"):
        assert code(db, define(collation={"locale": locale})) == 2


def test_other_indexes_that_begin_with_the_id_have_options(db: Database) -> None:
    db.c.create_index([("_id", 1), ("a", 1)], unique=True)
    db.c.create_index([("_id", "hashed")], sparse=True)
