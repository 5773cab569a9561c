"""A server with access control, and clients of users with certain roles."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from secantus_server.server import SecantusDBServer

PASSWORD = "correct horse"
_numbers = itertools.count()

LogIn = Callable[..., MongoClient[dict[str, Any]]]


def connect(
    server: SecantusDBServer, user: str, password: str = PASSWORD, db: str = "admin", **options: Any
) -> MongoClient[dict[str, Any]]:
    """Return a client that logs in as a user."""
    # SCRAM-SHA-1 needs the fewest iterations.
    given = {"authMechanism": "SCRAM-SHA-1", "retryWrites": False, "retryReads": False, **options}
    return MongoClient(server.uri, username=user, password=password, authSource=db, **given)


def code(db: Database[Any], command: dict[str, Any]) -> int | None:
    """Return the code with which a command fails; None if it succeeds."""
    try:
        db.command(command)
    except OperationFailure as error:
        return error.code
    return None


@pytest.fixture(scope="module")
def guarded() -> Iterator[SecantusDBServer]:
    """Start a server whose only user is the superuser `root`."""
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", require_auth=True) as running:
        with MongoClient(running.uri) as client:
            client.admin.command("createUser", "root", pwd=PASSWORD, roles=["root"])
        yield running


@pytest.fixture(scope="module")
def root(guarded: SecantusDBServer) -> Iterator[MongoClient[dict[str, Any]]]:
    with connect(guarded, "root") as client:
        client.admin.command("setParameter", 1, scramIterationCount=5000)
        yield client


@pytest.fixture
def log_in(guarded: SecantusDBServer, root: MongoClient[dict[str, Any]]) -> Iterator[LogIn]:
    """Create a user with roles, and return a client that has logged in."""
    with ExitStack() as opened:

        def create(*roles: Any, db: str = "admin", **options: Any) -> MongoClient[dict[str, Any]]:
            name = f"user{next(_numbers)}"
            root[db].command("createUser", name, pwd=PASSWORD, roles=list(roles), mechanisms=["SCRAM-SHA-1"])
            opened.callback(root[db].command, "dropUser", name)
            return opened.enter_context(connect(guarded, name, db=db, **options))

        yield create
