"""The events and log messages that a client observes, compared with a test's expectations."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import secantus_conformance.unified.operators  # noqa: F401  (registers the operators)
from bson import ObjectId
from secantus_conformance.failures import AssertionFailed, BadTest
from secantus_conformance.unified.entities import EntityMap
from secantus_conformance.unified.event_checks import check_events, match_event
from secantus_conformance.unified.events import EVENT_TYPES, Event
from secantus_conformance.unified.log_checks import match_message
from secantus_conformance.unified.logs import LogCollector
from secantus_conformance.unified.matching import Matcher, Mismatch

MATCHER = Matcher(EntityMap())


def event(name: str, document: Any = None, **fields: Any) -> Event:
    return Event(name, SimpleNamespace(**fields), document)


STARTED = event("commandStartedEvent", {"find": "c", "filter": {}}, command_name="find", database_name="d", service_id=None)
SUCCEEDED = event("commandSucceededEvent", {"ok": 1}, command_name="find", database_name="d", server_connection_id=7)
CLEARED = event("poolClearedEvent", interrupt_connections=True)
CLOSED = event("connectionClosedEvent", reason="stale")
BEAT = event("serverHeartbeatStartedEvent", awaited=False)
SERVER = event(
    "serverDescriptionChangedEvent",
    previous_description=SimpleNamespace(server_type_name="Unknown"),
    new_description=SimpleNamespace(server_type_name="RSPrimary"),
)
TOPOLOGY = event(
    "topologyDescriptionChangedEvent",
    previous_description=SimpleNamespace(topology_type_name="Unknown"),
    new_description=SimpleNamespace(topology_type_name="Single"),
)
BALANCED = event("commandStartedEvent", {}, service_id=ObjectId(), server_connection_id=None)

HOLDS: list[tuple[dict[str, Any], Event]] = [
    ({}, STARTED),
    ({"command": {"find": "c"}, "commandName": "find", "databaseName": "d", "hasServiceId": False}, STARTED),
    ({"reply": {"ok": 1}, "hasServerConnectionId": True}, SUCCEEDED),
    ({"command": {}, "hasServiceId": True, "hasServerConnectionId": False}, BALANCED),
    ({"interruptInUseConnections": True}, CLEARED),
    ({"reason": "stale"}, CLOSED),
    ({"awaited": False}, BEAT),
    ({"previousDescription": {"type": "Unknown"}, "newDescription": {"type": "RSPrimary"}}, SERVER),
    ({"newDescription": {"type": "Single"}}, TOPOLOGY),
]


@pytest.mark.parametrize(("fields", "seen"), HOLDS)
def test_an_event_as_expected(fields: dict[str, Any], seen: Event) -> None:
    match_event(MATCHER, {seen.name: fields}, seen)


DIFFERS: list[tuple[dict[str, Any], Event, str]] = [
    ({"commandFailedEvent": {}}, SUCCEEDED, "expected a commandFailedEvent, got a commandSucceededEvent"),
    ({"commandStartedEvent": {"command": {"filter": {"a": 1}}}}, STARTED, "command.filter.a"),
    ({"commandStartedEvent": {"command": {"lsid": {"$$exists": True}}}}, STARTED, "command.lsid"),
    ({"commandStartedEvent": {"commandName": "insert"}}, STARTED, "commandName"),
    ({"commandStartedEvent": {"databaseName": "e"}}, STARTED, "databaseName"),
    ({"commandStartedEvent": {"hasServiceId": True}}, STARTED, "the service id is None"),
    ({"commandStartedEvent": {"hasServiceId": False}}, BALANCED, "the service id is"),
    ({"commandSucceededEvent": {"reply": {"ok": 0}}}, SUCCEEDED, "reply.ok"),
    ({"commandSucceededEvent": {"hasServerConnectionId": False}}, SUCCEEDED, "connection id is 7"),
    ({"poolClearedEvent": {"interruptInUseConnections": False}}, CLEARED, "interruptInUseConnections"),
    ({"connectionClosedEvent": {"reason": "idle"}}, CLOSED, "reason"),
    ({"serverHeartbeatStartedEvent": {"awaited": True}}, BEAT, "awaited"),
    ({"serverDescriptionChangedEvent": {"newDescription": {"type": "Unknown"}}}, SERVER, "newDescription.type"),
    ({"topologyDescriptionChangedEvent": {"previousDescription": {"type": "Single"}}}, TOPOLOGY, "previousDescription.type"),
]


@pytest.mark.parametrize(("expected", "seen", "words"), DIFFERS)
def test_an_event_that_differs(expected: dict[str, Any], seen: Event, words: str) -> None:
    with pytest.raises(Mismatch) as caught:
        match_event(MATCHER, expected, seen)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "expected", [{}, {"nope": {}}, {"poolReadyEvent": {}, "poolClearedEvent": {}}, {"commandStartedEvent": {"nope": 1}}]
)
def test_an_event_that_cannot_be_expected(expected: dict[str, Any]) -> None:
    with pytest.raises(BadTest):
        match_event(MATCHER, expected, STARTED)


def check(expected: list[dict[str, Any]], seen: list[Event], **spec: Any) -> None:
    def events(kind: str) -> list[Event]:
        return [each for each in seen if EVENT_TYPES[each.name] == kind]

    test: Any = SimpleNamespace(listener=lambda _: SimpleNamespace(events=events), matcher=MATCHER)
    check_events(test, {"client": "client0", "events": expected, **spec})


def test_the_number_and_the_order_of_events() -> None:
    both = [{"commandStartedEvent": {}}, {"commandSucceededEvent": {}}]
    check(both, [STARTED, CLEARED, SUCCEEDED])
    check([{"poolClearedEvent": {}}], [STARTED, CLEARED], eventType="cmap")
    check(both[:1], [STARTED, SUCCEEDED], ignoreExtraEvents=True)
    check([], [CLEARED])
    for expected, spec in ((both[:1], {}), ([], {}), ([*both, both[0]], {"ignoreExtraEvents": True}), (both[::-1], {})):
        with pytest.raises(AssertionFailed) as caught:
            check(expected, [STARTED, SUCCEEDED], **spec)
        assert caught.value.kind == "event"
    with pytest.raises(BadTest, match="not an event of the type 'cmap'"):
        check(both, [], eventType="cmap")


MESSAGE = {"level": "debug", "component": "command", "data": {"message": "Command started", "command": '{"find": "c"}', "failure": "{}"}}
REDACTED = {**MESSAGE, "data": {"failure": '{"code": 1, "codeName": "A"}'}}
OPEN = {**MESSAGE, "data": {"failure": {"code": 1, "errmsg": "secret"}}}


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"data": {}}, MESSAGE),
        ({"data": {"message": "Command started", "command": {"$$matchAsDocument": {"find": "c"}}}}, MESSAGE),
        ({"data": {}, "failureIsRedacted": True}, REDACTED),
        ({"data": {}, "failureIsRedacted": False}, OPEN),
    ],
)
def test_a_log_message_as_expected(change: dict[str, Any], seen: dict[str, Any]) -> None:
    match_message(MATCHER, {"level": "debug", "component": "command", **change}, seen)


@pytest.mark.parametrize(
    ("change", "seen", "words"),
    [
        ({"data": {"message": "other"}}, MESSAGE, "data.message"),
        ({"data": {"reason": {"$$exists": True}}}, MESSAGE, "data.reason"),
        ({"data": {}, "level": "info"}, MESSAGE, "level"),
        ({"data": {}, "component": "topology"}, MESSAGE, "component"),
        ({"data": {}, "failureIsRedacted": True}, OPEN, "is not hidden"),
        ({"data": {}, "failureIsRedacted": False}, REDACTED, "is hidden"),
        ({"data": {}, "failureIsRedacted": True}, {**MESSAGE, "data": {}}, "is missing"),
    ],
)
def test_a_log_message_that_differs(change: dict[str, Any], seen: dict[str, Any], words: str) -> None:
    with pytest.raises(Mismatch) as caught:
        match_message(MATCHER, {"level": "debug", "component": "command", **change}, seen)
    assert words in str(caught.value)


@pytest.fixture
def collector() -> Iterator[LogCollector]:
    found = LogCollector()
    found.start()
    yield found
    found.stop()


def test_only_the_messages_of_the_client_that_are_severe_enough_count(collector: LogCollector) -> None:
    client: Any = SimpleNamespace(_topology_settings=SimpleNamespace(_topology_id="t1"))
    for component, level, topology in (
        ("command", logging.DEBUG, "t1"),
        ("command", logging.DEBUG, "t2"),
        ("connection", logging.DEBUG, "t1"),
        ("connection", logging.INFO, "t1"),
        ("topology", logging.ERROR, "t1"),
    ):
        logging.getLogger(f"pymongo.{component}").log(level, "%s", json.dumps({"topologyId": topology}))
    messages = collector.messages(client, {"command": "debug", "connection": "info"})
    assert [(each["component"], each["level"]) for each in messages] == [("command", "debug"), ("connection", "info")]
