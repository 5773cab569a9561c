"""The client that all tests share: it costs little to create, and nothing when the process ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.periodic_executor import _EXECUTORS

from pytest_secantus.driver import leave_threads
from pytest_secantus.shared import SharedClient
from secantus_server.server import SecantusDBServer


@pytest.fixture(scope="module")
def uri() -> Iterator[str]:
    with SecantusDBServer(port=0, storage_path=":memory:") as server:
        yield server.uri


def executors() -> set[Any]:
    return {executor for executor in (reference() for reference in list(_EXECUTORS)) if executor is not None}


def test_no_source_file_is_read_for_its_creation(uri: str) -> None:
    shared = SharedClient(uri)
    with MongoClient[dict[str, Any]](uri) as other:
        assert shared._topology_settings._stack == ""
        assert "test_no_source_file_is_read" in other._topology_settings._stack
    shared.close_for_good()


def test_the_end_of_the_process_does_not_wait_for_its_threads(uri: str) -> None:
    before = executors()
    client = SharedClient(uri)
    client.admin.command("ping")
    started = executors() - before
    assert started
    client.close()
    assert all(executor._thread is not None for executor in started)
    client.close_for_good()
    assert not any(executor._thread for executor in started)


def test_threads_of_an_open_client_are_not_left(uri: str) -> None:
    before = executors()
    with MongoClient[dict[str, Any]](uri) as client:
        client.admin.command("ping")
        leave_threads(client)
        assert all(executor._thread is not None for executor in executors() - before)
