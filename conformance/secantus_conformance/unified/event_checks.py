"""The comparison of a client's events with the expected events, by number, order and fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson import ObjectId

from secantus_conformance import extjson
from secantus_conformance.failures import AssertionFailed, BadTest
from secantus_conformance.unified.context import TestContext
from secantus_conformance.unified.events import EVENT_TYPES, Event
from secantus_conformance.unified.matching import Matcher, Mismatch

_NO_OBJECT_ID = ObjectId(b"\0" * 12)


def check_events(test: TestContext, spec: dict[str, Any]) -> None:
    """Check one `expectedEventsForClient`. Raise AssertionFailed if the check fails, BadTest if the test is invalid."""
    kind = spec.get("eventType", "command")
    expected, seen = spec["events"], test.listener(spec["client"]).events(kind)
    for each in expected:
        if EVENT_TYPES.get(_name(each)) != kind:
            raise BadTest("malformed", f"{_name(each)} is not an event of the type {kind!r}.")
    compared = seen[: len(expected)] if spec.get("ignoreExtraEvents") else seen
    if len(compared) != len(expected):
        raise _failure(f"{len(expected)} events were expected on {spec['client']}, {len(compared)} arrived.", expected, seen)
    for index, (wanted, event) in enumerate(zip(expected, compared, strict=True)):
        try:
            match_event(test.matcher, wanted, event)
        except Mismatch as mismatch:
            raise _failure(f"Event {index + 1} on {spec['client']} differs: {mismatch}", [wanted], [event]) from mismatch


def _failure(message: str, expected: list[Any], seen: list[Event]) -> AssertionFailed:
    return AssertionFailed("event", message, extjson.show(expected), extjson.show([_shown(event) for event in seen]))


def _shown(event: Event) -> Any:
    return {event.name: event.document if event.document is not None else str(event.raw)}


def _name(expected: dict[str, Any]) -> str:
    if len(expected) != 1:
        raise BadTest("malformed", f"An expected event has exactly one type, not {len(expected)}.")
    name = next(iter(expected))
    if name not in EVENT_TYPES:
        raise BadTest("malformed", f"Unknown event {name!r}.")
    return name


def event_matches(matcher: Matcher, expected: dict[str, Any], event: Event) -> bool:
    """Return whether an event matches an expected event."""
    try:
        match_event(matcher, expected, event)
    except Mismatch:
        return False
    return True


def match_event(matcher: Matcher, expected: dict[str, Any], event: Event) -> None:
    """Raise Mismatch if an event does not match the expected event, or BadTest for an unknown field."""
    name = _name(expected)
    if event.name != name:
        raise Mismatch("", name, event.name, f"expected a {name}, got a {event.name}")
    for key, wanted in expected[name].items():
        if key not in _FIELDS:
            raise BadTest("malformed", f"An event has no field {key!r}.")
        _FIELDS[key](matcher, key, wanted, event)


def _document(matcher: Matcher, key: str, wanted: Any, event: Event) -> None:
    matcher.match(wanted, event.document, key)


def _attribute(name: str) -> Callable[[Matcher, str, Any, Event], None]:
    def check(matcher: Matcher, key: str, wanted: Any, event: Event) -> None:
        matcher.match(wanted, getattr(event.raw, name), key)

    return check


def _service_id(matcher: Matcher, key: str, wanted: bool, event: Event) -> None:
    given = event.raw.service_id
    if wanted != (isinstance(given, ObjectId) and given != _NO_OBJECT_ID):
        raise Mismatch(key, wanted, given, f"the service id is {given!r}")


def _connection_id(matcher: Matcher, key: str, wanted: bool, event: Event) -> None:
    given = event.raw.server_connection_id
    if wanted != (isinstance(given, int) and given > 0):
        raise Mismatch(key, wanted, given, f"the server's connection id is {given!r}")


def _description(name: str) -> Callable[[Matcher, str, Any, Event], None]:
    def check(matcher: Matcher, key: str, wanted: Any, event: Event) -> None:
        description = getattr(event.raw, name)
        of_server = hasattr(description, "server_type_name")
        matcher.match(wanted, {"type": description.server_type_name if of_server else description.topology_type_name}, key)

    return check


_FIELDS: dict[str, Callable[[Matcher, str, Any, Event], None]] = {
    "command": _document,
    "reply": _document,
    "commandName": _attribute("command_name"),
    "databaseName": _attribute("database_name"),
    "hasServiceId": _service_id,
    "hasServerConnectionId": _connection_id,
    "reason": _attribute("reason"),
    "interruptInUseConnections": _attribute("interrupt_connections"),
    "awaited": _attribute("awaited"),
    "previousDescription": _description("previous_description"),
    "newDescription": _description("new_description"),
}
