"""The server, client and database of these tests."""

from tests.one_server import client, db, server

__all__ = ["client", "db", "server"]
