"""What docs/security.md says about the exception for the first user."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from secantus_server.dispatch.client import ClientInfo
from secantus_server.server import SecantusDBServer
from tests.commands.auth.with_access import PASSWORD, code

Client = MongoClient[dict[str, Any]]


@pytest.fixture
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", require_auth=True) as running:
        yield running


@pytest.fixture
def first(server: SecantusDBServer) -> Iterator[Client]:
    """A client of a server without users."""
    with MongoClient[dict[str, Any]](server.uri) as client:
        yield client


@pytest.mark.parametrize(
    ("db", "command", "expected"),
    [
        ("admin", {"createUser": "a", "pwd": PASSWORD, "roles": ["userAdminAnyDatabase", {"role": "root", "db": "admin"}]}, None),
        ("admin", {"createRole": "a", "privileges": [], "roles": ["read"]}, None),
        ("$external", {"createUser": "CN=a", "roles": [{"role": "root", "db": "admin"}]}, None),
        ("admin", {"replSetGetStatus": 1}, None),
        ("admin", {"createUser": "a", "pwd": PASSWORD, "roles": [{"role": "readWrite", "db": "shop"}]}, 13),
        (
            "admin",
            {"createRole": "a", "privileges": [{"resource": {"db": "shop", "collection": ""}, "actions": ["find"]}], "roles": []},
            13,
        ),
        ("shop", {"createUser": "a", "pwd": PASSWORD, "roles": []}, 13),
        ("admin", {"updateUser": "a", "pwd": PASSWORD}, 13),
        ("admin", {"grantRolesToUser": "a", "roles": ["root"]}, 13),
        ("admin", {"grantPrivilegesToRole": "a", "privileges": []}, 13),
        ("admin", {"usersInfo": 1}, 13),
        ("admin", {"insert": "system.users", "documents": [{}]}, 13),
        ("admin", {"aggregate": 1, "pipeline": [{"$documents": [{}]}], "cursor": {}}, 13),
        ("admin", {"bulkWrite": 1, "ops": [], "nsInfo": []}, 13),
        ("admin", {"listDatabases": 1}, 13),
        ("admin", {"killCursors": "c", "cursors": []}, 13),
        ("admin", {"shutdown": 1}, 13),
    ],
    ids=str,
)
def test_what_it_allows(first: Client, db: str, command: dict[str, Any], expected: int | None) -> None:
    assert code(first[db], command) == expected


def test_it_is_for_clients_on_the_loopback_interface(server: SecantusDBServer) -> None:
    access = server.services.access
    assert access is not None
    grants = [access.grants_of(ClientInfo(1000, (address, 5))) for address in ("127.0.0.1", "::1", "10.0.0.5", "2001:db8::1")]
    assert [one is not None for one in grants] == [True, True, False, False]


def test_it_ends_with_the_first_user_who_needs_the_database_and_the_password(server: SecantusDBServer, first: Client) -> None:
    first.admin.command("createUser", "a", pwd=PASSWORD, roles=["root"])
    assert code(first.admin, {"createUser": "b", "pwd": PASSWORD, "roles": ["root"]}) == 13
    for source, password, expected in (("admin", PASSWORD, None), ("shop", PASSWORD, 18), ("admin", "wrong", 18)):
        with MongoClient[dict[str, Any]](server.uri, username="a", password=password, authSource=source) as client:
            assert code(client.shop, {"find": "c"}) == expected
