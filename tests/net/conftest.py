"""A server for each test module, and its clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from secantus_server.server import SecantusDBServer
from tests.net.raw_client import RawClient, connected


@pytest.fixture(scope="module")
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as running:
        yield running


@pytest.fixture
def client(server: SecantusDBServer) -> Iterator[RawClient]:
    with connected(server) as opened:
        yield opened


@pytest.fixture
def clean_server() -> Iterator[SecantusDBServer]:
    """A server for one test."""
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as running:
        yield running
