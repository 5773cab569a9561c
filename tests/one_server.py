"""One server for the tests of a module, reached over a real socket; each test has its own database."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.database import Database

from secantus_server.server import SecantusDBServer

_numbers = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[SecantusDBServer]:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: SecantusDBServer) -> Iterator[MongoClient]:
    with MongoClient(server.uri, retryWrites=False) as connected:
        yield connected


@pytest.fixture
def db(client: MongoClient) -> Iterator[Database]:
    name = f"commands_{next(_numbers)}"
    yield client.get_database(name, codec_options=CodecOptions(tz_aware=True))
    client.drop_database(name)


@pytest.fixture
def admin(client: MongoClient) -> Database:
    return client.admin
