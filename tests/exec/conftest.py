"""An in-memory collection for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from secantus_server.storage import Engine
from tests.property.memory_collection import MemoryCollection


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    opened = Engine.open(":memory:")
    yield opened
    opened.close()


@pytest.fixture
def collection(engine: Engine) -> MemoryCollection:
    return MemoryCollection(engine)
