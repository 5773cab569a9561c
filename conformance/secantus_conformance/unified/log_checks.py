"""The comparison of the driver's log messages with the expected messages."""

from __future__ import annotations

from typing import Any

from secantus_conformance import extjson
from secantus_conformance.failures import AssertionFailed
from secantus_conformance.unified.context import TestContext
from secantus_conformance.unified.logs import LogCollector
from secantus_conformance.unified.matching import Matcher, Mismatch

# The parts of a failure that the driver may log when it redacts the rest.
_REDACTED = {"code", "codeName", "errorLabels"}


def check_log_messages(test: TestContext, collector: LogCollector, spec: dict[str, Any]) -> None:
    """Check one `expectedLogMessagesForClient`. Raise AssertionFailed if the check fails."""
    client = spec["client"]
    messages = collector.messages(test.entities.client(client), test.observed_logs[client])
    ignored = spec.get("ignoreMessages", [])
    seen = [message for message in messages if not any(_matches(test.matcher, each, message) for each in ignored)]
    expected = spec["messages"]
    compared = seen[: len(expected)] if spec.get("ignoreExtraMessages") else seen
    if len(compared) != len(expected):
        raise _failure(f"{len(expected)} log messages were expected, {len(compared)} arrived.", expected, seen)
    for index, (wanted, message) in enumerate(zip(expected, compared, strict=True)):
        try:
            match_message(test.matcher, wanted, message)
        except Mismatch as mismatch:
            raise _failure(f"Log message {index + 1} differs: {mismatch}", [wanted], [message]) from mismatch


def _failure(text: str, expected: list[Any], seen: list[Any]) -> AssertionFailed:
    return AssertionFailed("log", text, extjson.show(expected), extjson.show(seen))


def _matches(matcher: Matcher, expected: dict[str, Any], message: dict[str, Any]) -> bool:
    try:
        match_message(matcher, expected, message)
    except Mismatch:
        return False
    return True


def match_message(matcher: Matcher, expected: dict[str, Any], message: dict[str, Any]) -> None:
    """Raise Mismatch if a log message does not match the expected message."""
    for key in ("level", "component"):
        matcher.match(expected[key], message[key], key)
    matcher.match(expected["data"], message["data"], "data")
    if "failureIsRedacted" in expected:
        _match_redaction(expected["failureIsRedacted"], message["data"])


def _match_redaction(wanted: bool, data: dict[str, Any]) -> None:
    if "failure" not in data:
        raise Mismatch("data.failure", "a failure", data, "is missing")
    failure = data["failure"]
    fields = set(extjson.loads(failure) if isinstance(failure, str) else failure)
    if wanted != (fields <= _REDACTED):
        raise Mismatch("data.failure", wanted, failure, "is not hidden" if wanted else "is hidden")
