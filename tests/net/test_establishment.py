"""The limit on the rate at which connections are established."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from secantus_server.server import SecantusDBServer
from tests.net.raw_client import RawClient
from tests.waiting import wait_until

PREFIX = "ingressConnectionEstablishment"


@pytest.fixture
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server:
        yield server


@pytest.fixture
def admin(server: SecantusDBServer) -> Iterator[RawClient]:
    with closing(RawClient(server)) as client:
        yield client


def limit(admin: RawClient, per_second: int, burst: float, depth: int) -> None:
    values = {"RateLimiterEnabled": True, "RatePerSec": per_second, "BurstCapacitySecs": burst, "MaxQueueDepth": depth}
    command = {"setParameter": 1, **{f"{PREFIX}{name}": value for name, value in values.items()}, "$db": "admin"}
    assert admin.run(command)["ok"] == 1


def status(admin: RawClient) -> tuple[int, dict[str, int]]:
    connections: dict[str, Any] = admin.run({"serverStatus": 1, "$db": "admin"})["connections"]
    return connections["queuedForEstablishment"], connections["establishmentRateLimit"]


def test_connections_beyond_the_burst_are_closed(server: SecantusDBServer, admin: RawClient) -> None:
    limit(admin, per_second=1, burst=2, depth=0)
    served = [RawClient(server) for _ in range(2)]
    for client in served:
        assert client.run({"ping": 1})["ok"] == 1
    assert RawClient(server).is_closed()
    assert status(admin) == (0, {"rejected": 1, "exempted": 0, "interruptedDueToClientDisconnect": 0})


def test_a_connection_waits_for_its_turn(server: SecantusDBServer, admin: RawClient) -> None:
    limit(admin, per_second=20, burst=0.05, depth=2)
    for _ in range(5):
        with closing(RawClient(server)) as client:
            assert client.run({"ping": 1})["ok"] == 1
    assert status(admin)[1]["rejected"] == 0


def test_a_waiting_client_may_disconnect(server: SecantusDBServer, admin: RawClient) -> None:
    limit(admin, per_second=1, burst=0.001, depth=1)
    waiting = RawClient(server)
    wait_until(lambda: status(admin)[0] == 1, "no connection waits")
    waiting.close()
    wait_until(lambda: status(admin) == (0, {"rejected": 0, "exempted": 0, "interruptedDueToClientDisconnect": 1}), "it still waits")


def test_waiting_ends_with_the_limit_and_with_the_server(server: SecantusDBServer, admin: RawClient) -> None:
    limit(admin, per_second=1, burst=0.001, depth=9)
    clients = [RawClient(server) for _ in range(9)]
    wait_until(lambda: status(admin)[0] == 9, "the connections do not wait")
    assert admin.run({"setParameter": 1, f"{PREFIX}RateLimiterEnabled": False, "$db": "admin"})["ok"] == 1
    assert clients[-1].run({"ping": 1})["ok"] == 1
    limit(admin, per_second=1, burst=0.001, depth=9)
    clients += [RawClient(server) for _ in range(9)]
    wait_until(lambda: status(admin)[0] == 9, "the connections do not wait")
    server.stop()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("secantus-conn")]


@pytest.mark.parametrize(
    ("name", "value"), [("RatePerSec", 0), ("BurstCapacitySecs", 0), ("BurstCapacitySecs", "1"), ("MaxQueueDepth", -1)]
)
def test_values_are_checked(admin: RawClient, name: str, value: object) -> None:
    assert admin.run({"setParameter": 1, f"{PREFIX}{name}": value, "$db": "admin"})["ok"] == 0
