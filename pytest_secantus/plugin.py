"""The plugin's pytest hooks. Each hook delegates to the module that implements its subject."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from pytest_secantus.command_watch import ALLOW_MARKER, FAIL_MARKER, watch_of
from pytest_secantus.errors import CannotStart
from pytest_secantus.fixtures import (
    secantus_async_client,
    secantus_async_db,
    secantus_client,
    secantus_client_as,
    secantus_clock,
    secantus_commands,
    secantus_db,
    secantus_faults,
    secantus_reset,
    secantus_server,
    secantus_tls,
    secantus_uri,
)
from pytest_secantus.guard import AUTH_MARKER, COMPAT_MARKER, SEED_MARKER, guard_of
from pytest_secantus.item_hooks import ItemHooks
from pytest_secantus.late_fixtures import declare_parametrized
from pytest_secantus.options import MEMORY, Options, add_options
from pytest_secantus.plain_imports import import_plainly
from pytest_secantus.shadowing import check_shadow, shadow_of
from pytest_secantus.worker import Worker, check_driver

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


#: The name of the plugin's part with the hooks of tests and fixtures.
ITEM_HOOKS: Final = "secantus-items"


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the plugin's options, and register the hooks of tests and fixtures. (pytest calls this hook when it loads the plugin, so
    those hooks have the plugin's place in the order of all plugins.)
    """
    add_options(parser)
    pluginmanager.register(ItemHooks(), ITEM_HOOKS)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """With ``--secantus``, start the server before the first conftest is imported, because a conftest may use it."""
    import_plainly(early_config)
    given = early_config.known_args_namespace
    if given.secantus and not (given.help or given.version):
        start_for_suite(guard_of(early_config, given).worker)


def pytest_configure(config: pytest.Config) -> None:
    """Validate the options and declare the markers. If the plugin was loaded after the initial conftests, start the server here."""
    if config.pluginmanager.is_blocked(ITEM_HOOKS):
        raise pytest.UsageError(f"-p no:{ITEM_HOOKS} would leave the writes of all tests in place; use secantus_isolation = none instead")
    config.addinivalue_line("markers", f"{AUTH_MARKER}(name, password, *roles): create a user for the test (Secantus)")
    config.addinivalue_line("markers", f"{SEED_MARKER}(*sources): load files, directories or callables before the test (Secantus)")
    config.addinivalue_line("markers", f"{COMPAT_MARKER}(release): answer the test like a release of MongoDB (Secantus)")
    config.addinivalue_line("markers", f"{FAIL_MARKER}(*checks, **thresholds): fail the test if its commands are of these kinds (Secantus)")
    config.addinivalue_line("markers", f"{ALLOW_MARKER}(*checks): do not fail the test because of these checks (Secantus)")
    worker = guard_of(config).worker
    if worker.options.active and not worker.running and not config.option.help:
        start_for_suite(worker)
    # The controller of xdist collects no tests. An address in the ini file may belong to a run that does not use the server.
    if getattr(config.option, "dist", "no") != "no" and (worker.options.active or config.option.secantus_uri) and not config.option.help:
        check_external(config)
    check_shadow(config)
    # The option of pytest-forked. Without it the hook is not registered, since it would slow down every test.
    if hasattr(config.option, "forked"):
        from pytest_secantus.forks import ForkHooks

        config.pluginmanager.register(ForkHooks(), "secantus-forks")


