"""Clients of a redirected host reach our server, and other clients do not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient, MongoClient

from pytest_secantus.driver import UnknownDriver, connect_functions
from pytest_secantus.options import address
from pytest_secantus.redirect import Redirect, clients_redirected, parse_uri
from secantus_server import SecantusDBServer

TARGET = "127.0.0.1:4000"
TAKEN = frozenset({address("localhost", 27017), address("mongo", 27018)})


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        (None, None, ["localhost"]),
        (None, 27017, ["localhost"]),
        (None, 27018, None),
        ("localhost", None, ["localhost"]),
        ("LOCALHOST", None, ["LOCALHOST"]),
        ("mongodb://0.0.0.0:27017", None, ["mongodb://0.0.0.0:27017/"]),
        ("[::1]:27017", None, ["[::1]:27017"]),
        ("localhost:27017", 1, ["localhost:27017"]),
        ("localhost:27018", None, None),
        ("mongo", None, None),
        ("mongo", 27018, ["mongo"]),
        ("elsewhere", None, None),
        (["elsewhere", "localhost:27017"], None, ["elsewhere", "localhost:27017"]),
        ([], None, ["localhost"]),
        (
            "mongodb://localhost:27017/app?replicaSet=rs0&w=majority&tls=true",
            None,
            ["mongodb://localhost:27017/app?replicaSet=rs0&w=majority"],
        ),
        ("mongodb://user:p%40ss@localhost:27017/app?authSource=admin", None, ["mongodb://localhost:27017/app"]),
        ("mongodb://user:secret@elsewhere:27017/app", None, None),
        ("mongodb://elsewhere,mongo:27018/app", None, ["mongodb://elsewhere,mongo:27018/app"]),
        ("mongodb+srv://user:secret@localhost/app?retryWrites=true", None, ["mongodb://localhost/app?retryWrites=true"]),
        (f"mongodb://{TARGET}/?tls=true", None, [f"mongodb://{TARGET}/"]),
    ],
)
def test_hosts(host: Any, port: int | None, expected: list[str] | None) -> None:
    assert Redirect(TAKEN, TARGET).host(host, port) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (None, TARGET),
        ("mongodb://localhost/app", f"mongodb://{TARGET}/app"),
        ("mongodb://u:p@localhost:27017/app?replicaSet=rs0&w=majority&tls=true", f"mongodb://{TARGET}/app?w=majority"),
        ("mongodb://elsewhere,mongo:27018/app", f"mongodb://{TARGET}/app"),
        ("elsewhere", None),
        (f"mongodb://{TARGET}", None),
    ],
)
def test_hosts_replaced(host: Any, expected: str | None) -> None:
    assert Redirect(TAKEN, TARGET, in_place=False).host(host, None) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (("localhost", 27017), ("127.0.0.1", 4000)),
        (("::1", 27017, 0, 0), ("127.0.0.1", 4000)),
        (("mongo", 27018), ("127.0.0.1", 4000)),
        (("127.0.0.1", 4000), ("127.0.0.1", 4000)),
        (("elsewhere", 27017), ("elsewhere", 27017)),
        (("/tmp/mongodb-27017.sock", None), ("/tmp/mongodb-27017.sock", None)),
    ],
)
def test_destinations(asked: Any, expected: Any) -> None:
    assert Redirect(TAKEN, TARGET).destination(asked) == expected


def test_logins_are_counted() -> None:
    redirect = Redirect(TAKEN, TARGET)
    redirect.host("mongodb://user:secret@localhost", None)
    redirect.host("mongodb://user:secret@elsewhere", None)
    assert redirect.options({"username": "user", "password": "secret", "w": 1}) == {"w": 1}
    redirect.options({"username": None})
    assert redirect.logins.unchecked == 2


@pytest.mark.parametrize(
    ("host", "options", "expected"),
    [
        ("mongodb://user:p%40ss@localhost/app?authSource=admin&tls=true", {}, True),
        ("mongodb://user:secret@localhost/?authMechanism=SCRAM-SHA-1", {}, True),
        ("mongodb://localhost", {"username": "user", "password": "secret", "authMechanism": "DEFAULT"}, True),
        ("mongodb://user@localhost/?authmechanism=MONGODB-X509", {}, False),
        (["mongodb://localhost"], {"authMechanism": "MONGODB-AWS"}, False),
    ],
)
def test_credentials_that_the_server_can_check_are_kept(host: Any, options: dict[str, Any], expected: bool) -> None:
    assert Redirect(TAKEN, TARGET).keeps_login(host, options) is expected
    assert not Redirect(TAKEN, TARGET, in_place=False).keeps_login(host, options)


def test_a_client_shows_the_credentials_that_it_was_given() -> None:
    redirect = Redirect(TAKEN, TARGET)
    given = "mongodb://user:p%40ss@localhost:27017/app?authSource=admin&tls=true"
    assert redirect.host(given, None, True) == ["mongodb://user:p%40ss@localhost:27017/app?authSource=admin"]
    with clients_redirected(redirect):
        credentials = MongoClient(given, connect=False).options.pool_options._credentials
    assert credentials is not None
    assert (credentials.username, credentials.password, credentials.source) == ("user", "p@ss", "admin")


@pytest.mark.parametrize("cls", [MongoClient, AsyncMongoClient])
def test_clients_are_redirected_for_a_while(cls: Any) -> None:
    before, opening = cls.__init__, [getattr(*function) for function in connect_functions()]
    with clients_redirected(Redirect(TAKEN, TARGET)):
        client = cls("localhost", 27017, connect=False, username="u", password="p", replicaset="rs0", appname="kept")
        assert client._seeds == {("localhost", 27017)}
        assert client.options.pool_options.appname == "kept"
        assert client.options.replica_set_name == "rs0"
        assert cls("elsewhere", connect=False)._seeds == {("elsewhere", 27017)}
    assert cls.__init__ is before
    assert [getattr(*function) for function in connect_functions()] == opening


@pytest.fixture(scope="module")
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server:
        yield server


CLIENTS = [
    ("mongodb://localhost:27017", "secantus"),
    ("mongodb://127.0.0.1:27017/?replicaSet=rs0", "rs0"),
    ("mongodb://localhost:27017,localhost:27019/?replicaSet=rs0", "rs0"),
    ("mongodb://localhost:27017/?directConnection=true&replicaSet=rs0", "rs0"),
    ("mongodb://mongo.invalid:27018/?tls=true&tlsAllowInvalidCertificates=true", "secantus"),
]


@pytest.mark.parametrize(("uri", "replica_set"), CLIENTS)
def test_a_client_sees_what_it_asked_for(server: SecantusDBServer, uri: str, replica_set: str) -> None:
    taken = frozenset({address("localhost", 27017), address("mongo.invalid", 27018)})
    asked = parse_uri(uri).hosts.split(",")[0]
    with clients_redirected(Redirect(taken, f"127.0.0.1:{server.port}")), MongoClient[dict[str, Any]](uri) as client:
        client.admin.command("ping")
        assert asked in repr(client)
        assert [f"{host}:{port}" for host, port in client.nodes] == [asked]
        assert "{}:{}".format(*(client.address or ())) == asked
        (described,) = client.topology_description.server_descriptions().values()
        assert described.replica_set_name == replica_set
        assert client.server_info()["ok"] == 1


@pytest.mark.parametrize(("uri", "replica_set"), CLIENTS)
def test_an_asynchronous_client_sees_it_too(server: SecantusDBServer, uri: str, replica_set: str) -> None:
    taken = frozenset({address("localhost", 27017), address("mongo.invalid", 27018)})
    asked = parse_uri(uri).hosts.split(",")[0]

    async def look() -> None:
        async with AsyncMongoClient[dict[str, Any]](uri) as client:
            await client.admin.command("ping")
            assert "{}:{}".format(*(await client.address or ())) == asked
            (described,) = client.topology_description.server_descriptions().values()
            assert described.replica_set_name == replica_set

    with clients_redirected(Redirect(taken, f"127.0.0.1:{server.port}")):
        asyncio.run(look())


def test_the_address_that_the_server_names_is_redirected_too(server: SecantusDBServer) -> None:
    with clients_redirected(Redirect(frozenset({address("localhost", 27017)}), f"127.0.0.1:{server.port}")):
        with MongoClient[dict[str, Any]]("localhost", 27017, ssl=True) as client:
            named = client.admin.command("hello")["primary"]
        with MongoClient[dict[str, Any]](named, ssl=True, replicaSet="rs0") as client:
            client.admin.command("ping")


def test_a_driver_that_opens_connections_in_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_secantus.driver.CONNECT", ("nothing",))
    before = MongoClient.__init__
    with pytest.raises(UnknownDriver), clients_redirected(Redirect(TAKEN, TARGET)):
        pass
    assert MongoClient.__init__ is before
    with clients_redirected(Redirect(TAKEN, TARGET, in_place=False)):
        assert MongoClient(connect=False)._seeds == {("127.0.0.1", 4000)}


def test_a_class_made_of_a_client_is_redirected() -> None:
    class Mine(MongoClient[dict[str, Any]]):
        pass

    with clients_redirected(Redirect(TAKEN, TARGET)):
        assert Mine(connect=False, tls=True)._seeds == {("localhost", 27017)}
        assert Mine(connect=False, tls=True).options.pool_options._ssl_context is None
