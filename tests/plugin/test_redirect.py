"""Clients that ask for a host that is taken over reach another, and no others do."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo import AsyncMongoClient, MongoClient

from pytest_secantus.options import address
from pytest_secantus.redirect import Redirect, clients_redirected

TARGET = "127.0.0.1:4000"
TAKEN = frozenset({address("localhost", 27017), address("mongo", 27018)})


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        (None, None, TARGET),
        (None, 27017, TARGET),
        (None, 27018, None),
        ("localhost", None, TARGET),
        ("LOCALHOST", None, TARGET),
        ("127.0.0.1", None, TARGET),
        ("mongodb://0.0.0.0:27017", None, f"mongodb://{TARGET}/"),
        ("[::1]:27017", None, TARGET),
        ("localhost:27017", 1, TARGET),
        ("localhost:27018", None, None),
        ("mongo", None, None),
        ("mongo", 27018, TARGET),
        ("mongo:27018", None, TARGET),
        ("elsewhere", None, None),
        ("elsewhere,localhost", None, TARGET),
        (["elsewhere", "localhost:27017"], None, TARGET),
        ([], None, TARGET),
        ("mongodb://localhost", None, f"mongodb://{TARGET}/"),
        ("mongodb://localhost/app", None, f"mongodb://{TARGET}/app"),
        ("mongodb://localhost/?w=1", None, f"mongodb://{TARGET}/?w=1"),
        ("mongodb://localhost:27017/app?replicaSet=rs0&w=majority&tls=true", None, f"mongodb://{TARGET}/app?w=majority"),
        ("mongodb://user:p%40ss@localhost:27017/app?authSource=admin", None, f"mongodb://{TARGET}/app"),
        ("mongodb://user:secret@elsewhere:27017/app", None, None),
        ("mongodb://elsewhere,mongo:27018/app", None, f"mongodb://{TARGET}/app"),
        (f"mongodb://{TARGET}", None, None),
    ],
)
def test_hosts(host: Any, port: int | None, expected: str | None) -> None:
    assert Redirect(TAKEN, TARGET).host(host, port) == expected


@pytest.mark.parametrize("cls", [MongoClient, AsyncMongoClient])
def test_clients_are_redirected_for_a_while(cls: Any) -> None:
    before = cls.__init__
    with clients_redirected(TAKEN, TARGET):
        client = cls("localhost", 27017, connect=False, username="u", password="p", replicaset="rs0", appname="kept")
        assert client._seeds == {("127.0.0.1", 4000)}
        assert client.options.pool_options.appname == "kept"
        assert client.options.replica_set_name is None
        assert cls("elsewhere", connect=False)._seeds == {("elsewhere", 27017)}
    assert cls.__init__ is before


def test_a_class_made_of_a_client_is_redirected() -> None:
    class Mine(MongoClient[dict[str, Any]]):
        pass

    with clients_redirected(TAKEN, TARGET):
        assert Mine(connect=False)._seeds == {("127.0.0.1", 4000)}  # type: ignore[attr-defined]


def test_without_hosts_nothing_is_patched() -> None:
    before = MongoClient.__init__
    with clients_redirected(frozenset(), TARGET):
        assert MongoClient.__init__ is before
