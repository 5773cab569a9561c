"""A collection in memory for each test, and one server for the tests of explain."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server.server import SecantusDBServer
from secantus_server.storage import Engine
from tests.property.memory_collection import MemoryCollection

_numbers = itertools.count()


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    opened = Engine.open(":memory:")
    yield opened
    opened.close()


@pytest.fixture
def collection(engine: Engine) -> MemoryCollection:
    return MemoryCollection(engine)


@pytest.fixture(scope="session")
def client() -> Iterator[MongoClient]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server, MongoClient(server.uri) as connected:
        yield connected


@pytest.fixture
def db(client: MongoClient) -> Iterator[Database]:
    name = f"query_{next(_numbers)}"
    yield client[name]
    client.drop_database(name)
