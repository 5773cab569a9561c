"""Control of the server's command log: when the log is on, and to which test each logged command belongs.

The log is on during each test that requests it through the fixture `secantus_commands` or a plan check. For a report or for dumps, it is
on during all tests.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_secantus.guard import guard_of, has_marker

if TYPE_CHECKING:
    from pytest_secantus.attribution import Span
    from pytest_secantus.commands import Commands
    from pytest_secantus.report_backlog import Backlog
    from pytest_secantus.shadow.findings import Findings
    from pytest_secantus.sources import Sources
    from pytest_secantus.worker import Worker
    from secantus_server.server import SecantusDBServer
    from secantus_server.work._command_records import CommandRecord

FIXTURE = "secantus_commands"
FAIL_MARKER = "secantus_fail_on"
ALLOW_MARKER = "secantus_allow"
#: The maximum number of messages whose lines are kept for a report that has not been processed yet.
MOST_MESSAGES = 20_000


class CommandWatch:
    """Turns the command log of one process's server on and off, and assigns logged commands to tests.

    Arguments:
        worker: the state of the process.
    """

    #: The plugin's own server, set when the log is started. It is never an external one, because external servers have no command log.
    server: SecantusDBServer

    def __init__(self, worker: Worker, config: pytest.Config) -> None:
        self._worker = worker
        self._config = config
        self._sources: Sources | None = None
        self._patches = ExitStack()
        #: Whether the running test, or a report, needs the log.
        self.is_wanted = False
        self.is_on = False
        self._is_xdist_worker = hasattr(config, "workerinput")
        self._item: pytest.Item | None = None
        self._begin = 0
        # The ranges of positions in the log whose commands belong to fixtures of a wider scope, not to the test.
        self._foreign: tuple[tuple[int, int], ...] = ()
        # The positions in the log at which the test's examples and subtests begin.
        self._parts: list[int] | tuple[()] = ()
        # The position in the log when the test's function ended; None before. The report's page of the test omits its teardown.
        self._call_end: int | None = None
        options = worker.options
        #: What this process has collected for the report; None if no report is written.
        self.backlog: Backlog | None = None
        if options.report is not None:
            from pytest_secantus.report_backlog import Backlog

            self.backlog = Backlog()
        # Whether all tests need the log.
        self._always = bool(options.fail_on or options.report or options.dump or (options.console and options.uri is None))
        worker.when_started.append(self._server_started)
        worker.when_stopping.append(self._server_stops)

    def begin_test(self, item: pytest.Item) -> None:
        """Start the command log if this test needs it."""
        self._item = item
        self.is_wanted = self._always or wants_log(item)
        if self.is_on:
            self._begin_log()
        elif self.is_wanted and self._worker.running:
            self.switch_on()

    def finish_test(self) -> None:
        """Add the test's commands to the report, and stop the command log unless every test needs it."""
        item, self._item = self._item, None
        if not self.is_on or item is None:
            return
        self._harvest(item)
        if not self._always:
            self.switch_off()

    def switch_on(self) -> None:
        """Start the command log. The commands that it contains so far belong to no test.

        Raises:
            pytest.UsageError: the server is an external one.
        """
        if self._worker.options.uri is not None:
            raise pytest.UsageError("the commands of tests are not available with secantus_uri: leave it out")
        from pytest_secantus.driver import OWN_NAME

        if self._sources is None:
            from pytest_secantus.sources import Sources

            self._sources = Sources(self._config.rootpath)
        if not self.is_on:
            from pytest_secantus.imports import when_imported

            self.is_on = True
            sources = self._sources
            self._patches.enter_context(when_imported("pymongo", lambda: self._patches.enter_context(sources.noted())))
        self.server = cast("SecantusDBServer", self._worker.server)
        self.server.log_commands(OWN_NAME)
        self._foreign, self._parts, self._call_end = (), (), None
        self._begin_log()

    def _begin_log(self) -> None:
        """Note where the test's commands begin in the log."""
        assert self._sources is not None, "the log is on"
        if self._worker.death() is None:
            self._begin = self.server.command_log_position()
        self._sources.begin("" if self._item is None else str(self._item.path))

    def _harvest(self, item: pytest.Item | None) -> None:
        """Move the logged commands to the report, if one is written, and empty the log.

        Arguments:
            item: the test that ran the commands, or None for no test. Commands of fixtures that outlive the test are not attributed to
                it.
        """
        backlog = self.backlog
        if self._worker.death() is not None:
            pass
        elif backlog is None:
            self.server.clear_command_log()
        elif taken := self.server.take_commands():
            backlog.add_commands(taken, "" if item is None else item.nodeid, None if item is None else self._span())
        self._drop_lines()
        self._foreign, self._parts, self._call_end = (), (), None

    def _drop_lines(self) -> None:
        """Discard the noted lines, unless the report still needs them."""
        sources, backlog = self._sources, self.backlog
        assert sources is not None, "the log is on"
        if backlog is not None and backlog.waiting:
            if sources.count <= MOST_MESSAGES:
                return
            backlog.report()
        sources.clear()

    def _span(self) -> Span:
        """Return what attributes the commands of the log to the running test."""
        sources = self._sources
        assert sources is not None, "the log is on"
        return sources, sources.first, sources.count, self._begin, self._call_end, self._foreign, self._parts

    def part(self) -> str | None:
        """Return this process's report data as JSON, or None if no report is written."""
        if self.backlog is None:
            return None
        import json

        return json.dumps(self.backlog.report())

    def add_part(self, part: str | None) -> None:
        """Add an xdist worker's data to the report."""
        if part is not None and self.backlog is not None:
            import json

            from pytest_secantus.report import merge

            merge(self.backlog.report(), json.loads(part))

    def write_report(self, terminal: pytest.TerminalReporter, shadow: Findings | None) -> None:
        """Write the report's files, and print its summary in the terminal.

        Arguments:
            shadow: the findings of ``--secantus-shadow``, or None.
        """
        page, backlog = self._worker.options.report, self.backlog
        if page is None or backlog is None or self._config.option.collectonly:
            return
        from pytest_secantus.report import summary_of
        from pytest_secantus.report_files import write_report
        from pytest_secantus.report_text import summary_lines

        summary = summary_of(backlog.report())
        if shadow is not None:
            summary["shadow"] = shadow
        terminal.section("Secantus report", sep="-")
        try:
            write_report(summary, page)
        except OSError as error:
            terminal.line(f"the report could not be written: {error}")
        for line in summary_lines(summary, page):
            terminal.line(line)

    def switch_off(self) -> None:
        """Stop the command log."""
        self.is_on = False
        self._patches.close()
        if self._worker.running and self._worker.death() is None:
            self.server.stop_logging_commands()

    def _server_started(self) -> None:
        """Start the command log on a server that starts during a test."""
        if self.is_wanted:
            self.switch_on()

    def _server_stops(self) -> None:
        """Save the remaining logged commands before the server stops in the teardown of the last test."""
        if self.is_on:
            self._harvest(self._item)
            self.switch_off()

    def fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> AbstractContextManager[None] | None:
        """Return a context manager that excludes a fixture's commands from the test's log, or None for a fixture of function scope.

        The commands of a fixture of function scope belong to the test.
        """
        return self._left_out() if self.is_on and fixturedef.scope != "function" else None

    @contextmanager
    def _left_out(self) -> Generator[None]:
        before = self.server.command_log_position()
        try:
            yield
        finally:
            if self.is_on:
                self._foreign += ((before, self.server.command_log_position()),)

    def records(self) -> list[CommandRecord]:
        """Return the commands of the running test.

        Raises:
            RuntimeError: the test has run more commands than the log can store.
        """
        if left_out := self.server.commands_left_out():
            raise RuntimeError(f"the command log is full: it lacks the last {left_out:,} commands of this test")
        return self.own_records()

    def lines(self) -> list[str]:
        """Return all commands of the running test in mongosh syntax; an empty list if the log is off."""
        if not self.is_on:
            return []
        from pytest_secantus.commands import lines_of

        records = self.own_records()
        return lines_of(records, most=len(records))

    def own_records(self) -> list[CommandRecord]:
        """Return the logged commands that belong to the running test."""
        from pytest_secantus.attribution import Attribution

        return Attribution(*self._span()).own(self.server.logged_commands(self._begin))

    def check_markers(self, items: list[pytest.Item]) -> None:
        """Validate the markers of plan checks.

        In an xdist worker, do nothing, because a usage error would crash the worker. There, `check_marker` fails the test.

        Raises:
            pytest.UsageError: a marker is not valid, or the server is an external one.
        """
        if not self._is_xdist_worker:
            for item in items:
                self._check_marker(item)

    def check_marker(self, item: pytest.Item) -> None:
        """In an xdist worker, fail the setup of a test if one of its plan check markers is invalid. Elsewhere, `check_markers` has
        validated them.
        """
        if not self._is_xdist_worker:
            return
        try:
            self._check_marker(item)
        except pytest.UsageError as error:
            pytest.fail(str(error), pytrace=False)

    def _check_marker(self, item: pytest.Item) -> None:
        if has_marker(item, FAIL_MARKER, ALLOW_MARKER):
            checks = self._checks(item)
            if checks and self._worker.options.uri is not None:
                raise pytest.UsageError(f"{item.nodeid}: the marker {FAIL_MARKER} cannot be combined with secantus_uri")

    def call(self, item: pytest.Item) -> AbstractContextManager[None] | None:
        """Return a context manager that records where examples and subtests begin in the test function, or None if no log is needed or
        the test has no such parts.
        """
        if not self.is_wanted or not may_have_parts(item):
            return None
        from pytest_secantus.parts import parts_noticed

        return parts_noticed(item, self._begin_part)

    def _begin_part(self, _kind: str) -> None:
        if self.is_on and self._worker.death() is None:
            position = self.server.command_log_position()
            if isinstance(self._parts, list):
                self._parts.append(position)
            else:
                self._parts = [position]

    def function_ended(self, item: pytest.Item) -> None:
        """Record the use of indexes for the report at the end of the test function, while the test's data still exist."""
        if self.backlog is None or item is not self._item or self._worker.death() is not None:
            return
        self._call_end = self.server.command_log_position()
        if self._call_end != self._begin:
            self.backlog.add_usage(self.server.index_usage(self._begin))

    def _checks(self, item: pytest.Item) -> dict[str, int]:
        """Return the plan checks that apply to a test, with their thresholds."""
        from pytest_secantus.check_names import checks_of

        return checks_of(item, self._worker.options.fail_on)

    def check_plans(self, item: pytest.Item) -> None:
        """Fail a test if a plan check reports any of its commands.

        Raises:
            pytest.fail.Exception: a check reports a command.
        """
        if not self.is_on or item is not self._item or self._worker.death() is not None:
            return
        if not self._worker.options.fail_on and item.get_closest_marker(FAIL_MARKER) is None:
            return
        checks = self._checks(item)
        if not checks:
            return
        from pytest_secantus.plan_checks import find_problems, message_of

        if findings := find_problems(self.own_records(), checks):
            pytest.fail(message_of(findings), pytrace=False)

    def commands(self) -> Commands:
        """Return the log of the running test. Start the log if the test has not requested it before."""
        from pytest_secantus.commands import Commands

        if not self.is_on:
            self.is_wanted = True
            self.switch_on()
        return Commands(self.records)


def wants_log(item: pytest.Item) -> bool:
    """Return whether a test requests the log through a fixture or a marker."""
    return FIXTURE in getattr(item, "fixturenames", ()) or has_marker(item, FAIL_MARKER)


def may_have_parts(item: pytest.Item) -> bool:
    """Return whether `parts_noticed` could notice a part of a test. Its module imports unittest, which most suites do not need."""
    return (
        "subtests" in getattr(item, "funcargs", ())
        or hasattr(getattr(item, "instance", None), "subTest")
        or hasattr(getattr(item, "obj", None), "hypothesis")
    )


def watch_of(config: pytest.Config) -> CommandWatch:
    """Return the `CommandWatch` of this configuration; create it on first use."""
    guard = guard_of(config)
    if guard.watch is None:
        guard.watch = CommandWatch(guard.worker, config)
    return guard.watch
