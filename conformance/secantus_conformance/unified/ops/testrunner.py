"""The operations of the runner itself, on fail points, entities, threads and loops."""

from __future__ import annotations

import time
from typing import Any

from secantus_conformance.failures import AssertionFailed
from secantus_conformance.unified.clients import create_entities
from secantus_conformance.unified.context import TestContext
from secantus_conformance.unified.driver_private import pinned_address
from secantus_conformance.unified.ops.registry import operation
from secantus_conformance.unified.threads import TestThread


@operation("testRunner", "failPoint", "client failPoint", "session")
def fail_point(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Set a fail point on the server that a client selects."""
    session = test.entities.session(arguments["session"]) if "session" in arguments else None
    test.fail_points.set(test.entities.client(arguments["client"]), arguments["failPoint"], session)


@operation("testRunner", "targetedFailPoint", "session failPoint")
def targeted_fail_point(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Set a fail point on the mongos to which a session is pinned."""
    address = pinned_address(test.entities.session(arguments["session"]))
    if address is None:
        raise AssertionFailed("assertion", f"The session {arguments['session']} is not pinned to a mongos.", "a pinned session", "none")
    test.fail_points.set_on(address, arguments["failPoint"])


@operation("testRunner", "createEntities", "entities")
def more_entities(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Create entities in the middle of a test."""
    create_entities(test, arguments["entities"])


@operation("testRunner", "wait", "ms")
def wait(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Wait for the given time."""
    time.sleep(arguments["ms"] / 1000)


@operation("testRunner", "runOnThread", "thread operation")
def run_on_thread(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Schedule an operation on a thread entity."""
    work = arguments["operation"]
    test.entities.typed(arguments["thread"], TestThread).schedule(lambda: test.run_operation(test, work))


@operation("testRunner", "waitForThread", "thread")
def wait_for_thread(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Wait until a thread has run all of its operations. If any of them failed, raise its error."""
    if not test.entities.typed(arguments["thread"], TestThread).wait():
        raise AssertionFailed("assertion", f"The thread {arguments['thread']} did not finish within ten seconds.")


@operation(
    "testRunner",
    "loop",
    "operations",
    "storeErrorsAsEntity storeFailuresAsEntity storeSuccessesAsEntity storeIterationsAsEntity numIterations",
)
def loop(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Run operations repeatedly, `numIterations` times. Without this argument, run them only once, because nothing interrupts this
    runner.
    """
    kept = {key: arguments.get(f"store{key}AsEntity") for key in ("Errors", "Failures", "Successes", "Iterations")}
    errors: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    done = 0
    iterations = arguments.get("numIterations", 1)
    for _ in range(iterations):
        for each in arguments["operations"]:
            done += _attempt(test, each, kept, errors, failures)
    for key, value in (("Errors", errors), ("Failures", failures), ("Successes", done), ("Iterations", iterations)):
        if kept[key]:
            test.entities.define(kept[key], value)


def _attempt(test: TestContext, each: dict[str, Any], kept: dict[str, Any], errors: list[Any], failures: list[Any]) -> bool:
    """Run one operation of a loop, and return whether it succeeded. Store its error in the entity that the test names, or raise the
    error.
    """
    try:
        test.run_operation(test, each)
    except Exception as error:
        failed = isinstance(error, AssertionFailed)
        sink = (failures if kept["Failures"] else errors) if failed else (errors if kept["Errors"] else failures)
        if not (kept["Errors"] or kept["Failures"]):
            raise
        sink.append({"error": str(error), "time": time.time()})
        return False
    return True
