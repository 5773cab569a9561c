"""Fixtures: stores in memory and in a directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from secantus_server.storage import Engine


@pytest.fixture(params=["memory", "directory"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    opened = Engine.open(":memory:" if request.param == "memory" else str(tmp_path / "data"))
    yield opened
    opened.close()


@pytest.fixture
def memory() -> Iterator[Engine]:
    opened = Engine.open(":memory:")
    yield opened
    opened.close()
