"""pytest's hooks, and nothing else: each hands over to the module whose subject it is."""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any

import pytest

from pytest_secantus.fixtures import (
    secantus_async_client,
    secantus_async_db,
    secantus_client,
    secantus_db,
    secantus_server,
    secantus_uri,
)
from pytest_secantus.guard import SEED_MARKER, guard_of
from pytest_secantus.options import MEMORY, add_options
from pytest_secantus.plain_imports import import_plainly
from pytest_secantus.worker import CannotStart, Worker, check_driver

__all__ = [
    "secantus_async_client",
    "secantus_async_db",
    "secantus_client",
    "secantus_db",
    "secantus_server",
    "secantus_uri",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """With ``--secantus`` the server is up before the first conftest is imported, which may ask for it."""
    import_plainly(early_config)
    given = early_config.known_args_namespace
    if given.secantus and not (given.help or given.version):
        start_for_suite(guard_of(early_config, given).worker)


def pytest_configure(config: pytest.Config) -> None:
    """Check the options, declare the marker, and start here if the plugin came too late for the initial conftests."""
    config.addinivalue_line("markers", f"{SEED_MARKER}(*sources): load files, directories or callables before the test (Secantus)")
    worker = guard_of(config).worker
    if worker.options.active and not worker.running and not config.option.help:
        start_for_suite(worker)


def start_for_suite(worker: Worker) -> None:
    """``--secantus``: what stands in the way of a server is a mistake in the options, or in what is installed."""
    try:
        worker.start_for_suite()
    except CannotStart as error:
        raise pytest.UsageError(str(error)) from error


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Beside pytest-run-parallel, tests that use our fixtures run in one thread."""
    if config.pluginmanager.hasplugin("run-parallel"):
        from pytest_secantus.companions import run_in_one_thread

        run_in_one_thread(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """With ``--secantus`` the driver is looked at here, after whatever patches the process: see `pytest_secantus.imports`."""
    worker = guard_of(session.config).worker
    try:
        if worker.for_suite:
            check_driver()
    except CannotStart as error:
        raise pytest.UsageError(str(error)) from error


def pytest_report_header(config: pytest.Config) -> str:
    """One line: where the server is, or that there is none yet, and how tests are isolated."""
    worker = guard_of(config).worker
    options = worker.options
    if options.active and getattr(config.option, "numprocesses", None):
        where = "a server per worker"
    elif worker.running:
        where = without_credentials(worker.server.uri)
    else:
        where = without_credentials(options.uri or "starts when a fixture asks for it")
    if getattr(worker.server if worker.running else None, "pid", None):
        where += " in a process of its own"
    storage = "" if options.uri else f", storage {options.storage if options.storage != MEMORY else 'in memory'}"
    return f"secantus: {where}{storage}, isolation {options.isolation}"


def without_credentials(uri: str) -> str:
    """A connection string as it may stand in a log."""
    return re.sub(r"//[^/]*@", "//", uri)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that runs in a fork is isolated from here."""
    with guard_of(item.config).protocol(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """The test begins."""
    guard = guard_of(item.config)
    guard.begin_test(item)
    result = yield
    guard.test_is_set_up(item)
    return result


@pytest.hookimpl(specname="pytest_runtest_setup", tryfirst=True)
def pytest_runtest_setup_checked(item: pytest.Item) -> None:
    """A test whose server has died fails before anything of it is set up."""
    guard_of(item.config).check_server()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """The test ends; normally its finalizer has seen to it when this returns."""
    guard = guard_of(item.config)
    guard.begin_teardown()
    try:
        return (yield)
    finally:
        guard.finish_test()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Generator[None, object, object]:
    """What a fixture writes belongs to its scope."""
    with guard_of(request.config).fixture_setup(fixturedef, request):
        return (yield)


def pytest_fixture_post_finalizer(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
    """What a fixture wrote goes with it."""
    guard_of(request.config).fixture_finished(fixturedef)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add a hint to the report of a test that looked for a server elsewhere."""
    report = yield
    if call.excinfo is not None:
        add_hint(item.config, report, call.excinfo.value)
    return report


def pytest_exception_interact(node: pytest.Item | pytest.Collector, call: pytest.CallInfo[Any], report: object) -> None:
    """Add the hint to a module that looked for one when it was imported."""
    if isinstance(report, pytest.CollectReport) and call.excinfo is not None:
        add_hint(node.config, report, call.excinfo.value)


def add_hint(config: pytest.Config, report: pytest.TestReport | pytest.CollectReport, error: BaseException) -> None:
    """Say what may be wrong, if an error is about a server that is not there while ours is."""
    worker = guard_of(config).worker
    if worker.running and report.outcome == "failed":
        from pytest_secantus.hints import TITLE, hint

        if (text := hint(error, worker.target())) is not None:
            report.sections.append((TITLE, text))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send xdist's controller what the summary needs."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["secantus_logins"] = guard_of(session.config).worker.logins


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what a worker of xdist sent for the summary."""
    guard_of(node.config).worker.logins_elsewhere += getattr(node, "workeroutput", {}).get("secantus_logins", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say once that logins were not checked, if there were any."""
    if (count := guard_of(config).worker.logins) > 0:
        from pytest_secantus.hints import logins_line

        terminalreporter.section("warnings of Secantus", sep="-")
        terminalreporter.line(logins_line(count))
