"""The operations that wait for events and topology changes, or count events."""

from __future__ import annotations

import time
from typing import Any

from pymongo.topology_description import TopologyDescription

from secantus_conformance import extjson
from secantus_conformance.failures import AssertionFailed
from secantus_conformance.unified.context import TestContext
from secantus_conformance.unified.event_checks import event_matches
from secantus_conformance.unified.ops.registry import operation

_EVENT_SECONDS = 10.0


def _count(test: TestContext, client: str, expected: dict[str, Any]) -> int:
    return sum(event_matches(test.matcher, expected, event) for event in test.listener(client).events())


@operation("testRunner", "waitForEvent", "client event count")
def wait_for_event(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Wait until a client has observed an event the given number of times."""
    client, event, count = arguments["client"], arguments["event"], arguments["count"]
    if not test.listener(client).wait_until(lambda: _count(test, client, event) >= count, _EVENT_SECONDS):
        raise AssertionFailed(
            "event",
            f"The event did not occur {count} times within ten seconds.",
            extjson.show({"event": event, "count": count}),
            _seen(test, client),
        )


@operation("testRunner", "assertEventCount", "client event count")
def assert_event_count(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Assert that a client has observed an event exactly the given number of times."""
    client, event, count = arguments["client"], arguments["event"], arguments["count"]
    actual = _count(test, client, event)
    if actual != count:
        raise AssertionFailed(
            "event", f"The event occurred {actual} times.", extjson.show({"event": event, "count": count}), _seen(test, client)
        )


def _seen(test: TestContext, client: str) -> str:
    return "\n".join(event.name for event in test.listener(client).events()) or "(no events)"


@operation("testRunner", "recordTopologyDescription", "client id")
def record_topology_description(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Record the client's current view of the topology."""
    test.entities.define(arguments["id"], test.entities.client(arguments["client"]).topology_description)


@operation("testRunner", "assertTopologyType", "topologyDescription topologyType")
def assert_topology_type(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Assert the type of a recorded topology description."""
    description = test.entities.typed(arguments["topologyDescription"], TopologyDescription)
    if description.topology_type_name != arguments["topologyType"]:
        raise AssertionFailed("assertion", "The topology has a different type.", arguments["topologyType"], description.topology_type_name)


@operation("testRunner", "waitForPrimaryChange", "client priorTopologyDescription", "timeoutMS")
def wait_for_primary_change(test: TestContext, target: None, arguments: dict[str, Any]) -> Any:
    """Wait until a client observes a primary that differs from the primary in the recorded topology."""
    client = test.entities.client(arguments["client"])
    before = _primary(test.entities.typed(arguments["priorTopologyDescription"], TopologyDescription))
    deadline = time.monotonic() + arguments.get("timeoutMS", 10_000) / 1000
    while _primary(client.topology_description) in (None, before):
        if time.monotonic() > deadline:
            raise AssertionFailed("assertion", "The primary did not change in time.", "another primary", str(before))
        time.sleep(0.05)


def _primary(description: TopologyDescription) -> Any:
    servers = description.server_descriptions().values()
    return next((server.address for server in servers if server.server_type_name == "RSPrimary"), None)
