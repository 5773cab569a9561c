"""One server for each release of MongoDB, for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

from secantus_server.server import SecantusDBServer
from secantus_server.version import RELEASES


@pytest.fixture(scope="package")
def clients() -> Iterator[dict[str, MongoClient[dict[str, Any]]]]:
    """A client of a server of each release."""
    servers = [SecantusDBServer(port=0, storage_path=":memory:", log_level="error", compat=name) for name in RELEASES]
    opened: dict[str, MongoClient[dict[str, Any]]] = {}
    try:
        for server in servers:
            opened[server.settings.compat] = MongoClient(server.start().uri)
        yield opened
    finally:
        for client in opened.values():
            client.close()
        for server in servers:
            server.stop()
