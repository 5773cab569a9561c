"""The comparison of an exception with a test's expected error. Every key of the expectation is checked, including keys whose value is
false.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secantus_conformance import extjson
from secantus_conformance.failures import AssertionFailed, BadTest
from secantus_conformance.unified import driver_errors
from secantus_conformance.unified.matching import Matcher, Mismatch

Check = Callable[[Matcher, Any, BaseException], str | None]


def check_error(matcher: Matcher, expected: dict[str, Any], error: BaseException) -> None:
    """Check an exception against `expectError`. Raise AssertionFailed if it does not match, or BadTest for an unknown key."""
    if not expected:
        raise BadTest("malformed", "expectError must have at least one key.")
    for key, wanted in expected.items():
        if key not in _CHECKS:
            raise BadTest("malformed", f"expectError has no key {key!r}.")
        try:
            wrong = _CHECKS[key](matcher, wanted, error)
        except Mismatch as mismatch:
            wrong = str(mismatch)
        if wrong:
            raise AssertionFailed("error", f"{key}: {wrong}", extjson.show(expected), describe(error)) from error


def describe(error: BaseException) -> str:
    """Return a description of an exception, including everything in the server's reply."""
    reply = driver_errors.details(error)
    return f"{type(error).__name__}: {driver_errors.short(error)}\n{extjson.show(reply)}" if reply else f"{type(error).__name__}: {error}"


def _is_error(matcher: Matcher, wanted: Any, error: BaseException) -> str | None:
    if wanted is not True:
        raise BadTest("malformed", "isError can only be true.")
    return None


def _is_client_error(matcher: Matcher, wanted: bool, error: BaseException) -> str | None:
    actual = driver_errors.is_client_error(error)
    return None if actual == wanted else f"the error comes from the {'client' if actual else 'server'}"


def _is_timeout_error(matcher: Matcher, wanted: bool, error: BaseException) -> str | None:
    actual = driver_errors.is_timeout(error)
    return None if actual == wanted else f"the error is {'a' if actual else 'no'} timeout"


def _contains(matcher: Matcher, wanted: str, error: BaseException) -> str | None:
    return None if wanted.lower() in driver_errors.message(error).lower() else f"the message does not contain {wanted!r}"


def _code(matcher: Matcher, wanted: int, error: BaseException) -> str | None:
    actual = driver_errors.codes(error)
    return None if wanted in actual else f"expected code {wanted}, got {_list(actual)}"


def _code_name(matcher: Matcher, wanted: str, error: BaseException) -> str | None:
    actual = driver_errors.code_names(error)
    return None if wanted.lower() in [name.lower() for name in actual] else f"expected {wanted}, got {_list(actual)}"


def _labels(matcher: Matcher, wanted: list[str], error: BaseException) -> str | None:
    missing = [label for label in wanted if not driver_errors.has_label(error, label)]
    return f"the error has no label {_list(missing)}" if missing else None


def _no_labels(matcher: Matcher, wanted: list[str], error: BaseException) -> str | None:
    present = [label for label in wanted if driver_errors.has_label(error, label)]
    return f"the error has the label {_list(present)}" if present else None


def _response(matcher: Matcher, wanted: Any, error: BaseException) -> str | None:
    reply = driver_errors.details(error)
    if not reply:
        return "the error contains no server reply"
    matcher.match(wanted, reply, "errorResponse")
    return None


def _write_errors(matcher: Matcher, wanted: dict[str, Any], error: BaseException) -> str | None:
    actual = driver_errors.write_errors(error)
    if set(actual) != set(wanted):
        return f"expected failed writes {_list(sorted(wanted))}, got {_list(sorted(actual))}"
    for index, each in wanted.items():
        matcher.match(each, actual[index], f"writeErrors.{index}", root=True)
    return None


def _write_concern_errors(matcher: Matcher, wanted: list[Any], error: BaseException) -> str | None:
    matcher.match_array(wanted, driver_errors.write_concern_errors(error), "writeConcernErrors", roots=True)
    return None


def _result(matcher: Matcher, wanted: Any, error: BaseException) -> str | None:
    matcher.match(wanted, driver_errors.partial_result(error), "expectResult")
    return None


def _list(values: list[Any]) -> str:
    return ", ".join(map(str, values)) or "none"


_CHECKS: dict[str, Check] = {
    "isError": _is_error,
    "isClientError": _is_client_error,
    "isTimeoutError": _is_timeout_error,
    "errorContains": _contains,
    "errorCode": _code,
    "errorCodeName": _code_name,
    "errorLabelsContain": _labels,
    "errorLabelsOmit": _no_labels,
    "errorResponse": _response,
    "writeErrors": _write_errors,
    "writeConcernErrors": _write_concern_errors,
    "expectResult": _result,
}
