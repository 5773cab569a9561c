"""The commands that are interrupted when their client disconnects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from secantus_server.net.listener import _only_reads
from secantus_server.server import SecantusDBServer
from tests.net.raw_client import connected
from tests.waiting import wait_until
from tests.wire.messages import command


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"find": "c"}, True),
        ({"getMore": 1}, True),
        ({"aggregate": "c", "pipeline": []}, True),
        ({"aggregate": "c", "pipeline": [{"$match": {}}]}, True),
        ({"aggregate": "c", "pipeline": [{"$match": {}}, {"$out": "d"}]}, False),
        ({"aggregate": "c", "pipeline": [{"$merge": "d"}]}, False),
        ({"aggregate": "c", "pipeline": 5}, True),
        ({"update": "c"}, False),
        ({"createIndexes": "c"}, False),
    ],
)
def test_only_reads_are_interrupted(body: dict[str, Any], expected: bool) -> None:
    assert _only_reads(body) is expected


def wait_for_change(server: SecantusDBServer, send: Callable[[bytes], object]) -> None:
    """Send an awaitable hello, and return when it waits."""
    services = server.services
    hello = {"hello": 1, "topologyVersion": services.topology.version(), "maxAwaitTimeMS": 100_000, "$db": "admin"}
    send(command(hello))
    wait_until(lambda: any(one.wake is not None for one in services.operations.all()), "the hello does not wait")


def test_a_waiting_hello_ends_with_its_socket(clean_server: SecantusDBServer) -> None:
    with connected(clean_server) as client:
        wait_for_change(clean_server, client.send)
    wait_until(lambda: not clean_server.services.operations.all(), "the hello still waits")


def test_a_waiting_hello_ends_with_its_direct_connection(clean_server: SecantusDBServer) -> None:
    connection = clean_server.connect_directly()
    assert connection is not None
    wait_for_change(clean_server, connection.send)
    connection.close()
    wait_until(lambda: not clean_server.services.operations.all(), "the hello still waits")


def test_a_hello_waits_for_a_client_that_has_not_disconnected(clean_server: SecantusDBServer) -> None:
    with connected(clean_server) as client:
        wait_for_change(clean_server, client.send)
        assert clean_server._listener is not None
        clean_server._listener.check_clients()
        assert [one.killed for one in clean_server.services.operations.all()] == [None]
