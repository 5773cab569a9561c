"""The server's view of its topology: address, replica set and role, and the topologyVersion that an awaitable hello waits for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bson.int64 import Int64
from bson.objectid import ObjectId

from secantus_server.clock import Clock
from secantus_server.dispatch.operations import Operation
from secantus_server.settings import Settings
from secantus_server.system._clock import monotonic
from secantus_server.system.conditions import Condition

# The seconds after which the node that stepped down is elected again, unless it is frozen or was to step down for a shorter time. A replica
# set of several members has a new primary after about that time.
ELECTION_S = 1.0


def _election_id(term: int) -> ObjectId:
    """Return the id of the election of a term, which grows with it."""
    return ObjectId(b"\x7f\xff\xff\xff" + term.to_bytes(8, "big"))


class Topology:
    """The server's place in its (single-node) replica set.

    The node is the primary, except for a while after it was told to step down. No thread waits for the end of that time: whoever looks at
    the role after it holds the election, and a waiting hello wakes for it.

    Arguments:
        on_change: called after each change of the role.

    Threads: `_changed` guards everything but `address`, which is set once, before the first connection. `is_primary` is read without it.
    """

    def __init__(self, settings: Settings, clock: Clock, on_change: Callable[[], None]) -> None:
        self.replica_set = settings.replica_set
        self.process_id: ObjectId = clock.object_id()
        self.address = ""
        self.is_primary = True
        self.term = 1
        self.election_id = _election_id(self.term)
        self._clock = clock
        self._on_change = on_change
        self._election_at = 0.0
        self._frozen_until = 0.0
        self._changed = Condition()
        self._counter = 6
        self._closed = False

    def step_down(self, seconds: float) -> bool:
        """Become a secondary, for the seconds given at most; return whether this node was the primary."""
        with self._changed:
            if not self.is_primary:
                return False
            self._election_at = self._clock.monotonic() + min(seconds, ELECTION_S)
            self._take_role(False)
        self._on_change()
        return True

    def freeze(self, seconds: float) -> bool:
        """Put off the election; 0 ends that, and holds it at once. Return whether the node is a secondary: a primary cannot be frozen."""
        with self._changed:
            if self.is_primary:
                return False
            self._frozen_until = self._clock.monotonic() + seconds
            # A waiting hello computes the time of the election again.
            self._changed.notify_all()
        if not seconds:
            self.elect()
        return True

    def elect(self) -> None:
        """Become the primary, if the node is not."""
        with self._changed:
            if self.is_primary:
                return
            self.term += 1
            self.election_id = _election_id(self.term)
            self._frozen_until = 0.0
            self._take_role(True)
        self._on_change()

    def check_election(self) -> bool:
        """Hold the election if it is due; return whether the node is the primary."""
        if not self.is_primary and self._seconds_to_election() <= 0:
            self.elect()
        return self.is_primary

    def _seconds_to_election(self) -> float:
        return max(self._election_at, self._frozen_until) - self._clock.monotonic()

    def _take_role(self, is_primary: bool) -> None:
        self.is_primary = is_primary
        self._counter += 1
        self._changed.notify_all()

    def renew(self) -> dict[str, Any]:
        """Begin a new topologyVersion with the same role, and return it: each waiting hello answers at once."""
        with self._changed:
            self._counter += 1
            self._changed.notify_all()
            return self.version()

    def version(self) -> dict[str, Any]:
        """Return the topologyVersion of a hello reply."""
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
            "electionTimeoutMillis": 10000,
            "getLastErrorModes": {},
            "getLastErrorDefaults": {"w": 1, "wtimeout": 0},
            "replicaSetId": self.process_id,
        }
        return {
            "_id": self.replica_set,
            "version": 1,
            "term": self.term,
            "members": [member],
            "protocolVersion": Int64(1),
            # `j` is false unless a write asks for it, also with `w: "majority"`: see durability.py.
            "writeConcernMajorityJournalDefault": False,
            "settings": settings,
        }

    def wait_for_change(self, known: int, timeout_s: float, operation: Operation) -> None:
        """Block until the version differs from the known one, the timeout expires, or the server stops. Hold an election that is due.

        Raises:
            CommandError: as `Operation.check`.
        """
        if operation.deadline is not None:
            # A little longer, so that the check below finds the limit exceeded.
            timeout_s = min(timeout_s, operation.seconds_left() + 0.001)
        # The system's clock: the client measures its own waiting time by it, also while a test's clock stands still.
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
        """Whether the server stops, so that hellos no longer wait."""
        return self._closed

    def close(self) -> None:
        """Wake all waiting hellos; later ones do not wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
