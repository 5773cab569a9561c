"""Support for Django's MongoDB backend: at the end of each test, restore a snapshot instead of running Django's flush.

The backend tells Django that the database has no transactions. Django therefore flushes each collection after each test, and recreates
content types and permissions. With pytest, ``-p pytest_secantus.django`` disables the flush, since the plugin isolates the tests.

`TestRunner` is for ``manage.py test``. It starts a server and restores it after each test. With ``--parallel``, each process gets its own
server with a copy of the test databases.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from django.conf import settings
from django.db import connections
from django.test.runner import DiscoverRunner, ParallelTestSuite
from django.test.runner import _init_worker as begin_worker
from django.test.testcases import TransactionTestCase
from pymongo import MongoClient

from pytest_secantus.guard import guard_of
from pytest_secantus.seeding import dump, read_path, save, write

if TYPE_CHECKING:
    from secantus_server.server import SecantusDBServer

#: The environment variable with the directory of the test databases for the processes of ``--parallel``.
CLONES = "SECANTUS_DJANGO_CLONES"


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Disable the flush after each test for the databases that the plugin isolates.

    Raises:
        pytest.UsageError: the plugin does not isolate the whole suite.
    """
    options = guard_of(session.config).worker.options
    if not options.active or options.isolation != "restore":
        raise pytest.UsageError("pytest_secantus.django needs --secantus, with secantus_isolation = restore")
    ports = PortOfAlias(lambda: guard_of(session.config).worker.server.port)
    session.config.add_cleanup(replace_flush(ports.are_ours, lambda: None))


class PortOfAlias:
    """Decides which databases in Django's settings are on the plugin's server.

    Arguments:
        port: returns the server's port.
    """

    def __init__(self, port: Callable[[], int]) -> None:
        self._port = port
        self._answers: dict[tuple[str, int], bool] = {}

    def are_ours(self, aliases: Iterable[str]) -> bool:
        """Return whether all databases are on the plugin's server. Answers are cached, because a redirected client reports a different
        address.
        """
        return all(self._is_ours(alias) for alias in aliases)

    def _is_ours(self, alias: str) -> bool:
        connection = connections[alias]
        if connection.vendor != "mongodb":
            return False
        port = self._port()
        if (alias, port) not in self._answers:
            connection.ensure_connection()
            host = connection.connection.admin.command("serverStatus")["host"]
            self._answers[alias, port] = host.endswith(f":{port}")
        return self._answers[alias, port]


def replace_flush(applies: Callable[[Iterable[str]], bool], restore: Callable[[], object]) -> Callable[[], None]:
    """Make Django call `restore` instead of the flush after a test. Return a function that reverts this.

    Arguments:
        applies: returns whether databases with these aliases may be restored instead of flushed.
    """
    original = TransactionTestCase._fixture_teardown

    def fixture_teardown(test: Any) -> None:
        if applies(test._databases_names(include_mirrors=False)):
            restore()
        else:
            original(test)

    def undo() -> None:
        TransactionTestCase._fixture_teardown = original

    TransactionTestCase._fixture_teardown = fixture_teardown
    return undo


def aliases() -> list[str]:
    """Return the aliases of the databases in the settings that use MongoDB."""
    return [alias for alias in connections if connections[alias].vendor == "mongodb"]


def start_server(stack: ExitStack) -> SecantusDBServer:
    """Start a server for this process, and connect the databases in the settings to it."""
    from secantus_server.server import SecantusDBServer

    server = stack.enter_context(SecantusDBServer(port=0, storage_path=":memory:"))
    for alias in aliases():
        connection = connections[alias]
        connection.close_pool()
        for settings_of_alias in (connection.settings_dict, settings.DATABASES[alias]):
            settings_of_alias.update(HOST=server.uri, PORT="", USER="", PASSWORD="")
    return server


def restore_after_tests(server: SecantusDBServer) -> Callable[[], None]:
    """Restore the server's present contents after each test from now on. Return a function that stops this."""
    base = server.snapshot()
    ours = aliases()
    return replace_flush(lambda names: set(names) <= set(ours), lambda: server.restore(base))


def begin_cloned_worker(*args: Any, **kwargs: Any) -> None:
    """Start a server in a worker process of ``--parallel``, and fill it with the contents of the test databases."""
    begin_worker(*args, **kwargs)
    server = start_server(ExitStack())
    with MongoClient[dict[str, Any]](server.uri) as client:
        for alias in aliases():
            contents = read_path(Path(os.environ[CLONES]) / alias)
            write(contents, client, connections[alias].settings_dict["NAME"])
    restore_after_tests(server)


class ClonedSuite(ParallelTestSuite):  # type: ignore[misc]
    """The test suite class for ``--parallel``. It initializes each worker process with `begin_cloned_worker`."""

    init_worker = begin_cloned_worker


class TestRunner(DiscoverRunner):  # type: ignore[misc]
    """A test runner that starts its own server. To use it, set ``TEST_RUNNER = "pytest_secantus.django.TestRunner"``."""

    __test__ = False
    parallel: int
    parallel_test_suite = ClonedSuite

    def setup_databases(self, **kwargs: Any) -> Any:
        """Start the server, create the test databases on it, and save their contents for the worker processes of ``--parallel``."""
        self._stack = ExitStack()
        server = start_server(self._stack)
        parallel, self.parallel = self.parallel, 0  # the backend cannot clone a database
        try:
            config = super().setup_databases(**kwargs)
        finally:
            self.parallel = parallel
        if parallel > 1:
            self._keep_contents(Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="secantus-django-"))))
        self._stack.callback(restore_after_tests(server))
        return config

    def teardown_databases(self, old_config: Any, **kwargs: Any) -> None:
        """Stop the server, which also deletes the test databases."""
        for alias in aliases():
            connections[alias].close_pool()
        others = [entry for entry in old_config if entry[0].vendor != "mongodb"]
        self._stack.close()
        super().teardown_databases(others, **kwargs)

    @staticmethod
    def _keep_contents(directory: Path) -> None:
        os.environ[CLONES] = str(directory)
        for alias in aliases():
            (directory / alias).mkdir()
            connections[alias].ensure_connection()
            save({None: dict(dump(cast("Any", connections[alias].database)))}, directory / alias)
