"""The commands of Compass get the replies that it needs."""

from __future__ import annotations

from pymongo import MongoClient

from secantus_server import SecantusDBServer
from tests.tools.compass import run


def test_the_recorded_commands_of_compass() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:") as server, MongoClient(server.uri) as client:
        assert "indexes" in run(client)
