"""The execution of one operation of a test, and the check of its result or error."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pymongo

from secantus_conformance import extjson
from secantus_conformance.failures import AssertionFailed, BadTest
from secantus_conformance.unified import driver_errors, driver_private
from secantus_conformance.unified.context import TestContext
from secantus_conformance.unified.entities import kind_of
from secantus_conformance.unified.error_checks import check_error, describe
from secantus_conformance.unified.matching import Mismatch, operator_of
from secantus_conformance.unified.ops.registry import Operation, find_operation

_KEYS = {"name", "object", "arguments", "ignoreResultAndError", "expectError", "expectResult", "saveResultAsEntity"}
_EXCLUSIVE = (
    ("ignoreResultAndError", {"expectError", "expectResult", "saveResultAsEntity"}),
    ("expectError", {"expectResult", "saveResultAsEntity"}),
)


def run_operation(test: TestContext, spec: dict[str, Any]) -> Exception | None:
    """Run an operation and check its result. If it raised an error that the test expects, return the error, which withTransaction needs.

    Raise AssertionFailed if a check fails, BadTest if the test is invalid, SkipTest if the operation is impossible here.
    """
    _check_form(spec)
    target = None if spec["object"] == "testRunner" else test.entities.get(spec["object"])
    kind = "testRunner" if target is None else kind_of(target)
    operation = find_operation(kind, spec["name"])
    arguments = copy.deepcopy(spec.get("arguments", {}))
    seconds = arguments.pop("timeoutMS", None) if kind != "testRunner" and "timeoutMS" not in operation.required else None
    operation.check(arguments)
    run = _with_timeout(operation, seconds)
    try:
        result = run(test, target, arguments)
    except Exception as error:  # noqa: BLE001  (judged below; anything but an error of the driver is raised again)
        return _judge_error(test, spec, error)
    _judge_result(test, spec, operation, result)
    return None


def _check_form(spec: dict[str, Any]) -> None:
    unknown = sorted(spec.keys() - _KEYS)
    if unknown:
        raise BadTest("malformed", f"An operation has no key {unknown[0]!r}.")
    for key, others in _EXCLUSIVE:
        both = sorted(others & spec.keys())
        if key in spec and both:
            raise BadTest("malformed", f"{key} and {both[0]} are mutually exclusive.")


def _with_timeout(operation: Operation, milliseconds: int | None) -> Callable[[TestContext, Any, dict[str, Any]], Any]:
    """Return the operation, wrapped in pymongo's timeout if the test sets one."""
    if milliseconds is None:
        return operation.run

    def run(test: TestContext, target: Any, arguments: dict[str, Any]) -> Any:
        with pymongo.timeout(milliseconds / 1000):
            return operation.run(test, target, arguments)

    return run


def _judge_error(test: TestContext, spec: dict[str, Any], error: Exception) -> Exception | None:
    """Return the error of an operation if the test expects or ignores it. Otherwise raise AssertionFailed.

    Raise errors of this runner unchanged.
    """
    if not driver_errors.is_expected_class(error):
        if driver_private.raised_by_driver(error):
            raise AssertionFailed(
                "unexpected-error",
                f"{spec['name']} raised an unexpected exception in the driver: {describe(error)}",
                "no error",
                describe(error),
            ) from error
        raise error
    if "expectError" in spec:
        check_error(test.matcher, spec["expectError"], error)
    elif not spec.get("ignoreResultAndError"):
        reason = f"{spec['name']} failed: {driver_errors.short(error)}"
        raise AssertionFailed("unexpected-error", reason, "no error", describe(error)) from error
    return error


def _judge_result(test: TestContext, spec: dict[str, Any], operation: Operation, result: Any) -> None:
    if "expectError" in spec:
        raise AssertionFailed("unexpected-success", f"{spec['name']} succeeded.", extjson.show(spec["expectError"]), extjson.show(result))
    if "expectResult" in spec:
        _match_result(test, spec, operation, result)
    if "saveResultAsEntity" in spec:
        test.entities.define(spec["saveResultAsEntity"], result)


def _match_result(test: TestContext, spec: dict[str, Any], operation: Operation, result: Any) -> None:
    expected = spec["expectResult"]
    try:
        if operation.rows and operator_of(expected) is None:
            test.matcher.match_array(expected, result, "result", roots=True)
        else:
            test.matcher.match(expected, result, "result")
    except Mismatch as mismatch:
        raise AssertionFailed("result", f"{spec['name']}: {mismatch}", extjson.show(expected), extjson.show(result)) from mismatch
