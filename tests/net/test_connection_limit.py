"""The connection limit, and the error for connections beyond it."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from secantus_server.net.descriptors import RESERVED
from secantus_server.server import SecantusDBServer
from tests.net.raw_client import RawClient
from tests.waiting import wait_until


@pytest.fixture
def full() -> object:
    with SecantusDBServer(port=0, storage_path=":memory:", max_connections=3, log_level="error") as server:
        clients = [RawClient(server) for _ in range(3)]
        for client in clients:
            assert client.run({"ping": 1})["ok"] == 1
        yield server, clients
        for client in clients:
            client.close()


def test_a_refused_client_is_told_why(full: tuple[SecantusDBServer, list[RawClient]]) -> None:
    server, clients = full
    refused = RawClient(server)
    reply = refused.run({"hello": 1, "$db": "admin"})
    assert (reply["ok"], reply["errmsg"]) == (
        0.0,
        "The server has reached its limit of 3 connections: close unused clients, or raise max_connections.",
    )
    assert refused.is_closed()
    status = clients[0].run({"serverStatus": 1, "$db": "admin"})["connections"]
    assert (status["current"], status["available"], status["rejected"]) == (3, 0, 1)


def test_a_driver_shows_the_reason(full: tuple[SecantusDBServer, list[RawClient]]) -> None:
    server, _ = full
    with (
        MongoClient(server.uri, serverSelectionTimeoutMS=300) as client,
        pytest.raises((ServerSelectionTimeoutError, OperationFailure)) as caught,
    ):
        client.admin.command("ping")
    assert "close unused clients" in str(caught.value)


def test_a_silent_client_is_refused_too(full: tuple[SecantusDBServer, list[RawClient]]) -> None:
    server, clients = full
    silent = [RawClient(server) for _ in range(40)]
    for client in silent:
        assert client.is_closed()
    assert clients[0].run({"ping": 1})["ok"] == 1


def test_a_connection_is_accepted_after_another_was_closed(full: tuple[SecantusDBServer, list[RawClient]]) -> None:
    server, clients = full
    clients.pop().close()
    wait_until(
        lambda: clients[0].run({"serverStatus": 1, "$db": "admin"})["connections"]["available"] == 1, "the closed connection still counts"
    )
    clients.append(RawClient(server))
    assert clients[-1].run({"ping": 1})["ok"] == 1


SOFT_LIMIT = """
import resource
from pymongo import MongoClient
from secantus_server.server import SecantusDBServer
resource.setrlimit(resource.RLIMIT_NOFILE, (200, {hard}))
with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient(server.uri) as client:
    connections = client.admin.command("serverStatus")["connections"]
    print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], connections["current"] + connections["available"])
"""


def test_the_soft_limit_of_open_files_is_raised() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard = 900 if hard == resource.RLIM_INFINITY else min(hard, 900)
    done = subprocess.run([sys.executable, "-c", SOFT_LIMIT.format(hard=hard)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(hard), str(hard - RESERVED)]
