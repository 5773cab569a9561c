"""The dump of a server, and its difference to a snapshot."""

from __future__ import annotations

from collections.abc import Iterator

import bson
import pytest
from pymongo import MongoClient

from secantus_server.dispatch.harness import Difference
from secantus_server.server import SecantusDBServer


@pytest.fixture
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:") as running:
        yield running


@pytest.fixture
def client(server: SecantusDBServer) -> Iterator[MongoClient]:
    with MongoClient(server.uri) as connected:
        yield connected


def shown(difference: Difference) -> tuple[object, ...]:
    """Return a difference with decoded documents."""
    db, name, fate, added, changed, removed = difference
    pairs = [(bson.decode(old), bson.decode(new)) for old, new in changed]
    return f"{db}.{name}", fate, [bson.decode(one) for one in added], pairs, [bson.decode(one) for one in removed]


def test_dump(server: SecantusDBServer, client: MongoClient) -> None:
    client.shop.orders.insert_many([{"_id": 2}, {"_id": 1}])
    client.shop.orders.create_index("at", expireAfterSeconds=5)
    client.shop.create_collection("recent", viewOn="orders", pipeline=[{"$match": {}}])
    client.admin.command("createUser", "ann", pwd="x", roles=[])
    orders, recent = (one for one in server.dump() if one.db == "shop")
    assert [bson.decode(one) for one in orders.documents] == [{"_id": 2}, {"_id": 1}]
    assert [index["name"] for index in orders.indexes] == ["_id_", "at_1"]
    assert len(orders.uuid) == 32
    assert recent.is_view
    assert recent.documents == []
    assert not [one for one in server.dump() if one.name.startswith("system.") or one.db in {"local", "config"}]


def test_differences(server: SecantusDBServer, client: MongoClient) -> None:
    db = client.shop
    for name in ("same", "orders", "dropped", "replaced", "renamed", "indexed"):
        db[name].insert_many([{"_id": n} for n in range(3)])
    snapshot = server.snapshot()
    assert server.differences(snapshot) == []
    db.orders.update_one({"_id": 0}, {"$set": {"a": 1}})
    db.orders.delete_one({"_id": 1})
    db.orders.delete_one({"_id": 2})
    db.orders.insert_one({"_id": 3})
    db.orders.insert_one({"_id": 2})
    db.dropped.update_one({"_id": 0}, {"$set": {"a": 1}})
    db.dropped.drop()
    db.replaced.delete_one({"_id": 0})
    db.replaced.drop()
    db.replaced.insert_many([{"_id": 1, "b": 1}, {"_id": 2}, {"_id": 4}])
    db.renamed.rename("new")
    db.indexed.create_index("a")
    db.create_collection("view", viewOn="orders")
    db.create_collection("empty")
    three = [{"_id": n} for n in range(3)]
    assert [shown(one) for one in server.differences(snapshot)] == [
        ("shop.dropped", "dropped", [], [], three),
        ("shop.empty", "created", [], [], []),
        ("shop.indexed", "redefined", [], [], []),
        ("shop.new", "created", three, [], []),
        ("shop.orders", "", [{"_id": 3}], [({"_id": 0}, {"_id": 0, "a": 1})], [{"_id": 1}]),
        ("shop.renamed", "dropped", [], [], three),
        ("shop.replaced", "replaced", [{"_id": 4}], [({"_id": 1}, {"_id": 1, "b": 1})], [{"_id": 0}]),
        ("shop.view", "created", [], [], []),
    ]
    server.restore(snapshot)
    assert server.differences(snapshot) == []


def test_differences_across_later_snapshots(server: SecantusDBServer, client: MongoClient) -> None:
    db = client.shop
    db.orders.insert_many([{"_id": 0}, {"_id": 1}])
    outer = server.snapshot()
    db.orders.update_one({"_id": 0}, {"$set": {"a": 1}})
    db.new.insert_one({"_id": 0})
    inner = server.snapshot()
    db.orders.update_one({"_id": 0}, {"$set": {"a": 2}})
    db.orders.delete_one({"_id": 1})
    db.new.update_one({"_id": 0}, {"$set": {"a": 1}})
    assert [shown(one) for one in server.differences(outer)] == [
        ("shop.new", "created", [{"_id": 0, "a": 1}], [], []),
        ("shop.orders", "", [], [({"_id": 0}, {"_id": 0, "a": 2})], [{"_id": 1}]),
    ]
    assert [shown(one) for one in server.differences(inner)] == [
        ("shop.new", "", [], [({"_id": 0}, {"_id": 0, "a": 1})], []),
        ("shop.orders", "", [], [({"_id": 0, "a": 1}, {"_id": 0, "a": 2})], [{"_id": 1}]),
    ]
    server.restore(inner)
    server.restore(outer)


def test_an_open_transaction_is_aborted(server: SecantusDBServer, client: MongoClient) -> None:
    client.shop.orders.insert_one({"_id": 0})
    snapshot = server.snapshot()
    with client.start_session() as session:
        session.start_transaction()
        client.shop.orders.insert_one({"_id": 1}, session=session)
        assert server.differences(snapshot) == []
        assert [len(one.documents) for one in server.dump()] == [1]
