"""The state of one pytest process: its options, its server, and everything that depends on the server. This module is independent of
pytest.

The server starts on first use, through a fixture or ``--secantus``. Expensive modules are imported only at that time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Hashable
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from pytest_secantus.errors import CannotStart
from pytest_secantus.isolation import SEED_RANK, Layers
from pytest_secantus.options import MEMORY, Options

if TYPE_CHECKING:
    from pymongo import MongoClient

    from pytest_secantus.certificates import Certificates
    from pytest_secantus.child import ChildServer
    from pytest_secantus.clock import TimedServer
    from pytest_secantus.external import ExternalServer
    from pytest_secantus.follow import Follower
    from pytest_secantus.redirect import Redirect
    from pytest_secantus.seeds import Seeds
    from pytest_secantus.store import SnapshotStore
    from pytest_secantus.users import User
    from pytest_secantus.xdist import RunDirectory
    from secantus_server.server import SecantusDBServer

    AnyServer: TypeAlias = SecantusDBServer | ChildServer | ExternalServer

OLDEST_DRIVER = (4, 9)


class Worker:
    """The state of one pytest process: its options, its server, and everything that depends on the server."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.layers = Layers()
        self._server: AnyServer | None = None
        # Describes how the server's child process ended; None for a server without one. Each test calls it several times.
        self._death: Callable[[], str | None] | None = None
        self._client: MongoClient[dict[str, Any]] | None = None
        self._run_directory: RunDirectory | None = None
        self._seeds: Seeds | None = None
        self._follower: Follower | None = None
        self._tls: Certificates | None = None
        self._names = 0
        self._release: str | None = None
        self._has_other_release = False
        self._cleanup = ExitStack()
        self.for_suite = False
        self.is_left_to_parent = False
        self.redirect: Redirect | None = None
        self.logins_elsewhere = 0
        #: The fixtures that are still set up although their writes were lost with a server that died.
        self.bereft: set[Hashable] = set()
        #: Called after each start of a server.
        self.when_started: list[Callable[[], None]] = []
        #: Called before a server stops.
        self.when_stopping: list[Callable[[], None]] = []

    @property
    def running(self) -> bool:
        """Whether the server is running."""
        return self._server is not None

    @property
    def server(self) -> AnyServer:
        """The running server, which may be an external one."""
        assert self._server is not None
        return self._server

    @property
    def server_here(self) -> SecantusDBServer | None:
        """The running server if it is in this process, otherwise None."""
        return cast("SecantusDBServer", self._server) if hasattr(self._server, "connect_directly") else None

    @property
    def uri(self) -> str:
        """The connection string of the running server, with the options that its clients need."""
        return self.uri_as(self.options.auth[0] if self.options.auth else None)

    def uri_as(self, user: User | None) -> str:
        """Return the connection string with a user's credentials, or without credentials if `user` is None."""
        uri = self.server.uri if self._tls is None else self._tls.add_to(self.server.uri)
        return uri if user is None else user.add_to(uri)

    @property
    def tls(self) -> Certificates | None:
        """The certificates of the running server, or None if its clients do not use TLS."""
        return self._tls

    def start(self) -> None:
        """Start the server if it is not running, and load the base seeds.

        Raises:
            CannotStart: the driver, the storage directory or a seed is unusable.
        """
        if self._server is not None:
            return
        from pytest_secantus.imports import collections_held, with_stack

        with collections_held():
            with_stack(self._check_and_start)

    def _check_and_start(self) -> None:
        """Start the server, and raise CannotStart if that is not possible."""
        if not self.for_suite:
            check_driver()
        try:
            self._start()
        except seed_error() as error:
            raise CannotStart(str(error)) from error
        except start_errors() as error:
            raise CannotStart(f"{self._told()}: the server cannot be started: {error}") from error

    def check_external(self) -> None:
        """Check that an external server responds. `start` does not check this, because the check imports the driver (see `imports`).

        Raises:
            CannotStart: the server does not respond.
        """
        if self.options.uri is not None:
            from pytest_secantus.external import ExternalServer

            ExternalServer(self.options.uri).check()

    def _start(self) -> None:
        from pytest_secantus.xdist import sweep_if_there

        sweep_if_there(self._base())
        server = self._make_server()
        try:
            self._cleanup.callback(self._stop_server)
            self._server, self._death = server, getattr(server, "death", None)
            server.start()
            self._connect_directly()
            self._fill()
            self._tell_started()
        except BaseException:
            self._cleanup.close()
            raise

    def _connect_directly(self) -> None:
        """Connect the clients of this process to the server without sockets, if it runs in this process and the options allow it."""
        options = self.options
        if options.transport == "direct" and not options.auth and options.tls == "no" and self.server_here is not None:
            from pytest_secantus.direct import DirectClients
            from pytest_secantus.imports import when_imported

            clients = DirectClients(self)
            self._cleanup.callback(clients.close)
            self._cleanup.enter_context(when_imported("pymongo", clients.connect_all))

    def _tell_started(self) -> None:
        for call in self.when_started:
            call()

    def _fill(self) -> None:
        """Set the release and the clock, create the users, load the seeds, and attach the snapshot layers.

        Creating users and loading seeds imports the driver (see `imports` for the consequences).
        """
        self._present()
        self.follow_clock()
        if self.options.auth:
            self._create_users()
        if self.options.seed:
            self.seeds.load_base()
        if self.options.isolation == "restore":
            store = cast("SnapshotStore", self.server)
            if self.options.keep_definitions:
                store.keep_definitions()
            self.layers.attach(store)

    @contextmanager
    def answering_like(self, release: str | None) -> Generator[None]:
        """Make the server emulate a release of MongoDB within the block, even if the server starts within it. None means the release of
        the run.
        """
        before, self._release = self._release, release
        try:
            self._present()
            yield
        finally:
            self._release = before
            if self.death() is None:
                self._present()

    def _present(self) -> None:
        """Make a running server emulate the chosen release. Do nothing for an external server, which cannot emulate a release."""
        if self._server is None or self.is_left_to_parent or (self._release is None and not self._has_other_release):
            return
        from secantus_server.version import MONGODB_8_2

        own = self.options.settings.get("compat", MONGODB_8_2.name)
        cast("SecantusDBServer", self._server).present(self._release or own)
        self._has_other_release = self._release is not None

    def follow_clock(self) -> None:
        """With ``secantus_clock = follow``, set the server's clock to the test's time, and make it follow that time from now on."""
        if not self.options.follows_clock:
            return
        if self._follower is None:
            from pytest_secantus.follow import Follower

            self._follower = Follower(lambda: cast("TimedServer | None", self._server))
            self._cleanup.enter_context(self._follower.following())
            self._cleanup.callback(self._forget_follower)
        self._follower.follow()

    def _forget_follower(self) -> None:
        self._follower = None

    def _create_users(self) -> None:
        """Create the users of secantus_auth. The first user has the role root, and is created without authentication.

        Raises:
            CannotStart: the server refuses a user.
        """
        from pymongo import MongoClient

        from pytest_secantus.users import create_users

        root = next(user for user in self.options.auth if user.is_root)
        try:
            with MongoClient[dict[str, Any]](self.uri_as(None)) as nobody:
                create_users(nobody, [root])
            create_users(self.client, [user for user in self.options.auth if user is not root])
        except ValueError as error:
            raise CannotStart(f"secantus_auth: {error}") from error

    @property
    def serves_forks(self) -> bool:
        """Whether forks of this process can also use the server."""
        return getattr(self._server, "serves_forks", False)

    def death(self) -> str | None:
        """Describe how the server's child process ended. Return None while it is running, and if the server has no child process."""
        return None if self._death is None else self._death()

    def replace_server(self) -> None:
        """Start a new server on the same port to replace a server that has died, and load the base seeds."""
        server = cast("ChildServer", self.server)
        self.bereft |= self.layers.owners_below(SEED_RANK)
        self.layers.detach()
        self._close_client()
        self._seeds = None
        server.stop()
        if self.options.storage != MEMORY:
            self.run_directory.clear_storage()
        server.start()
        self._fill()
        self._tell_started()

    def start_for_suite(self) -> None:
        """Start the server for ``--secantus``, set the environment variables, and redirect clients to this server."""
        from pytest_secantus.environment import variables_set
        from pytest_secantus.imports import when_imported

        self.for_suite = True
        self.start()
        self._cleanup.enter_context(variables_set(self.options.env, self.uri))
        if self.options.redirect:
            self._cleanup.enter_context(when_imported("pymongo", self._redirect_clients))

    def _redirect_clients(self) -> None:
        """Redirect the connections of clients. If the server is external or the driver unknown, replace the addresses given to clients
        instead.
        """
        from pytest_secantus.driver import UnknownDriver
        from pytest_secantus.redirect import Redirect, clients_redirected

        options = self.options
        tls = None if self._tls is None else self._tls.options()
        checks = options.check_logins or bool(options.auth)
        self.redirect = Redirect(options.redirect, self.target(), in_place=options.uri is None, checks_logins=checks, tls=tls)
        try:
            self._cleanup.enter_context(clients_redirected(self.redirect))
        except UnknownDriver:
            self.redirect = Redirect(options.redirect, self.target(), in_place=False, tls=tls)
            self._cleanup.enter_context(clients_redirected(self.redirect))

    def stop(self) -> None:
        """Stop everything that was started, so that the worker can be started again. The main process also removes the directories of
        dead runs.
        """
        from pytest_secantus.xdist import MAIN, identify, sweep_if_there

        self._cleanup.close()
        if identify().worker == MAIN:
            with suppress(OSError):  # the next run removes what cannot be removed now
                sweep_if_there(self._base())

    @property
    def logins(self) -> int:
        """The number of redirected clients whose credentials were not checked, in this process and in xdist workers that have ended."""
        return self.logins_elsewhere + (self.redirect.logins.unchecked if self.redirect is not None else 0)

    def leave_to_parent(self) -> None:
        """Detach from the server in a fork, because the parent owns the server and isolates the tests."""
        self.is_left_to_parent = self.running
        self.layers.detach()
        self._client = None

    @property
    def client(self) -> MongoClient[dict[str, Any]]:
        """The plugin's own client. Tests have no access to it, so that they cannot close it."""
        if self._client is None:
            from pytest_secantus.driver import OWN_NAME
            from pytest_secantus.imports import collections_held, rewriting_paused, signals_held

            with signals_held(), collections_held(), rewriting_paused():
                from pymongo import MongoClient

            # This application name keeps the plugin's commands out of the command log.
            root = next((user for user in self.options.auth if user.is_root), None)
            self._client = MongoClient(self.uri_as(root), appname=OWN_NAME)
            self._cleanup.callback(self._close_client)
        return self._client

    @property
    def has_seeds(self) -> bool:
        """Whether a test has loaded seeds, which a later test may have to replace."""
        return self._seeds is not None

    @property
    def seeds(self) -> Seeds:
        """The object that loads and exchanges the seeds."""
        if self._seeds is None:
            from pytest_secantus.seeds import Seeds

            self._seeds = Seeds(
                self.options,
                self.layers,
                client=lambda: self.client,
                run_directory=lambda: self.run_directory,
                new_database_name=self.new_database_name,
            )
        return self._seeds

    @property
    def run_directory(self) -> RunDirectory:
        """The directory that the processes of this run share. The first access creates it and removes the directories of dead runs."""
        if self._run_directory is None:
            from pytest_secantus.xdist import RunDirectory, identify

            self._run_directory = RunDirectory(self._base(), identify())
            journals = self._run_directory.open()
            self._cleanup.callback(self._leave_run)
            self._drop_left_over(journals)
        return self._run_directory

    def new_database_name(self) -> str:
        """Return an unused database name for one test. For an external server, first record the name in the run's journal."""
        from pytest_secantus.xdist import identify

        self._names += 1
        identity = identify()
        if self.options.uri is None:
            process = f"_{os.getpid()}" if self.is_left_to_parent else ""
            return f"{self.options.database}{process}_{self._names}"
        name = f"{self.options.database}_{self.run_directory.token}_{identity.worker}_{self._names}"
        self.run_directory.note_database(self.options.uri, name)
        return name

    def _make_server(self) -> AnyServer:
        if self.options.uri is not None:
            from pytest_secantus.external import ExternalServer

            return ExternalServer(self.options.uri)
        from pytest_secantus.patching import wants_process
        from pytest_secantus.server_settings import settings_of_worker

        in_memory = self.options.storage == MEMORY
        storage = MEMORY if in_memory else str(self.run_directory.storage())
        settings = {"host": "127.0.0.1", "storage_path": storage, **settings_of_worker(self.options.settings, in_memory)}
        if self.options.auth:
            settings["require_auth"] = True
        if self.options.tls != "no":
            from pytest_secantus.certificates import Certificates

            self._tls = Certificates(self.run_directory.certificates(), mutual=self.options.tls == "mutual")
            settings.update(self._tls.settings())
        if wants_process(self.options):
            from pytest_secantus.child import ChildServer

            return ChildServer(**settings)
        return server_here(settings)

    def _stop_server(self) -> None:
        """Stop the server, even if its start was interrupted."""
        for call in self.when_stopping if self.death() is None else ():
            call()
        self.layers.detach()
        server, self._server, self._death, self._seeds, self._tls = self._server, None, None, None, None
        if server is not None:
            server.stop()

    def _close_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            from pytest_secantus.driver import leave_threads

            client.close()
            leave_threads(client)

    def _leave_run(self) -> None:
        directory, self._run_directory = self._run_directory, None
        if directory is not None:
            directory.close()

    def target(self) -> str:
        """Return the ``host:port`` of the server to which clients are redirected."""
        if self.options.uri is not None:
            from pytest_secantus.redirect import parse_uri

            return parse_uri(self.options.uri).hosts
        return f"127.0.0.1:{self.server.port}"

    def _told(self) -> str:
        """Return the options that affect the server's start, formatted for an error message."""
        settings = ", ".join(f"{name} = {value}" for name, value in self.options.settings.items())
        return f"secantus_storage = {self.options.storage}" + (f", secantus_settings {settings}" if settings else "")

    def _base(self) -> Path:
        from pytest_secantus.xdist import default_base

        return default_base() if self.options.storage == MEMORY else Path(self.options.storage)

    def _drop_left_over(self, journals: list[Path]) -> None:
        """Drop the databases that a killed process left on the same external server, or on the same shadow."""
        for journal in journals:
            noted = [line.split("\t") for line in journal.read_text(encoding="utf-8").splitlines()]
            uris = {uri for uri, _ in noted}
            if uris <= {self.options.uri}:
                for _, name in noted:
                    self.client.drop_database(name)
                journal.unlink()
            elif uris <= {self.options.shadow}:
                from pytest_secantus.shadow.client import connect

                with connect(str(self.options.shadow)) as client:
                    for _, name in noted:
                        client.drop_database(name)
                journal.unlink()


