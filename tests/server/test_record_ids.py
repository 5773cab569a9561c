"""No RecordId is used twice: documents that come back by an abort or a restore are not overwritten by later inserts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server import SecantusDBServer

Db = Database[dict[str, Any]]


def check(db: Db, kept: list[int]) -> None:
    """Insert documents, and check that these and the kept ones are all there."""
    for name in ("n0", "n1", "n2"):
        db.c.insert_one({"_id": name})
    assert [found["_id"] for found in db.c.find()] == [*kept, "n0", "n1", "n2"]
    assert db.command("validate", "c", full=True)["errors"] == []


def rename(db: Db) -> None:
    db.c.rename("d")
    db.d.rename("c")


@pytest.mark.parametrize(
    "change",
    [
        lambda db: None,
        lambda db: db.command("collMod", "c", validator={"q": {"$exists": False}}),
        lambda db: db.c.create_index("x"),
        lambda db: db.c.drop_index("y_1"),
        rename,
    ],
    ids=["nothing", "collMod", "createIndex", "dropIndex", "rename"],
)
@pytest.mark.parametrize("remove", ["delete_many", "delete_one", "find_one_and_delete"])
def test_an_aborted_transaction_that_deletes_and_inserts(change: Callable[[Db], object], remove: str) -> None:
    with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient[Any](server.uri) as client:
        db = client.shop
        db.c.create_index("y")
        db.c.insert_many([{"_id": number} for number in range(5)])
        change(db)
        with client.start_session() as session:
            session.start_transaction()
            for number in (4, 3, 2):
                getattr(db.c, remove)({"_id": number}, session=session)
            db.c.insert_one({"_id": "t"}, session=session)
            session.abort_transaction()
        check(db, [0, 1, 2, 3, 4])


def test_a_collection_that_a_restore_brings_back_is_emptied_and_filled() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient[Any](server.uri) as client:
        db = client.shop
        db.c.insert_many([{"_id": number} for number in range(5)])
        outer = server.snapshot()
        db.c.delete_many({"_id": {"$gte": 3}})
        inner = server.snapshot()
        db.c.drop()
        server.restore(inner)
        db.c.insert_one({"_id": "later"})
        server.restore(outer)
        check(db, [0, 1, 2, 3, 4])


def test_a_restore_after_a_restart(tmp_path: Any) -> None:
    with SecantusDBServer(port=0, storage_path=str(tmp_path / "data")) as server, MongoClient[Any](server.uri) as client:
        client.shop.c.insert_many([{"_id": number} for number in range(5)])
    with SecantusDBServer(port=0, storage_path=str(tmp_path / "data")) as server, MongoClient[Any](server.uri) as client:
        snapshot = server.snapshot()
        client.shop.c.delete_many({})
        client.shop.c.insert_one({"_id": "later"})
        server.restore(snapshot)
        check(client.shop, [0, 1, 2, 3, 4])
