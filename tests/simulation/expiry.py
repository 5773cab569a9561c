"""The simulation of documents that expire while the wall clock jumps.

No document may be deleted too early or twice, and no expired document may remain.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from tests.isolation.events import Event
from tests.simulation.client import Client, Failed, Lost
from tests.simulation.lists import STATEMENT_ERRORS
from tests.simulation.node import Wall
from tests.simulation.stream import DB as OTHER_DB

DB, NAME = "expiry", "expiring"
assert DB != OTHER_DB
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
AFTER_S = 5
PASS_S = 1
NEVER_MS = 1 << 60


class Expiry:
    """A model that inserts documents that expire soon, late or never, and checks which of them still exist.

    Arguments:
        wall: the wall clock, which records the latest time that the server can have read.
    """

    def __init__(self, wall: Wall) -> None:
        self._wall = wall
        self._next = 0
        #: For each inserted document, the time in milliseconds from which it may be deleted.
        self._due_ms: dict[int, int] = {}
        self._acknowledged: set[int] = set()

    def prepare(self, client: Client) -> None:
        """Create the collection, and set a short interval for the server's TTL monitor."""
        client.command("admin", {"setParameter": 1, "ttlMonitorSleepSecs": PASS_S})
        index = {"key": {"at": 1}, "name": "at_1", "expireAfterSeconds": AFTER_S}
        client.command(DB, {"createIndexes": NAME, "indexes": [index]})

    def one(self, client: Client) -> None:
        """Perform one random step: insert a document, postpone the expiry of a document, or check all documents."""
        way = client.chance.random()
        if way < 0.5:
            self._insert(client)
        elif way < 0.7 and self._acknowledged:
            self._put_off(client)
        else:
            self._look(client)

    def _insert(self, client: Client) -> None:
        self._next += 1
        number = self._next
        at_ms = self._wall.now_ms() + client.chance.choice((-60_000, -1000, 0, 2000, 20_000, 86_400_000))
        self._due_ms[number] = at_ms + AFTER_S * 1000
        at: Any = EPOCH + timedelta(milliseconds=at_ms)
        if client.chance.random() < 0.2:
            # The earliest date in an array counts.
            at = [at, EPOCH + timedelta(milliseconds=at_ms + 10_000)]
        elif client.chance.random() < 0.1:
            at, self._due_ms[number] = "never", NEVER_MS
        if self._write(client, {"insert": NAME, "documents": [{"_id": number, "at": at}]}):
            self._acknowledged.add(number)

    def _put_off(self, client: Client) -> None:
        number = client.chance.choice(sorted(self._acknowledged))
        if self._due_ms[number] == NEVER_MS:
            return
        due_ms = max(self._due_ms[number], self._wall.now_ms() + 3_600_000)
        change = {"$set": {"at": EPOCH + timedelta(milliseconds=due_ms - AFTER_S * 1000)}}
        if self._write(client, {"update": NAME, "updates": [{"q": {"_id": number}, "u": change}]}):
            self._due_ms[number] = due_ms

    def _write(self, client: Client, command: dict[str, Any]) -> int:
        """Send a retryable write of one document. Return its `n`, or 0 if the write was interrupted."""
        try:
            n: int = client.retried(DB, command)["n"]
        except Failed as failed:
            if failed.code not in STATEMENT_ERRORS:
                raise
            return 0
        return n

    def _look(self, client: Client) -> None:
        sure = set(self._acknowledged)
        try:
            found = {one["_id"] for one in client.all(DB, {"find": NAME})}
        except (Lost, Failed):
            return
        early = [number for number in sure - found if self._due_ms[number] > self._wall.highest_ms]
        assert not early, f"gone before their time: {early}"

    def check(self, client: Client) -> None:
        """Let the TTL monitor run once more, then check the remaining documents."""
        # In a restarted process, the monitor has its default interval of one minute.
        client.node.scheduler.sleep(70)
        self._look(client)
        now_ms = self._wall.now_ms()
        late = [one["_id"] for one in client.all(DB, {"find": NAME}) if self._due_ms[one["_id"]] <= now_ms - 65_000]
        assert not late, f"still there: {late}"

    def check_events(self, events: list[Event]) -> None:
        """Assert that no document was deleted twice, or deleted although it did not exist."""
        there: set[int] = set()
        for event in events:
            if event["ns"].get("coll") != NAME:
                continue
            if event["operationType"] == "insert":
                assert event["documentKey"]["_id"] not in there, event
                there.add(event["documentKey"]["_id"])
            elif event["operationType"] == "delete":
                assert event["documentKey"]["_id"] in there, f"deleted twice: {event}"
                there.remove(event["documentKey"]["_id"])
