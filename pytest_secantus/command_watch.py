"""Decides when the server keeps a log of commands, and attributes commands to tests.

The log is on during tests that ask for it by the fixture `secantus_commands` or by a plan check, and all the time for a report.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_secantus.check_names import ALLOW_MARKER, FAIL_MARKER, checks_of
from pytest_secantus.guard import guard_of

if TYPE_CHECKING:
    from pytest_secantus.commands import Commands
    from pytest_secantus.sources import Sources
    from pytest_secantus.worker import Worker
    from secantus_server.server import SecantusDBServer
    from secantus_server.work.command_records import CommandRecord

FIXTURE = "secantus_commands"


class CommandWatch:
    """The log of the commands of one process's server.

    Arguments:
        root: the directory to which the paths of sources are relative.
    """

    def __init__(self, worker: Worker, config: pytest.Config) -> None:
        self._worker = worker
        self._config = config
        self._sources: Sources | None = None
        self._patches = ExitStack()
        #: Whether the running test, or a report, wants the log.
        self.is_wanted = False
        self.is_on = False
        self._item: pytest.Item | None = None
        self._begin = 0
        # The positions of commands of wider fixtures, which do not belong to the test.
        self._foreign: list[tuple[int, int]] = []
        worker.when_started.append(self._server_started)

    @property
    def server(self) -> SecantusDBServer:
        """The server, which is one of ours."""
        return cast("SecantusDBServer", self._worker.server)

    def begin_test(self, item: pytest.Item) -> None:
        """Begin the log of a test if it wants one."""
        self._item, self._foreign = item, []
        self.is_wanted = self._always or wants_log(item)
        if self.is_wanted and self._worker.running:
            self.switch_on()

    def finish_test(self) -> None:
        """End the log of the test, if any."""
        self._item = None
        if self.is_on and not self._always:
            self.switch_off()

    @property
    def _always(self) -> bool:
        options = self._worker.options
        return bool(options.fail_on)

    def switch_on(self) -> None:
        """Begin a log, or continue one without the commands so far.

        Raises:
            pytest.UsageError: the server runs outside.
        """
        if self._worker.options.uri is not None:
            raise pytest.UsageError("the commands of tests are not available with secantus_uri: leave it out")
        from pytest_secantus.driver import OWN_NAME
        from pytest_secantus.imports import when_imported
        from pytest_secantus.sources import Sources

        if self._sources is None:
            self._sources = Sources(self._config.rootpath)
        if not self.is_on:
            self.is_on = True
            sources = self._sources
            self._patches.enter_context(when_imported("pymongo", lambda: self._patches.enter_context(sources.noted())))
        self._sources.begin("" if self._item is None else str(self._item.path))
        self.server.log_commands(OWN_NAME)
        self.server.clear_command_log()
        self._begin, self._foreign = self.server.command_log_position(), []

    def switch_off(self) -> None:
        """End the log."""
        self.is_on = False
        self._patches.close()
        if self._worker.running and self._worker.death() is None:
            self.server.stop_logging_commands()

    def _server_started(self) -> None:
        """Begin the log on a server that starts in the middle of a test."""
        if self.is_wanted:
            self.switch_on()

    @contextmanager
    def fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None]:
        """Leave the commands of a fixture with a wider scope out of the test's log."""
        if not self.is_on or fixturedef.scope == "function":
            yield
            return
        before = self.server.command_log_position()
        try:
            yield
        finally:
            if self.is_on:
                self._foreign.append((before, self.server.command_log_position()))

    def records(self) -> list[CommandRecord]:
        """Return the commands of the running test."""
        assert self._sources is not None, "the log is on"
        found = self.server.logged_commands(self._begin)
        if left_out := self.server.commands_left_out():
            raise RuntimeError(f"the command log is full: the test has run {len(found) + left_out} commands")
        own = [record for record in found if not any(first <= record.number < end for first, end in self._foreign)]
        for record in own:
            record.source, record.site = self._sources.of(record.request_id)
        return own

    def check_markers(self, items: list[pytest.Item]) -> None:
        """Validate the markers of plan checks.

        Raises:
            pytest.UsageError: a marker is not valid, or the server runs outside.
        """
        for item in items:
            if item.get_closest_marker(FAIL_MARKER) or item.get_closest_marker(ALLOW_MARKER):
                checks = checks_of(item, self._worker.options.fail_on)
                if checks and self._worker.options.uri is not None:
                    raise pytest.UsageError(f"{item.nodeid}: the marker {FAIL_MARKER} cannot be combined with secantus_uri")

    def check_plans(self, item: pytest.Item) -> None:
        """Fail a test if its commands are of a kind that it must not have.

        Raises:
            pytest.fail.Exception: a check reports something.
        """
        if not self.is_on or item is not self._item:
            return
        checks = checks_of(item, self._worker.options.fail_on)
        if not checks:
            return
        from pytest_secantus.plan_checks import find_problems, message_of

        if findings := find_problems(self.records(), checks):
            pytest.fail(message_of(findings), pytrace=False)

    def commands(self) -> Commands:
        """Return the log of the running test; begin it if the test has not asked for it before."""
        from pytest_secantus.commands import Commands

        if not self.is_on:
            self.is_wanted = True
            self.switch_on()
        return Commands(self.records)


def wants_log(item: pytest.Item) -> bool:
    """Return whether a test asks for the log by a fixture or a marker."""
    return FIXTURE in getattr(item, "fixturenames", ()) or item.get_closest_marker(FAIL_MARKER) is not None


WATCH = pytest.StashKey[CommandWatch]()


def watch_of(config: pytest.Config) -> CommandWatch:
    """Return the watch of this configuration; create it on first use."""
    if WATCH not in config.stash:
        config.stash[WATCH] = CommandWatch(guard_of(config).worker, config)
    return config.stash[WATCH]
