"""_mergeAuthzCollections, as mongorestore uses it."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo import MongoClient

from tests.commands.auth.with_access import LogIn, code, connect

Client = MongoClient[dict[str, Any]]


@pytest.fixture
def dumped(root: Client) -> None:
    """Store a user and a role of `shop` in the collections of mongorestore, and two users that are not in the dump."""
    privileges = [{"resource": {"db": "shop", "collection": "c"}, "actions": ["find"]}]
    for db in (root.shop, root.store):
        db.command("dropAllUsersFromDatabase")
        db.command("dropAllRolesFromDatabase")
    root.shop.command("createRole", "reader", privileges=privileges, roles=[])
    root.shop.command("createUser", "app", pwd="old", roles=["reader"])
    for name, of, key in (("tempusers", "system.users", "shop.app"), ("temproles", "system.roles", "shop.reader")):
        root.admin[name].drop()
        root.admin[name].insert_one(root.admin[of].find_one({"_id": key}) or {})
    for db in (root.shop, root.store):
        db.command("dropAllUsersFromDatabase")
        db.command("createUser", "newer", pwd="new", roles=[])
    root.shop.command("dropRole", "reader")


def merge(**arguments: Any) -> dict[str, Any]:
    collections = {"tempUsersCollection": "admin.tempusers", "tempRolesCollection": "admin.temproles"}
    return {"_mergeAuthzCollections": 1, **collections, "db": "", "drop": False, "writeConcern": {"w": "majority"}, **arguments}


def users_of(root: Client, *dbs: str) -> list[str]:
    return sorted(user["_id"] for user in root.admin["system.users"].find({"db": {"$in": list(dbs)}}))


def test_they_are_added(root: Client, dumped: None, guarded: Any) -> None:
    root.shop.command("createUser", "app", pwd="newer", roles=[])
    root.admin.command(merge())
    assert users_of(root, "shop", "store") == ["shop.app", "shop.newer", "store.newer"]
    with connect(guarded, "app", "old", "shop") as client:
        assert client.shop.c.find_one() is None
        assert code(client.shop, {"find": "d"}) == 13


@pytest.mark.parametrize(
    ("db", "expected"), [("shop", ["shop.app", "store.newer"]), ("", ["shop.app"]), ("store", ["shop.newer", "store.newer"])]
)
def test_they_replace_those_of_a_database(root: Client, dumped: None, db: str, expected: list[str]) -> None:
    # The superuser remains.
    root.admin.tempusers.insert_one(root.admin["system.users"].find_one({"_id": "admin.root"}) or {})
    root.admin.command(merge(db=db, drop=True))
    assert users_of(root, "shop", "store") == expected


def test_a_dump_without_users_drops_none(root: Client, dumped: None) -> None:
    root.admin.tempusers.drop()
    root.admin.command(merge(drop=True))
    assert users_of(root, "shop", "store") == ["shop.newer", "store.newer"]


def test_a_view(root: Client, dumped: None) -> None:
    root.admin.create_collection("shown", viewOn="tempusers", pipeline=[])
    assert code(root.admin, merge(tempUsersCollection="admin.shown")) == 166
    root.admin.drop_collection("shown")


def test_the_privileges(log_in: LogIn, dumped: None) -> None:
    assert code(log_in("restore").admin, merge()) is None
    assert code(log_in("userAdmin", "readWriteAnyDatabase").admin, merge(db="admin")) == 13


@pytest.mark.parametrize(
    ("command", "document"),
    [
        (merge(tempUsersCollection="shop.c"), None),
        (merge(tempUsersCollection="admin"), None),
        (merge(tempUsersCollection="", tempRolesCollection=""), None),
        (merge(), {"_id": "shop.x", "user": "y", "db": "shop", "roles": []}),
        (merge(), {"_id": "shop.1", "user": 1, "db": "shop", "roles": []}),
        (merge(), {"_id": "shop.x", "user": "x", "db": "shop", "roles": "root"}),
    ],
    ids=str,
)
def test_what_cannot_be(root: Client, dumped: None, command: dict[str, Any], document: dict[str, Any] | None) -> None:
    if document is not None:
        root.admin.tempusers.insert_one(document)
    assert code(root.admin, command) == 2
    assert users_of(root, "shop", "store") == ["shop.newer", "store.newer"]
