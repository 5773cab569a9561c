"""The run of one test, from its initial data to its cleanup, which is performed even after a failure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pymongo import MongoClient
from pymongo.change_stream import ChangeStream
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError

from secantus_conformance.environment import Environment
from secantus_conformance.failures import AssertionFailed, SkipTest
from secantus_conformance.model import Skip
from secantus_conformance.requirements import unmet
from secantus_conformance.suites.categories import all_operations
from secantus_conformance.unified.clients import create_entities
from secantus_conformance.unified.context import TestContext
from secantus_conformance.unified.cursors import FirstResultCursor
from secantus_conformance.unified.driver_errors import short
from secantus_conformance.unified.error_checks import describe
from secantus_conformance.unified.event_checks import check_events
from secantus_conformance.unified.execute import run_operation
from secantus_conformance.unified.limits import check_limits
from secantus_conformance.unified.log_checks import check_log_messages
from secantus_conformance.unified.logs import LogCollector
from secantus_conformance.unified.ops.registry import check_possible
from secantus_conformance.unified.outcome import check_outcome, insert_initial_data
from secantus_conformance.unified.threads import TestThread


def run_test(environment: Environment, internal: MongoClient[Any], name: str, file: dict[str, Any], test_spec: dict[str, Any]) -> None:
    """Run one test of a file, unless its name is in the list of tests that cannot run.

    Raise SkipTest if the test cannot run here, AssertionFailed if an expectation is not met, BadTest if the file uses something that the
    format does not define. Any other exception is a bug in this runner.
    """
    check_requirements(environment, file, test_spec)
    check_limits(name)
    check_possible(all_operations(test_spec["operations"]))
    test = TestContext(environment, internal, run_operation)
    logs = LogCollector() if "expectLogMessages" in test_spec else None
    try:
        _prepare(test, file)
        _run_operations(test, test_spec, logs)
        _check(test, test_spec, logs)
    finally:
        clean_up(test)


def check_requirements(environment: Environment, file: dict[str, Any], test_spec: dict[str, Any]) -> None:
    """Raise SkipTest if the test does not apply to this server."""
    if "skipReason" in test_spec:
        raise SkipTest(Skip.SUITE, test_spec["skipReason"])
    for requirements in (file.get("runOnRequirements", []), test_spec.get("runOnRequirements", [])):
        reason = unmet(requirements, environment)
        if reason is not None:
            raise SkipTest(Skip.REQUIREMENT, reason)
    if "expectTracingMessages" in test_spec:
        raise SkipTest(Skip.CLIENT, "pymongo has no OpenTelemetry tracing")


def _prepare(test: TestContext, file: dict[str, Any]) -> None:
    try:
        insert_initial_data(test.internal, file.get("initialData", []))
    except PyMongoError as error:
        reason = f"The initial data could not be written: {short(error)}"
        raise AssertionFailed("initial-data", reason, "no error", describe(error)) from error
    create_entities(test, file.get("createEntities", []))


def _run_operations(test: TestContext, test_spec: dict[str, Any], logs: LogCollector | None) -> None:
    if logs is not None:
        logs.start()
    try:
        for each in test_spec["operations"]:
            run_operation(test, each)
    finally:
        if logs is not None:
            logs.stop()
        for listener in test.listeners.values():
            listener.enabled = False


def _check(test: TestContext, test_spec: dict[str, Any], logs: LogCollector | None) -> None:
    test.fail_points.disable_all()
    for expected in test_spec.get("expectEvents", []):
        check_events(test, expected)
    if logs is not None:
        for expected in test_spec["expectLogMessages"]:
            check_log_messages(test, logs, expected)
    check_outcome(test.internal, test_spec.get("outcome", []))


def clean_up(test: TestContext) -> None:
    """Clean up fail points, threads, cursors, sessions, transactions and clients."""
    test.fail_points.disable_all()
    for thread in test.entities.of_type(TestThread):
        thread.stop()
    for stream in test.entities.of_type(ChangeStream):
        _quietly(stream.close)
    for cursor in test.entities.of_type(FirstResultCursor):
        cursor.close()
    for session in test.entities.of_type(ClientSession):
        _quietly(session.end_session)
    if test.transactions:
        _quietly(lambda: test.internal.admin.command("killAllSessions", []))
    for client in test.entities.of_type(MongoClient):
        _quietly(client.close)


def _quietly(action: Callable[[], object]) -> None:
    """Run a cleanup action and ignore its errors. For example, killSessions reports an error for a session that is already killed."""
    try:
        action()
    except PyMongoError:
        return
