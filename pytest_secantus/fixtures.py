"""The public fixtures of the plugin. A fixture costs no time until a test requests it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from pytest_secantus.command_watch import watch_of
from pytest_secantus.errors import CannotStart
from pytest_secantus.guard import guard_of

if TYPE_CHECKING:
    from pymongo import AsyncMongoClient, MongoClient
    from pymongo.asynchronous.database import AsyncDatabase
    from pymongo.database import Database

    from pytest_secantus.certificates import Certificates
    from pytest_secantus.clock import ServerClock
    from pytest_secantus.commands import Commands
    from pytest_secantus.faults import Faults
    from pytest_secantus.roles import ClientsAs
    from pytest_secantus.worker import Worker
    from secantus_server.server import SecantusDBServer

__all__ = [
    "secantus_async_client",
    "secantus_async_db",
    "secantus_client",
    "secantus_client_as",
    "secantus_clock",
    "secantus_commands",
    "secantus_db",
    "secantus_faults",
    "secantus_reset",
    "secantus_server",
    "secantus_tls",
    "secantus_uri",
]

# Before 8.3, pytest caches the error of a fixture without its traceback.
_CACHES_TRACEBACKS: Final = pytest.version_tuple >= (8, 3)


@contextmanager
def start_failures_shown() -> Iterator[None]:
    """If the server cannot start within the block, fail with that error's sentence, without the frames of the plugin."""
    try:
        yield
    except CannotStart as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def secantus_server(pytestconfig: pytest.Config) -> Iterator[SecantusDBServer]:
    """The server of this process: .uri, .port, .snapshot(), .restore(snapshot), .checkpoint().

    Every xdist worker has its own server and storage. The server starts at first use and stops after the last test.
    """
    worker = guard_of(pytestconfig).worker
    with start_failures_shown():
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
def secantus_client(pytestconfig: pytest.Config, secantus_uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """A pymongo MongoClient on `secantus_server`, shared by all tests. Its close() does nothing. The writes of a test are undone after
    it.
    """
    from pytest_secantus.shared import SharedClient

    guard = guard_of(pytestconfig)
    with start_failures_shown():
        guard.worker.check_external()
    guard.shared_client = client = SharedClient(secantus_uri)
    yield client
    guard.shared_client = None
    client.close_for_good()


@pytest.fixture
def secantus_client_as(request: pytest.FixtureRequest, secantus_server: SecantusDBServer) -> Iterator[ClientsAs]:
    """A function that returns clients logged in as a user, secantus_client_as("name"), or with roles, secantus_client_as("read@shop")."""
    guard = guard_of(request.config)
    if not guard.worker.options.auth:
        raise pytest.UsageError("secantus_client_as needs a server with users; list them in the ini option secantus_auth")
    from pytest_secantus.roles import ClientsAs

    clients = ClientsAs(guard.worker, guard.users(request.node))
    yield clients
    clients.close()


@pytest.fixture
def secantus_db() -> Database[dict[str, Any]]:
    """A pymongo Database of `secantus_client` for one test: empty, or with the data that `secantus_seed` (marker or ini) loads."""
    raise AssertionError("set_up_database sets this fixture up")


def set_up_database(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Database[dict[str, Any]] | None:
    """Set up the fixture `secantus_db` in place of pytest, and return its value. Return None for another fixture with this function name.

    pytest would take about 60 microseconds longer: it creates three definitions of the fixture `request` for a fixture that requests it,
    and inspects the fixture's function.
    """
    if fixturedef.func.__module__ != __name__:
        return None
    __tracebackhide__ = True
    key = fixturedef.cache_key(request)  # type: ignore[arg-type]
    try:
        value = _database(request)
    except (Exception, pytest.fail.Exception, pytest.skip.Exception) as error:
        fixturedef.cached_result = (None, key, (error, error.__traceback__) if _CACHES_TRACEBACKS else error)  # type: ignore[assignment]
        raise
    fixturedef.cached_result = (value, key, None)
    guard_of(request.config).make_ready(fixturedef, request.config)
    return value


def _database(request: pytest.FixtureRequest) -> Database[dict[str, Any]]:
    """Return the database for the test that requests it."""
    guard = guard_of(request.config)
    # Not a fixture that `secantus_db` requests: each fixture costs every test about 50 microseconds.
    secantus_client = guard.client_of(request)
    worker = guard.worker
    if worker.options.isolation != "namespace":
        return secantus_client[worker.options.database]
    name = worker.new_database_name()
    # A generator fixture would make the tests of the other isolation modes slower.
    request.addfinalizer(lambda: _drop(worker.client, name) if worker.death() is None else None)
    worker.seeds.fill(guard.sources(request.node), name)
    return secantus_client[name]


#: How long the drop of a database waits for a transaction that uses it.
_DROP_PATIENCE_MS = 500


def _drop(client: MongoClient[dict[str, Any]], name: str) -> None:
    """Drop a test's database. First abort any transaction that the test has left open, because the drop would wait for it."""
    from pymongo.errors import ExecutionTimeout

    try:
        client[name].command("dropDatabase", maxTimeMS=_DROP_PATIENCE_MS)
    except ExecutionTimeout:
        client.admin.command({"killAllSessions": []})
        client.drop_database(name)


@pytest.fixture
def secantus_commands(request: pytest.FixtureRequest, secantus_server: SecantusDBServer) -> Commands:
    """The commands that any client has run since the test began: a sequence with .expect(3), .expect(at_most=5, name="find")."""
    return watch_of(request.config).commands()


@pytest.fixture
def secantus_async_client(request: pytest.FixtureRequest, secantus_uri: str) -> Iterator[AsyncMongoClient[dict[str, Any]]]:
    """A pymongo AsyncMongoClient on `secantus_server` for one test, bound to the asyncio loop that runs the test."""
    from pymongo import AsyncMongoClient

    from pytest_secantus.companions import check_loop
    from pytest_secantus.driver import stacks_omitted
    from pytest_secantus.loops import ClosedWithLoop

    check_loop(request)
    closer = ClosedWithLoop()
    with stacks_omitted():
        # Polling needs one connection of a monitor instead of two, which a client that exists for one test would open in vain.
        closer.client = AsyncMongoClient(secantus_uri, event_listeners=[closer], serverMonitoringMode="poll")
    yield closer.client
    closer.close()


@pytest.fixture
def secantus_async_db(
    secantus_async_client: AsyncMongoClient[dict[str, Any]], secantus_db: Database[dict[str, Any]]
) -> AsyncDatabase[dict[str, Any]]:
    """The database of `secantus_db`, as an object of pymongo's async API."""
    return secantus_async_client[secantus_db.name]


@pytest.fixture
def secantus_clock(request: pytest.FixtureRequest, secantus_server: SecantusDBServer) -> Iterator[ServerClock]:
    """The server's time: .freeze(), .set(datetime), .tick(seconds or timedelta). After the test, the server uses the system's time."""
    from pytest_secantus.clock import ServerClock

    worker = need_own_server(request)
    clock = ServerClock(secantus_server)
    yield clock
    if worker.death() is None:
        clock.restore()
        worker.follow_clock()


@pytest.fixture
def secantus_faults(request: pytest.FixtureRequest, secantus_server: SecantusDBServer) -> Iterator[Faults]:
    """Injection of faults into the server: .fail("insert", code=11600), .drop_connection(), .delay(), .write_concern_error(),
    .overload().

    The faults are deactivated at the end of the test, before its fixtures are torn down.
    """
    from pytest_secantus.faults import Faults

    guard = guard_of(request.config)
    need_own_server(request)
    faults = Faults(secantus_server)
    guard.at_end_of_call(faults.end)
    yield faults
    faults.end()


@pytest.fixture
def secantus_reset(request: pytest.FixtureRequest, secantus_server: SecantusDBServer) -> Callable[[], None]:
    """A function that undoes all writes since the test function began. The writes of the test's fixtures remain."""
    guard = guard_of(request.config)
    if guard.worker.options.isolation != "restore":
        raise pytest.UsageError(f"secantus_reset does not work with secantus_isolation = {guard.worker.options.isolation}; use restore")
    return guard.resetting().resetter()


def need_own_server(request: pytest.FixtureRequest) -> Worker:
    """Return the worker if the plugin runs its own server.

    Raises:
        pytest.UsageError: the server is an external one, which the fixture cannot control.
    """
    worker = guard_of(request.config).worker
    if worker.options.uri is not None:
        raise pytest.UsageError(f"{request.fixturename} needs the server of the plugin: leave out secantus_uri")
    return worker
