"""The authorization of bulkWrite, which remembers what it has allowed."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo import InsertOne, MongoClient, UpdateOne
from pymongo.errors import ClientBulkWriteException

from tests.commands.auth.with_access import LogIn

Client = MongoClient[dict[str, Any]]


def own_role(root: Client, *actions: str) -> str:
    """Create the role `bulk@admin` with actions on shop.c; return its name."""
    privileges = [{"resource": {"db": "shop", "collection": "c"}, "actions": list(actions)}]
    root.admin.command({"createRole": "bulk", "privileges": privileges, "roles": []})
    return "bulk"


def write(client: Client, *operations: Any, **options: Any) -> int | None:
    """Run a bulkWrite, twice, and return the code with which it fails; None if it succeeds."""
    for _ in range(2):
        try:
            client.bulk_write(list(operations) or [InsertOne({}, namespace="shop.c")], **options)
        except ClientBulkWriteException as error:
            return error.error.code
    return None


@pytest.fixture(autouse=True)
def _no_roles(root: Client) -> Any:
    yield
    root.admin.command("dropAllRolesFromDatabase")
    root.drop_database("shop")


def test_what_was_allowed_ends_with_the_role(log_in: LogIn, root: Client) -> None:
    client = log_in(own_role(root, "insert", "update", "remove"))
    assert write(client) is None
    privilege = {"resource": {"db": "shop", "collection": "c"}, "actions": ["insert"]}
    root.admin.command("revokePrivilegesFromRole", "bulk", privileges=[privilege])
    assert write(client) == 13
    root.admin.command("grantPrivilegesToRole", "bulk", privileges=[privilege])
    assert write(client) is None
    root.admin.command("dropRole", "bulk")
    assert write(client) == 13


def test_what_is_allowed_on_one_collection_is_refused_on_another(log_in: LogIn, root: Client) -> None:
    client = log_in(own_role(root, "insert", "update", "remove"))
    assert write(client) is None
    assert write(client, InsertOne({}, namespace="shop.d")) == 13
    assert write(client, InsertOne({}, namespace="shop.c"), InsertOne({}, namespace="shop.d")) == 13
    assert root.shop.d.count_documents({}) == 0


def test_options_are_checked_after_the_same_command_without_them(log_in: LogIn, root: Client) -> None:
    client = log_in(own_role(root, "insert", "update", "remove"))
    assert write(client) is None
    assert write(client, bypass_document_validation=True) == 13


def test_operations_are_checked_if_the_user_lacks_an_action(log_in: LogIn, root: Client) -> None:
    client = log_in(own_role(root, "update"))
    assert write(client, UpdateOne({}, {"$set": {"a": 1}}, namespace="shop.c")) is None
    assert write(client, UpdateOne({}, {"$set": {"a": 1}}, namespace="shop.c", upsert=True)) == 13
    assert write(client) == 13
