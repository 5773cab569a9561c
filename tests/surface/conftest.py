"""One server for the tests of a module; see `tests.one_server`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from tests.one_server import admin, client, server
from tests.one_server import db as new_database

__all__ = ["admin", "client", "db", "new_database", "server"]


@pytest.fixture
def db(new_database: Database[dict[str, Any]]) -> Iterator[Database[dict[str, Any]]]:
    """Return an empty database. Afterwards, abort the transactions that a row left open: they would block the drop of the database."""
    yield new_database
    new_database.client.admin.command("killAllSessions", [])
