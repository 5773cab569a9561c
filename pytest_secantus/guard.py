"""The link between pytest and the snapshot layers. The guard tracks the running test, and opens and closes the layers of tests and
fixtures.

Each pytest configuration has one guard, and the guard has one worker. Hooks and fixtures obtain the guard from `guard_of`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_secantus.errors import ServerDied
from pytest_secantus.isolation import RANKS, TEARDOWN_RANK, TEST_RANK
from pytest_secantus.late_fixtures import LATE, NAME, ReadyDatabase
from pytest_secantus.options import check_compat, read_options
from pytest_secantus.worker import Worker, seed_error

if TYPE_CHECKING:
    from argparse import Namespace

    from pymongo import MongoClient

    from pytest_secantus.blocking import Blocking
    from pytest_secantus.command_watch import CommandWatch
    from pytest_secantus.dumping import DumpableServer
    from pytest_secantus.isolation import Layer
    from pytest_secantus.resetting import Resetting
    from pytest_secantus.seeding import Source
    from pytest_secantus.threads import ThreadGuard
    from pytest_secantus.users import User

SEED_MARKER = "secantus_seed"
AUTH_MARKER = "secantus_auth"
COMPAT_MARKER = "secantus_compat"
SERVER_FIXTURE = "secantus_server"


class Guard:
    """Opens and closes the snapshot layers of the tests and fixtures of one process."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        #: The command log of the same process; see `command_watch.watch_of`.
        self.watch: CommandWatch | None = None
        self._item: pytest.Item | None = None
        # The layers that were set aside for the running test; None if no test runs.
        self._aside: list[Layer] | None = None
        # Restores the server's release after a test whose marker set another one; None for the other tests.
        self._release: ExitStack | None = None
        self._teardowns: dict[pytest.FixtureDef[Any], ExitStack] = {}
        # The fixtures of a wider scope that were set up and not torn down yet.
        self._wider: set[pytest.FixtureDef[Any]] = set()
        # The fixtures that are known to have function scope, because pytest takes some time to tell the scope.
        self._narrow: set[pytest.FixtureDef[Any]] = set()
        self._armed = False
        self._pid = os.getpid()
        self._seed_error: Exception | None = None
        self._after_call: list[Callable[[], None]] = []
        self._cleanup = ExitStack()
        self._is_running = False
        # The test whose markers' users were created.
        self._has_users: pytest.Item | None = None
        #: Called at the end of each test, before its writes are undone.
        self.before_undo: list[Callable[[], None]] = []
        #: The client of the fixture `secantus_client`, unless the suite overrides that fixture.
        self.shared_client: MongoClient[dict[str, Any]] | None = None
        # The module or class whose tests use `shared_client`.
        self._client_users: pytest.Item | pytest.Collector | None = None
        # Provides `secantus_db` to the tests of `_client_users`; None until pytest has set the fixture up once.
        self._ready: ReadyDatabase | None = None
        # The following objects are created on first use.
        self._resetting: Resetting | None = None
        self._blocking: Blocking | None = None
        self._threads: ThreadGuard | None = None
        if worker.options.block:
            self._blocking = make_blocking(worker)
        if worker.options.guards_threads:
            self._guard_threads()

    def _guard_threads(self) -> None:
        from pytest_secantus.imports import when_imported
        from pytest_secantus.threads import ThreadGuard

        self._threads = ThreadGuard()
        self._cleanup.callback(self._threads.close)
        self._cleanup.enter_context(when_imported("pymongo", self._threads.register))

    def stop(self) -> None:
        """Stop everything that this guard started."""
        self._cleanup.close()
        self.worker.stop()

    def protocol(self, item: pytest.Item) -> AbstractContextManager[None] | None:
        """Return a context manager around a whole test that runs in a fork, or None for any other test."""
        return self._forked(item) if self.worker.running and is_forked(item) and not self.worker.serves_forks else None

    @contextmanager
    def _forked(self, item: pytest.Item) -> Generator[None]:
        """For a test that runs in a fork, load its seed and undo its writes in this process, because no server runs in the fork."""
        try:
            self.worker.seeds.prepare(self.sources(item))
        except Exception as error:  # noqa: BLE001  (a callable seed can raise any error; the fork reports it)
            self._seed_error = error
        try:
            with self.worker.answering_like(self._wanted_release(item)), self.worker.layers.writing(item, TEST_RANK):
                yield
        finally:
            self._seed_error = None
            self.worker.layers.close(item)
        self._refusal: str | None = None

    def begin_test(self, item: pytest.Item) -> None:
        """Attribute all writes from now on to this test, except while a fixture of a wider scope is being set up."""
        if os.getpid() != self._pid:
            self._pid = os.getpid()
            if not self.worker.serves_forks:
                self.worker.leave_to_parent()
        self.finish_test()
        self._refusal = self._reason_to_refuse()
        if self._refusal is None:
            self._begin(item)
            self._give_database(item)
            if self._blocking is not None:
                self._blocking.begin(item)

    def check_server(self) -> None:
        """Fail the setup of a test whose server has died. (An error raised in a hook wrapper would leave pytest's setup state
        incomplete.)
        """
        if self._refusal is not None:
            pytest.fail(self._refusal, pytrace=False)

    def test_is_set_up(self, item: pytest.Item) -> None:
        """Record that all fixtures are set up and that the test function will run next."""
        self._arm(item)
        if self._may_seed(item):
            try:
                self._prepare_seed(item)
            except seed_error() as error:
                pytest.fail(str(error), pytrace=False)
        self._is_running = True
        if self._resetting is not None:
            self._resetting.begin()

    def call(self, item: pytest.Item) -> AbstractContextManager[None] | None:
        """Return a context manager that resets the databases before each part of the test function, or None without ``secantus_reset``."""
        worker = self.worker
        is_asked_for = bool(worker.options.reset) or self._resetting is not None
        return self.resetting().call(item) if is_asked_for and worker.running and not worker.is_left_to_parent else None

    def client_of(self, request: pytest.FixtureRequest) -> MongoClient[dict[str, Any]]:
        """Return the value of the fixture `secantus_client` for a test.

        The suite may override this fixture. All tests of a module or class get the same client, except for tests that request the fixture
        by name or parametrize it.
        """
        item = request.node
        if item.parent is not self._client_users or self.shared_client is None or any(name in item.fixturenames for name in LATE):
            client: MongoClient[dict[str, Any]] = request.getfixturevalue("secantus_client")
            self._client_users = item.parent if client is self.shared_client else None
            return client
        return self.shared_client

    def make_ready(self, definition: pytest.FixtureDef[Any], config: pytest.Config) -> None:
        """Let later tests have `secantus_db` without its setup, now that pytest has set it up once.

        Arguments:
            definition: the definition of `secantus_db`.
        """
        if self._ready is None and self.worker.options.isolation == "restore":
            self._ready = ReadyDatabase(definition, self.worker.options.database, config)

    def _give_database(self, item: pytest.Item) -> None:
        """Provide `secantus_db` to a test whose module or class uses the shared client, if no seed has to be loaded before."""
        ready, client = self._ready, self.shared_client
        if ready is None or client is None or item.parent is not self._client_users or self.worker.has_seeds:
            return
        if NAME in getattr(item, "fixturenames", ()) and self._exchanges_seeds and not has_marker(item, SEED_MARKER, AUTH_MARKER):
            ready.give(item, client)

    def resetting(self) -> Resetting:
        """Return the object that resets databases in the middle of tests."""
        if self._resetting is None:
            from pytest_secantus.resetting import Resetting

            self._resetting = Resetting(self.worker, is_running=self._is_running)
        return self._resetting

    def at_end_of_call(self, action: Callable[[], None]) -> None:
        """Call `action` at the end of the test function, before any fixture is torn down."""
        self._after_call.append(action)

    def keep_failure(self, item: pytest.Item, report: pytest.TestReport, commands: Callable[[], list[str]]) -> None:
        """With ``--secantus-dump``, write the databases of a failed test, and add its changes to the report.

        Arguments:
            commands: returns the commands of the test in mongosh syntax.
        """
        worker = self.worker
        if worker.options.dump is None or not worker.running or worker.is_left_to_parent or worker.death():
            return
        from pytest_secantus.dumping import TITLE, keep

        server = cast("DumpableServer", worker.server)
        text = keep(server, worker.layers.snapshot_of(item), worker.options.dump, worker.options.dump_format, item.nodeid, commands())
        report.sections.append((TITLE, text))

    def add_hint(self, report: pytest.TestReport | pytest.CollectReport, error: BaseException) -> None:
        """Add a hint to a report if the error is about an unreachable server while our server is running."""
        if self.worker.running and report.outcome == "failed":
            from pytest_secantus.hints import TITLE, hint

            if (text := hint(error, self.worker.target())) is not None:
                report.sections.append((TITLE, text))

    def pause(self, node: pytest.Item | pytest.Collector, report: pytest.TestReport) -> None:
        """With ``--secantus-pause`` or ``--secantus-console``, deactivate all faults after a failure, and wait until the user continues."""
        worker, options = self.worker, self.worker.options
        if (options.pause or options.console) and worker.running and not worker.is_left_to_parent and not worker.death():
            self.end_call()
            if options.console:
                from pytest_secantus.console_view import pause_in_console

                pause_in_console(self, node, report)
                return
            from pytest_secantus.pausing import pause

            pause(node, report, worker.server.uri, worker.options.database)

    def end_call(self) -> None:
        """Run the actions that were passed to `at_end_of_call`, the last one first."""
        with suppress(ServerDied), ExitStack() as actions:  # its death is reported at the end of the test
            while self._after_call:
                actions.callback(self._after_call.pop(0))

    def begin_teardown(self) -> None:
        """Run the actions of `at_end_of_call`. If the setup failed before a fixture could add the test's finalizer, also close the test's
        layer.
        """
        self._is_running = False
        if self._resetting is not None:
            self._resetting.end()
        if self._blocking is not None:
            self._blocking.end()
        if self._after_call:
            self.end_call()
        if not self._armed:
            self.finish_test()

    def finish_test(self) -> None:
        """Undo the test's writes. Do nothing if they were already undone, or if no test is running."""
        item, self._item = self._item, None
        self._has_users = None
        if self._ready is not None and self._ready.is_given:
            self._ready.take_back()
        if item is not None:
            try:
                for call in self.before_undo:
                    call()
                if self._release is not None:
                    release, self._release = self._release, None
                    release.close()
                if (aside := self._aside) is not None:
                    self._aside = None
                    self.worker.layers.end(item, aside)
                else:
                    self.worker.layers.close(item)
            except ServerDied as error:
                raise pytest.fail.Exception(self._after_death(str(error)), pytrace=False) from None
            if death := self.worker.death():
                pytest.fail(self._after_death(death), pytrace=False)
            if self._threads is not None:
                self._warn_of_threads(item, self._threads)

    @contextmanager
    def _outside_test(self) -> Generator[None]:
        """Within the block, in which a wider-scope fixture is set up, suspend everything that applies only to the test."""
        with ExitStack() as stack:
            if self._blocking is not None:
                stack.enter_context(self._blocking.lifted())
            if self._threads is not None:
                stack.enter_context(self._threads.wider())
            stack.enter_context(self.worker.answering_like(None))
            yield

    def _warn_of_threads(self, item: pytest.Item, threads: ThreadGuard) -> None:
        """With ``secantus_thread_guard``, warn about writes by threads that earlier tests left running."""
        from pytest_secantus.threads import LeftThreadWarning

        for message in threads.end_test(item.nodeid):
            item.warn(LeftThreadWarning(message))

    def fixture_setup(self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> AbstractContextManager[None] | None:
        """Return a context manager that attributes a fixture's writes to the fixture, or None if the writes belong to the test.

        For a fixture of function scope, also load the test's seed. If loading fails, the context manager makes the fixture fail.
        """
        if fixturedef.argname == SERVER_FIXTURE:
            return tried_again(fixturedef, request)
        if fixturedef not in self._narrow:
            if fixturedef.scope != "function":
                self._wider.add(fixturedef)
                return self._wider_setup(fixturedef)
            self._narrow.add(fixturedef)
        item = self._item or request.node
        if not self._armed:
            self._arm(item)
        return self._seeded(fixturedef, item) if self._may_seed(item) else None

    @contextmanager
    def _wider_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None]:
        """Within the block, attribute writes to a fixture that outlives the test."""
        try:
            with self._outside_test(), self.worker.layers.writing(fixturedef, RANKS[fixturedef.scope]):
                yield
        except BaseException:
            self.worker.layers.close(fixturedef)
            raise
        finally:
            fixturedef.addfinalizer(partial(self._begin_fixture_teardown, fixturedef))

    def fixture_finished(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Undo a fixture's writes after its teardown."""
        if fixturedef not in self._wider:
            return
        self._wider.remove(fixturedef)
        if teardown := self._teardowns.pop(fixturedef, None):
            teardown.close()
        self.worker.layers.close(fixturedef)
        self.worker.bereft.discard(fixturedef)

    def _wanted_release(self, item: pytest.Item) -> str | None:
        """Return the MongoDB release in the test's closest marker, or None. Record an error in the marker for `check_server`, which
        reports it.
        """
        if not has_marker(item, COMPAT_MARKER) or (marker := item.get_closest_marker(COMPAT_MARKER)) is None:
            return None
        try:
            if self.worker.options.uri:
                raise pytest.UsageError("secantus_compat: the marker cannot be combined with secantus_uri")
            if len(marker.args) != 1 or marker.kwargs:
                raise pytest.UsageError('secantus_compat: name one release, such as secantus_compat("9.0")')
            return check_compat(marker.args[0])
        except pytest.UsageError as error:
            self._refusal = str(error)
            return None

    def sources(self, item: pytest.Item) -> list[Source]:
        """Return the seeds named by a test's markers: first the module's, then the class's, then its own."""
        markers = list(reversed(list(item.iter_markers(SEED_MARKER))))
        if not markers:
            return []
        from pytest_secantus.seeding import SeedError, find_source

        directories = [item.path.parent, item.config.rootpath, *self.worker.options.seed]
        if named := [name for marker in markers for name in marker.kwargs]:
            raise SeedError(f"secantus_seed: pass sources as positional arguments, not as {named[0]}=")
        if not all(marker.args for marker in markers):
            raise SeedError("secantus_seed: the marker names no source, such as a file or a directory")
        given = [source for marker in markers for argument in marker.args for source in flatten(argument)]
        return [find_source(source, directories) for source in given]

    def users(self, item: pytest.Item) -> list[User]:
        """Return the users named by a test's markers: first the module's, then the class's, then its own.

        Raises:
            pytest.UsageError: a marker does not name a user, or the server does not require authentication.
        """
        markers = list(reversed(list(item.iter_markers(AUTH_MARKER))))
        if not markers:
            return []
        from pytest_secantus.users import make_user

        if not self.worker.options.auth:
            raise pytest.UsageError("secantus_auth: the marker needs a server with users; list them in the ini option secantus_auth")
        try:
            return [make_user(marker.args) for marker in markers]
        except ValueError as error:
            raise pytest.UsageError(f"secantus_auth: {error}") from error

    def _begin(self, item: pytest.Item) -> None:
        try:
            if self.worker.has_seeds and self._exchanges_seeds and not has_marker(item, SEED_MARKER):
                self.worker.seeds.prepare([])
            self._item = item
            self._armed = False
            self._aside = self.worker.layers.begin(item, TEST_RANK)
            release = self._wanted_release(item)
            if release is not None:
                self._release = ExitStack()
                self._release.enter_context(self.worker.answering_like(release))
        except ServerDied as death:
            self._item = None
            self._refusal = self._after_death(str(death))

    def _reason_to_refuse(self) -> str | None:
        """Return why a test cannot run, or None if it can.

        A test cannot run if its server died, or if the replacement server lacks the writes of a fixture that is still set up.
        """
        if death := self.worker.death():
            return self._after_death(death)
        if not self.worker.bereft:
            return None
        names = ", ".join(sorted(getattr(one, "argname", str(one)) for one in self.worker.bereft))
        return f"Secantus: the server died during an earlier test, and the writes of these fixtures are lost: {names}"

    def _after_death(self, death: str) -> str:
        """Start a new server for the next test, and return a description of how the previous server ended."""
        if self.worker.death():
            self.worker.replace_server()
        return f"Secantus: {death}; its data is lost, and the next test gets a new server"

    def _begin_fixture_teardown(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Make sure that the writes of a fixture's teardown are undone, even if its setup wrote nothing.

        This finalizer runs before the fixture's own finalizers, because pytest runs the last added finalizer first.
        """
        layers, owner = self.worker.layers, ("teardown", fixturedef)
        teardown = self._teardowns[fixturedef] = ExitStack()
        if not layers.is_innermost(fixturedef):
            teardown.callback(layers.close, owner)
            teardown.enter_context(layers.writing(owner, TEARDOWN_RANK))

    def _arm(self, item: pytest.Item) -> None:
        """Add the finalizer that ends the test. It is added before the test's own fixtures are set up, so pytest runs it after their
        teardown.
        """
        if not self._armed and item is self._item:
            self._armed = True
            item.addfinalizer(self.finish_test)

    def _seeded(self, fixturedef: pytest.FixtureDef[Any], item: pytest.Item) -> AbstractContextManager[None] | None:
        """Load the seed before a fixture is set up. Return None, or, if loading fails, a context manager that makes the fixture fail.

        An error raised directly from this method would leave an incomplete fixture in pytest.
        """
        try:
            self._prepare_seed(item)
        except Exception as error:  # noqa: BLE001  (a callable seed can raise any error)
            return failing(fixturedef, error)
        return None

    @property
    def _exchanges_seeds(self) -> bool:
        """Whether this process loads and exchanges seeds: a server runs, and this is not a fork whose parent does it instead."""
        return self.worker.running and not self.worker.is_left_to_parent

    def _may_seed(self, item: pytest.Item) -> bool:
        """Return whether `_prepare_seed` may have something to do."""
        return self._seed_error is not None or self.worker.has_seeds or has_marker(item, SEED_MARKER, AUTH_MARKER)

    def _prepare_seed(self, item: pytest.Item) -> None:
        if self._seed_error is not None:
            raise self._seed_error
        if self._exchanges_seeds and item is self._item:
            if self.worker.has_seeds or has_marker(item, SEED_MARKER):
                self.worker.seeds.prepare(self.sources(item))
            if self._has_users is not item and has_marker(item, AUTH_MARKER) and (users := self.users(item)):
                from pytest_secantus.users import create_users

                self._has_users = item
                try:
                    create_users(self.worker.client, users)
                except ValueError as error:
                    raise pytest.UsageError(f"secantus_auth: {error}") from error


def make_blocking(worker: Worker) -> Blocking:
    """Return the object that blocks access to the server during tests."""
    from pytest_secantus.blocking import Blocking

    return Blocking(worker)


@contextmanager
def failing(fixturedef: pytest.FixtureDef[Any], error: Exception) -> Generator[None]:
    """Make a fixture's setup raise `error` within the block."""
    original = fixturedef.func
    fixturedef.func = partial(fail, error)  # type: ignore[misc]
    try:
        yield
    finally:
        fixturedef.func = original  # type: ignore[misc]


@contextmanager
def tried_again(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Generator[None]:
    """Tear down a fixture if its setup fails within the block, so that pytest tries the setup again for the next test.

    Otherwise pytest would raise the cached failure, such as a timeout, for every later test.
    """
    try:
        yield
    except BaseException:
        fixturedef.finish(request)  # type: ignore[arg-type]
        raise


def has_marker(item: pytest.Item, *names: str) -> bool:
    """Return whether a test, or a class, module or directory that contains it, has one of the named markers."""
    node: Any = item
    while node is not None:
        # Most nodes have none, and each test asks several times.
        if node.own_markers:
            for mark in node.own_markers:
                if mark.name in names:
                    return True
        node = node.parent
    return False


def is_forked(item: pytest.Item) -> bool:
    """Return whether pytest-forked runs this test in a fork."""
    return bool(item.config.getoption("forked", False)) or item.get_closest_marker("forked") is not None


def fail(error: Exception, **_arguments: object) -> None:
    """Raise an error of a seed. This function replaces the function of a fixture."""
    raise error


def flatten(argument: object) -> list[object]:
    """Return a marker's argument, which is one source or a list of sources, as a list.

    A callable must be given in a list, because pytest would treat a single function as the test to decorate.
    """
    return [source for item in argument for source in flatten(item)] if isinstance(argument, (list, tuple)) else [argument]


GUARD = pytest.StashKey[Guard]()


def guard_of(config: pytest.Config, given: Namespace | None = None) -> Guard:
    """Return the guard of this configuration. Create the guard on first use.

    Arguments:
        given: the command-line options. Required only while `config.option` is incomplete.

    Raises:
        pytest.UsageError: an option is invalid.
    """
    guard = config.stash.get(GUARD, None)
    if guard is None:
        guard = config.stash[GUARD] = Guard(Worker(read_options(config, given or config.option)))
        config.add_cleanup(guard.stop)
    return guard
