"""Connections whose user is dropped, and exists again after a snapshot is restored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server.server import SecantusDBServer
from tests.failing import code

FIND = {"find": "c"}


@pytest.fixture
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", require_auth=True) as running:
        with MongoClient(running.uri) as client:
            client.admin.command({"createUser": "admin", "pwd": "p", "roles": ["root"]})
        yield running


@pytest.fixture
def admin(server: SecantusDBServer) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient(server.uri, username="admin", password="p") as client:
        client.admin.command({"createUser": "jo", "pwd": "p", "roles": ["readAnyDatabase"]})
        yield client.admin


@pytest.fixture
def jo(server: SecantusDBServer, admin: Database[dict[str, Any]]) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient(server.uri, username="jo", password="p", maxPoolSize=1) as client:
        client.test.command(FIND)
        yield client.test


def test_a_restored_user_is_logged_in_again(
    server: SecantusDBServer, admin: Database[dict[str, Any]], jo: Database[dict[str, Any]]
) -> None:
    snapshot = server.snapshot()
    admin.command({"dropUser": "jo"})
    assert code(jo, FIND) == 13
    server.restore(snapshot)
    assert jo.command(FIND)["ok"] == 1
    admin.command({"dropAllUsersFromDatabase": 1})
    assert code(jo, FIND) == 13
    server.restore(snapshot)
    assert jo.command(FIND)["ok"] == 1
    assert admin.command({"usersInfo": 1})["ok"] == 1


def test_another_user_of_the_same_name_is_not(admin: Database[dict[str, Any]], jo: Database[dict[str, Any]]) -> None:
    admin.command({"dropUser": "jo"})
    assert code(jo, FIND) == 13
    admin.command({"createUser": "jo", "pwd": "p", "roles": ["root"]})
    assert code(jo, FIND) == 13


def test_who_has_logged_out_stays_so(server: SecantusDBServer, admin: Database[dict[str, Any]], jo: Database[dict[str, Any]]) -> None:
    snapshot = server.snapshot()
    admin.command({"dropUser": "jo"})
    assert code(jo, FIND) == 13
    jo.client.admin.command({"logout": 1})
    server.restore(snapshot)
    assert code(jo, FIND) == 13
