"""An in-memory store for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from secantus_server.storage import Engine


@pytest.fixture
def engine() -> Iterator[Engine]:
    opened = Engine.open(":memory:")
    yield opened
    opened.close()
