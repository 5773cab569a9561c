"""The public fixtures. A fixture costs nothing until a test requests it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_secantus.guard import guard_of

if TYPE_CHECKING:
    from pymongo import AsyncMongoClient, MongoClient
    from pymongo.asynchronous.database import AsyncDatabase
    from pymongo.database import Database

    from pytest_secantus.certificates import Certificates
    from pytest_secantus.roles import ClientsAs
    from secantus_server.server import SecantusDBServer

__all__ = [
    "secantus_async_client",
    "secantus_async_db",
    "secantus_client",
    "secantus_client_as",
    "secantus_db",
    "secantus_server",
    "secantus_tls",
    "secantus_uri",
]


@pytest.fixture(scope="session")
def secantus_server(pytestconfig: pytest.Config) -> Iterator[SecantusDBServer]:
    """The server of this process: .uri, .port, .snapshot(), .restore(snapshot), .checkpoint().

    Every xdist worker has its own server and storage. The server starts at first use and stops after the last test.
    """
    worker = guard_of(pytestconfig).worker
    worker.start()
    yield cast("SecantusDBServer", worker.server)
    if not worker.for_suite:
        worker.stop()


@pytest.fixture(scope="session")
def secantus_uri(pytestconfig: pytest.Config, secantus_server: SecantusDBServer) -> str:
    """The connection string of `secantus_server`, for an application that creates its own clients."""
    return guard_of(pytestconfig).worker.uri


@pytest.fixture(scope="session")
def secantus_tls(pytestconfig: pytest.Config, secantus_server: SecantusDBServer) -> Certificates:
    """The certificates of a run with secantus_tls: .ca_file, .client(name) with .file and .subject, .options()."""
    tls = guard_of(pytestconfig).worker.tls
    if tls is None:
        raise pytest.UsageError("secantus_tls: there are no certificates; set secantus_tls = yes (or mutual) in the ini file")
    return tls


@pytest.fixture(scope="session")
def secantus_client(secantus_uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """A pymongo MongoClient on `secantus_server`, shared by all tests; its close() does nothing. A test's writes are undone after it."""
    from pytest_secantus.shared import SharedClient

    client = SharedClient(secantus_uri)
    yield client
    client.close_for_good()


@pytest.fixture
def secantus_client_as(request: pytest.FixtureRequest, secantus_server: SecantusDBServer) -> Iterator[ClientsAs]:
    """Makes clients on a server with users: secantus_client_as("name"), or with roles, as in secantus_client_as("read@shop")."""
    guard = guard_of(request.config)
    if not guard.worker.options.auth:
        raise pytest.UsageError("secantus_client_as needs a server with users; list them in the ini option secantus_auth")
    from pytest_secantus.roles import ClientsAs

    clients = ClientsAs(guard.worker, guard.users(request.node))
    yield clients
    clients.close()


@pytest.fixture
def secantus_db(request: pytest.FixtureRequest, secantus_client: MongoClient[dict[str, Any]]) -> Iterator[Database[dict[str, Any]]]:
    """A pymongo Database for one test: empty, or with the data that `secantus_seed` (marker or ini) loads."""
    guard = guard_of(request.config)
    worker = guard.worker
    if worker.options.isolation != "namespace":
        yield secantus_client[worker.options.database]
        return
    name = worker.new_database_name()
    try:
        worker.seeds.fill(guard.sources(request.node), name)
        yield secantus_client[name]
    finally:
        if worker.death() is None:
            _drop(worker.client, name)


#: How long the drop of a database waits for a transaction that uses it.
_DROP_PATIENCE_MS = 500


def _drop(client: MongoClient[dict[str, Any]], name: str) -> None:
    """Drop a test's database; abort a transaction that the test has left open, which the drop would wait for."""
    from pymongo.errors import ExecutionTimeout

    try:
        client[name].command("dropDatabase", maxTimeMS=_DROP_PATIENCE_MS)
    except ExecutionTimeout:
        client.admin.command({"killAllSessions": []})
        client.drop_database(name)


@pytest.fixture
def secantus_async_client(request: pytest.FixtureRequest, secantus_uri: str) -> Iterator[AsyncMongoClient[dict[str, Any]]]:
    """A pymongo AsyncMongoClient on `secantus_server` for one test. It works on the asyncio loop that runs the test."""
    from pymongo import AsyncMongoClient

    from pytest_secantus.companions import check_loop
    from pytest_secantus.loops import ClosedWithLoop

    check_loop(request)
    closer = ClosedWithLoop()
    closer.client = AsyncMongoClient(secantus_uri, event_listeners=[closer])
    yield closer.client
    closer.close()


@pytest.fixture
def secantus_async_db(
    secantus_async_client: AsyncMongoClient[dict[str, Any]], secantus_db: Database[dict[str, Any]]
) -> AsyncDatabase[dict[str, Any]]:
    """The database of `secantus_db`, through pymongo's async API."""
    return secantus_async_client[secantus_db.name]
