"""The server's view of its topology: address, replica set, and the topologyVersion that an awaitable hello waits for."""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64
from bson.objectid import ObjectId

from secantus_server.clock import Clock
from secantus_server.settings import Settings
from secantus_server.system.conditions import Condition


class Topology:
    """The server's place in its (single-node) replica set.

    Threads: `_changed` guards `_counter` and `_closed`; `address` is set once, before the first connection.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.replica_set = settings.replica_set
        self.process_id: ObjectId = clock.object_id()
        self.election_id = ObjectId(b"\x7f\xff\xff\xff" + b"\0" * 7 + b"\1")
        self.address = ""
        self._changed = Condition()
        self._counter = 6
        self._closed = False

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
            "term": 1,
            "members": [member],
            "protocolVersion": Int64(1),
            "writeConcernMajorityJournalDefault": True,
            "settings": settings,
        }

    def wait_for_change(self, known: int, timeout_s: float) -> None:
        """Block until the version differs from the known one, the timeout expires, or the server stops."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._counter != known, timeout_s)

    def close(self) -> None:
        """Wake all waiting hellos; later ones do not wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
