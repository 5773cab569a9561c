"""The pytest hooks that run for every test and every fixture. A suite pays for them even where it does not use Secantus."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import nullcontext
from typing import Any

import pytest

from pytest_secantus.command_watch import CommandWatch, watch_of
from pytest_secantus.fixtures import set_up_database
from pytest_secantus.guard import Guard, guard_of
from pytest_secantus.shadowing import shadow_of


class ItemHooks:
    """The hooks of one pytest configuration. As methods, they need not look the guard up in the configuration."""

    #: Both are set before the first test, as soon as pytest has parsed the options.
    guard: Guard
    watch: CommandWatch

    def pytest_configure(self, config: pytest.Config) -> None:
        """Create the guard, unless `--secantus` has already created it."""
        self.guard = guard_of(config)
        self.watch = watch_of(config)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Start to track the test's writes and commands."""
        guard = self.guard
        guard.begin_test(item)
        self.watch.begin_test(item)
        if guard.worker.options.shadow is not None and (shadow := shadow_of(item.config)) is not None:
            shadow.begin_test(item)
        result = yield
        guard.test_is_set_up(item)
        return result

    @pytest.hookimpl(specname="pytest_runtest_setup", tryfirst=True)
    def pytest_runtest_setup_checked(self, item: pytest.Item) -> None:
        """Before any fixture is set up, fail a test whose server has died or whose markers are invalid."""
        self.guard.check_server()
        self.watch.check_marker(item)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Reset the databases within the test if the options require it. Fail a passed test if a plan check reports any of its commands."""
        watch, of_guard = self.watch, self.guard.call(item)
        try:
            of_watch = watch.call(item)
            if of_guard is None and of_watch is None:
                result = yield
            else:
                with of_guard or nullcontext(), of_watch or nullcontext():
                    result = yield
            if watch.is_on:
                watch.check_plans(item)
        finally:
            if watch.is_on:
                watch.function_ended(item)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """End the test, unless its finalizer has already ended it."""
        guard = self.guard
        guard.begin_teardown()
        try:
            return (yield)
        finally:
            guard.finish_test()
            self.watch.finish_test()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Generator[None, object, object]:
        """Attribute a fixture's writes to the fixture, or to the test if the fixture has function scope."""
        of_guard = self.guard.fixture_setup(fixturedef, request)
        of_watch = self.watch.fixture_setup(fixturedef) if self.watch.is_on else None
        if of_guard is None and of_watch is None:
            return (yield)
        with of_guard or nullcontext(), of_watch or nullcontext():
            return (yield)

    # Not `tryfirst`: the option --setup-plan of pytest sets up no fixtures.
    @pytest.hookimpl(specname="pytest_fixture_setup")
    def pytest_fixture_setup_of_database(self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> object:
        """Set up the fixture `secantus_db`."""
        # The function's name, not the fixture's: a conftest may import the fixture by another name.
        return set_up_database(fixturedef, request) if getattr(fixturedef.func, "__name__", "") == "secantus_db" else None

    @pytest.hookimpl
    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Undo a fixture's writes after its teardown."""
        self.guard.fixture_finished(fixturedef)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Add a hint to the report of a test whose client tried to reach a server at the wrong address."""
        report = yield
        guard = self.guard
        if call.excinfo is not None:
            guard.add_hint(report, call.excinfo.value)
        if self.watch.backlog is not None:
            self.watch.backlog.add_result(report)
        if report.outcome == "failed" and call.when != "teardown":
            guard.keep_failure(item, report, self.watch.lines)
        return report
