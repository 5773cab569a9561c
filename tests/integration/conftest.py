"""A server for the tests of concurrent clients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server.server import SecantusDBServer


@pytest.fixture
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as running:
        yield running


@pytest.fixture
def database(server: SecantusDBServer) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient(server.uri, serverSelectionTimeoutMS=5000) as client:
        yield client.test
