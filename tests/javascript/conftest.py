"""One server for the tests of a module; see `tests.one_server`."""

from tests.one_server import admin, client, db, server

__all__ = ["admin", "client", "db", "server"]
