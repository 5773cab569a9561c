"""Fixtures for the isolation tests: a server for each module, and a collection for each test."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection

from secantus_server.server import SecantusDBServer

_numbers = itertools.count()


@pytest.fixture(scope="module")
def client() -> Iterator[MongoClient[dict[str, Any]]]:
    with (
        SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server,
        MongoClient(server.uri, serverSelectionTimeoutMS=5000) as connected,
    ):
        yield connected


@pytest.fixture
def collection(client: MongoClient[dict[str, Any]]) -> Iterator[Collection[dict[str, Any]]]:
    name = f"models_{next(_numbers)}"
    yield client[name].c
    client.drop_database(name)


@pytest.fixture
def chance(capsys: pytest.CaptureFixture[str]) -> random.Random:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    return random.Random(seed)
