"""The server's view of its topology: its address, replica set, role, and topologyVersion.

An awaitable hello waits until the topologyVersion changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson.int64 import Int64
from bson.objectid import ObjectId

from secantus_server.clock import Clock
from secantus_server.dispatch.operations import Operation
from secantus_server.settings import Settings
from secantus_server.system._clock import monotonic
from secantus_server.system._threads import Condition

# The time from a step-down to the next election of the node, unless it is frozen or a shorter step-down was requested. A replica set of
# several members needs about this time to elect a new primary.
ELECTION_S = 1.0
#: The default of the setting `electionTimeoutMillis`. It has no effect in a replica set of one member.
ELECTION_TIMEOUT_MS = 10_000


def _election_id(term: int) -> ObjectId:
    """Return the election id of a term. Later terms have greater ids."""
    return ObjectId(b"\x7f\xff\xff\xff" + term.to_bytes(8, "big"))


class Topology:
    """The server's state as a member of its (single-node) replica set.

    The node is the primary, except for a limited time after a step-down. No thread waits for the end of that time. Instead, the next
    check of the role after that time holds the election. A waiting hello also wakes up at that time and holds it.

    Arguments:
        on_change: called after each change of the role.

    Threads: `_changed` guards everything except `address`, which is set once, before the first connection. `is_primary` is read without
    the lock.
    """

    def __init__(self, settings: Settings, clock: Clock, on_change: Callable[[], None]) -> None:
        self.replica_set = settings.replica_set
        self.process_id: ObjectId = clock.object_id()
        self.address = ""
        self.is_primary = True
        self.term = 1
        self.config_version = 1
        self.election_timeout_ms = ELECTION_TIMEOUT_MS
        self.election_id = _election_id(self.term)
        self._clock = clock
        self._on_change = on_change
        self._election_at = 0.0
        self._frozen_until = 0.0
        self._changed = Condition()
        self._counter = 6
        self._closed = False

    def step_down(self, seconds: float) -> bool:
        """Become a secondary for at most the given number of seconds. Return whether this node was the primary."""
        with self._changed:
            if not self.is_primary:
                return False
            self._election_at = self._clock.monotonic() + min(seconds, ELECTION_S)
            self._take_role(False)
        self._on_change()
        return True

    def freeze(self, seconds: float) -> bool:
        """Postpone the next election by a number of seconds. 0 cancels the postponement and makes the node the primary immediately.

        Return False if the node is the primary, which cannot be frozen.
        """
        with self._changed:
            if self.is_primary:
                return False
            self._frozen_until = self._clock.monotonic() + seconds
            # Wake the waiting hellos, so that they compute the time of the election again.
            self._changed.notify_all()
        if not seconds:
            self.elect()
        return True

    def elect(self) -> None:
        """Become the primary, unless the node is already the primary."""
        with self._changed:
            if self.is_primary:
                return
            self.term += 1
            self.election_id = _election_id(self.term)
            self._frozen_until = 0.0
            self._take_role(True)
        self._on_change()

    def check_election(self) -> bool:
        """Become the primary if an election is due, and return whether the node is the primary."""
        if not self.is_primary and self._seconds_to_election() <= 0:
            self.elect()
        return self.is_primary

    def _seconds_to_election(self) -> float:
        return max(self._election_at, self._frozen_until) - self._clock.monotonic()

    def _take_role(self, is_primary: bool) -> None:
        self.is_primary = is_primary
        self._counter += 1
        self._changed.notify_all()

    def take_config(self, version: int, election_timeout_ms: int) -> None:
        """Set the version and the election timeout of the replica set's configuration. Waiting hellos return immediately."""
        with self._changed:
            self.config_version = version
            self.election_timeout_ms = election_timeout_ms
            self._counter += 1
            self._changed.notify_all()

    def renew(self) -> dict[str, Any]:
        """Increase the topologyVersion without a change of role, and return the new version. Waiting hellos return immediately."""
        with self._changed:
            self._counter += 1
            self._changed.notify_all()
            return self.version()

    def version(self) -> dict[str, Any]:
        """Return the topologyVersion for a hello reply."""
        return {"processId": self.process_id, "counter": Int64(self._counter)}

    def config(self) -> dict[str, Any]:
        """Return the replica set's configuration, for replSetGetConfig and `local.system.replset`."""
        member = {
            "_id": 0,
            "host": self.address,
            "arbiterOnly": False,
            "buildIndexes": True,
            "hidden": False,
            "priority": 1.0,
            "tags": {},
            "secondaryDelaySecs": Int64(0),
            "votes": 1,
        }
        settings = {
            "chainingAllowed": True,
            "heartbeatIntervalMillis": 2000,
            "heartbeatTimeoutSecs": 10,
            "electionTimeoutMillis": self.election_timeout_ms,
            "getLastErrorModes": {},
            "getLastErrorDefaults": {"w": 1, "wtimeout": 0},
            "replicaSetId": self.process_id,
        }
        return {
            "_id": self.replica_set,
            "version": self.config_version,
            "term": self.term,
            "members": [member],
            "protocolVersion": Int64(1),
            # In this server, `w: "majority"` does not imply `j: true`; see durability.py.
            "writeConcernMajorityJournalDefault": False,
            "settings": settings,
        }

    def wait_for_change(self, known: int, timeout_s: float, operation: Operation) -> None:
        """Block until the topologyVersion differs from the client's, the timeout expires, or the server stops.

        If an election becomes due meanwhile, hold it.

        Arguments:
            known: the counter of the client's topologyVersion.

        Raises:
            CommandError: the errors of `Operation.check`.
        """
        if operation.deadline is not None:
            # Wait 1 ms beyond the operation's time limit, so that the check below finds it exceeded.
            timeout_s = min(timeout_s, operation.seconds_left() + 0.001)
        # Measure by the system's clock, as the client does, even if a test has stopped the server's clock.
        deadline = monotonic() + timeout_s
        operation.wake = self._wake
        try:
            while not self._ends_wait(known, operation):
                self.check_election()
                with self._changed:
                    left = deadline - monotonic()
                    if self._ends_wait(known, operation) or left <= 0:
                        break
                    self._changed.wait(left if self.is_primary else min(left, max(self._seconds_to_election(), 0) + 0.001))
        finally:
            operation.wake = None
        operation.check()

    def _ends_wait(self, known: int, operation: Operation) -> bool:
        return self._closed or self._counter != known or operation.killed is not None

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    @property
    def is_closed(self) -> bool:
        """Return whether the server is stopping, so that hellos must not wait."""
        return self._closed

    def close(self) -> None:
        """Wake all waiting hellos, and make later hellos return without waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
