"""The events of one client, under the format's names: events of commands, of connection pools (CMAP), and of server discovery (SDAM)."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pymongo import monitoring

EVENT_TYPES: dict[str, str] = {
    **dict.fromkeys(("commandStartedEvent", "commandSucceededEvent", "commandFailedEvent"), "command"),
    **dict.fromkeys(
        (
            "poolCreatedEvent",
            "poolReadyEvent",
            "poolClearedEvent",
            "poolClosedEvent",
            "connectionCreatedEvent",
            "connectionReadyEvent",
            "connectionClosedEvent",
            "connectionCheckOutStartedEvent",
            "connectionCheckOutFailedEvent",
            "connectionCheckedOutEvent",
            "connectionCheckedInEvent",
        ),
        "cmap",
    ),
    **dict.fromkeys(
        (
            "serverDescriptionChangedEvent",
            "serverHeartbeatStartedEvent",
            "serverHeartbeatSucceededEvent",
            "serverHeartbeatFailedEvent",
            "topologyDescriptionChangedEvent",
            "topologyOpeningEvent",
            "topologyClosedEvent",
        ),
        "sdam",
    ),
}
_RENAMED = {"TopologyOpenedEvent": "topologyOpeningEvent"}
# Commands that may contain secrets. The driver redacts them, and tests see them only on request.
SENSITIVE = frozenset(
    {"authenticate", "saslstart", "saslcontinue", "getnonce", "createuser", "updateuser", "copydbgetnonce", "copydbsaslstart", "copydb"}
)
_GREETINGS = frozenset({"hello", "ismaster"})


@dataclass(frozen=True)
class Event:
    """An event: its name in the format, the driver's event object, and a copy of the command or reply document in it."""

    name: str
    raw: Any
    document: Any


def event_name(raw: Any) -> str:
    """Return the name of a driver event in the format."""
    name = type(raw).__name__
    return _RENAMED.get(name, name[0].lower() + name[1:])


class Listener(
    monitoring.CommandListener,
    monitoring.ConnectionPoolListener,
    monitoring.ServerListener,
    monitoring.ServerHeartbeatListener,
    monitoring.TopologyListener,
):
    """A listener that collects the events that a client entity observes. It also counts connections if their events are not observed."""

    def __init__(self, observed: list[str], ignored_commands: list[str], sensitive: bool) -> None:
        self._observed = frozenset(observed)
        self._ignored = frozenset(name.lower() for name in ignored_commands) | {"configurefailpoint"}
        self._sensitive = sensitive
        self._changed = threading.Condition()
        self._events: list[Event] = []
        self.enabled = True
        self.checked_out = 0
        self.ready = 0

    def events(self, kind: str | None = None) -> list[Event]:
        """Return all events so far, or only those of one kind ("command", "cmap" or "sdam")."""
        with self._changed:
            return [event for event in self._events if kind in (None, EVENT_TYPES[event.name])]

    def wait_until(self, satisfied: Callable[[], bool], seconds: float) -> bool:
        """Wait until a condition on this listener is true, evaluating it after each event. Return False if the time expires first."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not satisfied():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def _add(self, raw: Any, document: Any = None) -> None:
        name = event_name(raw)
        with self._changed:
            self._count(name)
            if self.enabled and name in self._observed:
                self._events.append(Event(name, raw, copy.deepcopy(document)))
            self._changed.notify_all()

    def _count(self, name: str) -> None:
        self.ready += name == "connectionReadyEvent"
        self.checked_out += (name == "connectionCheckedOutEvent") - (name == "connectionCheckedInEvent")

    def _add_command(self, raw: Any, document: Any) -> None:
        name = raw.command_name.lower()
        redacted = name in SENSITIVE or (name in _GREETINGS and document == {})
        if name not in self._ignored and (self._sensitive or not redacted):
            self._add(raw, document)

    def started(self, event: Any) -> None:
        """Record the start of a command or heartbeat."""
        if isinstance(event, monitoring.CommandStartedEvent):
            self._add_command(event, event.command)
        else:
            self._add(event)

    def succeeded(self, event: Any) -> None:
        """Record the success of a command or heartbeat."""
        if isinstance(event, monitoring.CommandSucceededEvent):
            self._add_command(event, event.reply)
        else:
            self._add(event)

    def failed(self, event: Any) -> None:
        """Record the failure of a command or heartbeat."""
        if isinstance(event, monitoring.CommandFailedEvent):
            self._add_command(event, None)
        else:
            self._add(event)

    def opened(self, event: Any) -> None:
        """Record that a server or topology is being monitored."""
        self._add(event)

    description_changed = closed = opened
    pool_created = pool_ready = pool_cleared = pool_closed = opened
    connection_created = connection_ready = connection_closed = opened
    connection_check_out_started = connection_check_out_failed = opened
    connection_checked_out = connection_checked_in = opened