def start_for_suite(worker: Worker) -> None:
    """Start the server for ``--secantus``. If it cannot start, raise a usage error."""
    try:
        worker.start_for_suite()
    except CannotStart as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Declare the fixtures that `secantus_db` requests dynamically, if the suite parametrizes them."""
    if "secantus_db" in metafunc.fixturenames:
        declare_parametrized(metafunc)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Validate the markers of plan checks, and make pytest-run-parallel run tests with our fixtures in one thread."""
    watch_of(config).check_markers(items)
    if config.pluginmanager.hasplugin("run-parallel"):
        from pytest_secantus.companions import run_in_one_thread

        run_in_one_thread(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """With ``--secantus``, check the driver. Check an external server if any test needs it. This is late enough, because all code that
    patches the process has run (see `pytest_secantus.imports`).
    """
    worker = guard_of(session.config).worker
    try:
        if worker.for_suite:
            check_driver()
    except CannotStart as error:
        raise pytest.UsageError(str(error)) from error
    if worker.options.uri is not None and (worker.for_suite or any(map(needs_clients, session.items))):
        check_external(session.config)


def check_external(config: pytest.Config) -> None:
    """Check that an external server responds. In an xdist worker, do nothing, because a usage error would crash it; the controller checks
    instead.

    Raises:
        pytest.UsageError: the server does not respond.
    """
    if not hasattr(config, "workerinput"):
        try:
            guard_of(config).worker.check_external()
        except CannotStart as error:
            raise pytest.UsageError(str(error)) from error


def needs_clients(item: pytest.Item) -> bool:
    """Return whether a test requests a client of the server, or its address for a client."""
    return not {"secantus_client", "secantus_db", "secantus_uri"}.isdisjoint(getattr(item, "fixturenames", ()))


def pytest_report_header(config: pytest.Config) -> str:
    """Return a line with the isolation mode and the server's address. If the server has not started, name the event that will start it."""
    worker = guard_of(config).worker
    options = worker.options
    if options.active and getattr(config.option, "numprocesses", None):
        where = "a server per worker"
    elif worker.running:
        where = without_credentials(worker.server.uri)
    else:
        where = without_credentials(options.uri or "starts when a fixture needs it")
    if getattr(worker.server if worker.running else None, "pid", None):
        where += " in a child process"
    storage = "" if options.uri else f", storage {options.storage if options.storage != MEMORY else 'in memory'}"
    return f"secantus: {where}{storage}, isolation {options.isolation}{told_of_sockets(options)}"


def told_of_sockets(options: Options) -> str:
    """Return a note if clients use sockets because the plugin does not know this pymongo version. Otherwise return an empty text."""
    if options.transport != "direct" or options.uri:
        return ""
    from pytest_secantus.direct import installed_version, is_known

    version = installed_version()
    return "" if version is None or is_known(version) else f", transport tcp (direct is for other versions than pymongo {version})"


def without_credentials(uri: str) -> str:
    """Return a connection string with its credentials removed, for the log."""
    return re.sub(r"//[^/]*@", "//", uri)


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector, call: pytest.CallInfo[Any], report: object) -> None:
    """Pause after a failed test if an option requires it. If a module failed during its import, add a hint about a wrong server address."""
    if isinstance(report, pytest.CollectReport) and call.excinfo is not None:
        guard_of(node.config).add_hint(report, call.excinfo.value)
    elif isinstance(report, pytest.TestReport):
        guard_of(node.config).pause(node, report)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Return the readable id of a fault, or None for any other value."""
    return str(val.id) if type(val).__module__ == "pytest_secantus.faults" and hasattr(val, "id") else None


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In an xdist worker, send the data for the summary to the controller."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["secantus_logins"] = guard_of(session.config).worker.logins
        output["secantus_report"] = watch_of(session.config).part()
        output["secantus_shadow"] = None if (shadow := shadow_of(session.config)) is None else shadow.findings


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Merge the summary data that an xdist worker sent."""
    output = getattr(node, "workeroutput", {})
    guard_of(node.config).worker.logins_elsewhere += output.get("secantus_logins", 0)
    watch_of(node.config).add_part(output.get("secantus_report"))
    if (shadow := shadow_of(node.config)) is not None:
        shadow.add_part(output.get("secantus_shadow"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """If any logins were not checked, print one line with the number of such clients."""
    if (count := guard_of(config).worker.logins) > 0:
        from pytest_secantus.hints import logins_line

        terminalreporter.section("Secantus warnings", sep="-")
        terminalreporter.line(logins_line(count))
    shadow = shadow_of(config)
    if shadow is not None:
        shadow.write(terminalreporter)
    watch_of(config).write_report(terminalreporter, None if shadow is None else shadow.findings)
