"""Logins of redirected clients: checked if the server has users, otherwise accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient, MongoClient
from pymongo.errors import OperationFailure
from pymongo.server_api import ServerApi

from pytest_secantus.options import address
from pytest_secantus.redirect import Redirect, clients_redirected
from secantus_server import SecantusDBServer

ANN = {"username": "ann", "password": "right", "authSource": "app"}
BOB = {"username": "bob", "password": "b", "authSource": "app"}
Login = Callable[..., None]


@pytest.fixture
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server:
        yield server


@pytest.fixture
def redirect(server: SecantusDBServer) -> Iterator[Redirect]:
    redirect = Redirect(frozenset({address("localhost", 27017)}), f"127.0.0.1:{server.port}")
    with clients_redirected(redirect):
        yield redirect


def log_in(**options: Any) -> None:
    with MongoClient[dict[str, Any]](**options) as client:
        client.app.c.find_one()


def log_in_async(**options: Any) -> None:
    async def work() -> None:
        async with AsyncMongoClient[dict[str, Any]](**options) as client:
            await client.app.c.find_one()

    asyncio.run(work())


def create_ann() -> None:
    with MongoClient[dict[str, Any]]() as client:
        client.app.command("createUser", "ann", pwd="right", roles=["readWrite"])


def refuses(login: Login, **options: Any) -> bool:
    with pytest.raises(OperationFailure) as error:
        login(**options)
    return error.value.code == 18


both = pytest.mark.parametrize("login", [log_in, log_in_async])


@both
def test_a_server_with_users_checks(login: Login, redirect: Redirect) -> None:
    create_ann()
    login(**ANN)
    assert refuses(login, **{**ANN, "password": "wrong"})
    assert refuses(login, **{**ANN, "authSource": "admin"})
    assert refuses(login, **BOB)
    assert redirect.logins.unchecked == 0


@both
def test_a_server_without_users_takes_every_login(login: Login, redirect: Redirect) -> None:
    login(**BOB)
    login(**BOB, server_api=ServerApi("1", strict=True))
    assert redirect.logins.unchecked == 2


@both
def test_credentials_that_were_taken_stay_good(login: Login, redirect: Redirect) -> None:
    login(**BOB)
    create_ann()
    login(**BOB)
    assert refuses(login, **{**BOB, "password": "other"})


@both
def test_a_strict_server_checks_without_users(login: Login, server: SecantusDBServer) -> None:
    taken = frozenset({address("localhost", 27017)})
    with clients_redirected(Redirect(taken, f"127.0.0.1:{server.port}", checks_logins=True)):
        assert refuses(login, **BOB)


@both
def test_other_mechanisms_are_left_out(login: Login, redirect: Redirect) -> None:
    create_ann()
    login(host="mongodb://localhost/?authMechanism=MONGODB-X509&tls=true")
    login(host="mongodb://user@localhost/?authMechanism=MONGODB-X509&tls=true")
    assert redirect.logins.unchecked == 1


@both
def test_a_client_that_is_not_redirected_is_as_ever(login: Login, server: SecantusDBServer) -> None:
    with clients_redirected(Redirect(frozenset(), "127.0.0.1:1")):
        assert refuses(login, host="127.0.0.1", port=server.port, **BOB)


def test_a_listener_sees_nothing_of_it(redirect: Redirect) -> None:
    from pymongo.monitoring import CommandListener

    class Listener(CommandListener):
        seen: list[str] = []  # noqa: RUF012

        def started(self, event: Any) -> None:
            self.seen.append(event.command_name)

        def succeeded(self, event: Any) -> None: ...

        def failed(self, event: Any) -> None: ...

    log_in(**BOB, event_listeners=[Listener()])
    assert Listener.seen == ["find", "endSessions"]


def test_a_client_of_several_connections_counts_once(redirect: Redirect) -> None:
    options: dict[str, Any] = {**BOB, "minPoolSize": 2}
    with MongoClient[dict[str, Any]](**options) as client:
        client.app.c.find_one()
        log_in(**BOB)
    assert redirect.logins.unchecked == 2
