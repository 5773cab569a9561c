"""Connections of the same user share what its roles allow, until users or roles change."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo import MongoClient

from secantus_server.server import SecantusDBServer
from secantus_server.work import authentication
from tests.commands.auth.with_access import PASSWORD, code, connect
from tests.failing import failure

Client = MongoClient[dict[str, Any]]


@pytest.fixture
def eve(root: Client) -> Any:
    """Create the user `eve`, who may read everything through the role `reader`; return the name."""
    root.admin.command("createRole", "reader", privileges=[], roles=["readAnyDatabase"])
    root.admin.command("createUser", "eve", pwd=PASSWORD, roles=["reader"])
    yield "eve"
    root.admin.command("dropUser", "eve")
    root.admin.command("dropAllRolesFromDatabase")


def test_a_change_ends_the_rights_of_each_connection(guarded: SecantusDBServer, root: Client, eve: str) -> None:
    find = {"find": "c"}
    with connect(guarded, eve) as first, connect(guarded, eve) as second:
        assert [code(client.shop, find) for client in (first, second)] == [None, None]
        root.admin.command("revokeRolesFromRole", "reader", roles=["readAnyDatabase"])
        assert [code(client.shop, find) for client in (first, second)] == [13, 13]
        with connect(guarded, eve) as third:
            assert code(third.shop, find) == 13
        root.admin.command("updateUser", eve, roles=["readAnyDatabase"])
        assert [code(client.shop, find) for client in (second, first)] == [None, None]


def test_a_new_restriction_of_a_role_stops_the_next_login(guarded: SecantusDBServer, root: Client, eve: str) -> None:
    with connect(guarded, eve) as first:
        assert code(first.shop, {"find": "c"}) is None
        root.admin.command("updateRole", "reader", authenticationRestrictions=[{"clientSource": ["10.0.0.1"]}])
        with connect(guarded, eve) as second:
            assert failure(second.shop, {"find": "c"})["code"] == 18
        assert code(first.shop, {"find": "c"}) == 13


def test_a_change_between_the_proof_and_the_login_counts(
    guarded: SecantusDBServer, root: Client, eve: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_user = authentication.find_user

    def then_changed(services: Any, db: str, name: str) -> Any:
        user = find_user(services, db, name)
        root.admin.command("updateUser", eve, roles=[])
        # Another client's command, with which the server notices the change.
        root.admin.command("usersInfo", 1)
        return user

    monkeypatch.setattr(authentication, "find_user", then_changed)
    with connect(guarded, eve) as client:
        assert code(client.shop, {"find": "c"}) == 13
        with connect(guarded, eve) as second:
            assert code(second.shop, {"find": "c"}) == 13