def seed_error() -> type[Exception]:
    """Return the exception class for a seed that cannot be loaded."""
    from pytest_secantus.seeding import SeedError

    return SeedError


def start_errors() -> tuple[type[Exception], ...]:
    """Return the exception classes for a server that cannot start. Call this only after a failure, because it imports the server."""
    from secantus_server.server import START_ERRORS

    return START_ERRORS


def check_driver() -> None:
    """Check that pymongo can be imported and is not too old.

    Raises:
        CannotStart: pymongo is missing or too old.
    """
    from pytest_secantus.imports import rewriting_paused, signals_held

    try:
        with signals_held(), rewriting_paused():
            import pymongo
    except ImportError as error:
        raise CannotStart(f"pytest-secantus needs pymongo, but importing it failed: {error}") from error
    if pymongo.version_tuple < OLDEST_DRIVER:
        raise CannotStart(f"pytest-secantus needs pymongo {'.'.join(map(str, OLDEST_DRIVER))} or later; this is {pymongo.version}")


def server_here(settings: dict[str, Any]) -> SecantusDBServer:
    """Import the server, and return one that is not running yet. Meanwhile, another thread opens an in-memory store."""
    from pytest_secantus.imports import rewriting_paused, signals_held

    with signals_held(), rewriting_paused():
        if settings["storage_path"] == MEMORY:
            from secantus_server.storage.memory_store import EarlyStore

            sizes = {name: settings[name] for name in ("cache_size_mb", "session_max") if settings.get(name)}
            settings["early_store"] = EarlyStore(**sizes)
        from secantus_server.server import SecantusDBServer

    return SecantusDBServer(**settings)
