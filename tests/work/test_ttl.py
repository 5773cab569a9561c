"""TTL indexes: single passes of the monitor."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from bson.decimal128 import Decimal128
from pymongo.database import Database

from secantus_server.server import SecantusDBServer
from secantus_server.work.ttl import delete_expired


def ago(**span: float) -> datetime:
    return datetime.now(timezone.utc) - timedelta(**span)


@pytest.mark.parametrize("seconds", [60, 60.0, 60.9, Decimal128("60")])
def test_what_is_old_enough_goes(server: SecantusDBServer, db: Database, seconds: Any) -> None:
    db.c.create_index("t", expireAfterSeconds=seconds)
    db.c.insert_many(
        [
            {"_id": "old", "t": ago(minutes=5)},
            {"_id": "new", "t": ago(seconds=5)},
            {"_id": "some old", "t": [ago(minutes=5), ago(seconds=5), 1]},
            {"_id": "all new", "t": [ago(seconds=5)]},
            {"_id": "no date", "t": 1},
            {"_id": "none"},
        ]
    )
    delete_expired(server.services)
    assert {document["_id"] for document in db.c.find()} == {"new", "all new", "no date", "none"}
    assert db.command({"validate": "c", "full": True})["valid"]


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ({"t": "hashed"}, {"expireAfterSeconds": 0}),
        ({"t": 1}, {"expireAfterSeconds": 0, "partialFilterExpression": {"gone": True}}),
        ({"t": 1}, {}),
    ],
)
def test_what_stays(server: SecantusDBServer, db: Database, key: dict[str, Any], options: dict[str, Any]) -> None:
    db.command({"createIndexes": "c", "indexes": [{"key": key, "name": "t", **options}]})
    db.c.insert_one({"_id": 1, "t": ago(minutes=5)})
    delete_expired(server.services)
    assert db.c.count_documents({}) == 1


def test_a_geo_index_expires_nothing(server: SecantusDBServer, db: Database) -> None:
    db.command({"createIndexes": "c", "indexes": [{"key": {"t": "2dsphere"}, "name": "t", "expireAfterSeconds": 0}]})
    db.c.insert_one({"_id": 1, "t": [1, 2]})
    delete_expired(server.services)
    assert db.c.count_documents({}) == 1


def test_the_monitor_can_be_switched_off(server: SecantusDBServer, db: Database, admin: Database) -> None:
    db.c.create_index("t", expireAfterSeconds=0)
    db.c.insert_one({"t": ago(minutes=5)})
    admin.command({"setParameter": 1, "ttlMonitorEnabled": False})
    try:
        assert delete_expired(server.services) == 0
    finally:
        admin.command({"setParameter": 1, "ttlMonitorEnabled": True})
    assert delete_expired(server.services) == 1


CHANGES: dict[str, Callable[[Database], object]] = {
    "created again": lambda db: (db.k.drop(), db.k.insert_one({"t": ago(minutes=5)})),
    "another index": lambda db: (db.k.drop_indexes(), db.k.create_index("t", expireAfterSeconds=3600)),
    "no index": lambda db: db.k.drop_indexes(),
    "later": lambda db: db.command({"collMod": "k", "index": {"name": "t_1", "expireAfterSeconds": 3600}}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_collection_changed_during_the_pass(server: SecantusDBServer, db: Database, change: str) -> None:
    """The pass lists a database's collections only once, but looks up each expiry again before it deletes documents."""
    for name in ("a", "k"):
        db[name].create_index("t", expireAfterSeconds=60)
        db[name].insert_one({"t": ago(minutes=5)})
    changes = iter([CHANGES[change]])

    def act() -> None:
        for once in changes:
            once(db)

    delete_expired(server.services, act)
    assert db.a.count_documents({}) == 0
    assert db.k.count_documents({}) == 1
