"""The check of the change stream in a simulation. Applying its events to an empty model must yield the collections, without gaps or
repetitions.
"""

from __future__ import annotations

from typing import Any

import bson
from bson.int64 import Int64

from tests.isolation.events import Event, Replica
from tests.isolation.updates import change
from tests.simulation.client import Client, Document, Failed, Lost
from tests.simulation.lists import EXPECTED
from tests.simulation.models import in_transaction

DB, END = "history", "end"
NAMES = ("a", "b", "c")
CURSOR_NOT_FOUND = 43
#: The errors after which a stream is resumed.
RESUMES = frozenset({CURSOR_NOT_FOUND, 237, 11601, 11600, 136, 175, 91, 189})


class Writer:
    """A model that makes random writes and catalog changes. The server may refuse them, because they are chosen without regard to the
    existing data.
    """

    def one(self, client: Client) -> None:
        """Run a random write, a transaction with several writes, or a catalog change."""
        way = client.chance.random()
        try:
            if way < 0.12:
                definition = self._definition(client)
                client.command("admin" if "renameCollection" in definition else DB, definition)
            elif way < 0.4:
                in_transaction(client, lambda: self._several(client))
            else:
                client.command(DB, self._write(client))
        except (Lost, Failed):
            return

    def _several(self, client: Client) -> None:
        for _ in range(client.chance.randrange(1, 5)):
            try:
                client.inside(DB, self._write(client))
            except Failed as failed:
                if failed.code not in EXPECTED:
                    raise Lost from None
                raise

    def _write(self, client: Client) -> Document:
        chance = client.chance
        name, one = chance.choice(NAMES), chance.randrange(12)
        document = {"_id": one, "n": 0, "tags": [one], "objects": [{"v": one}], "deep": {"n": 1}}
        way = chance.randrange(10)
        if way < 2:
            return {"update": name, "updates": [{"q": {"_id": one}, "u": {**document, "r": chance.random()}, "upsert": True}]}
        if way < 5:
            return {"update": name, "updates": [{"q": {"_id": one}, "u": change(chance), "upsert": chance.random() < 0.5}]}
        if way == 5:
            return {"update": name, "updates": [{"q": {"_id": {"$lt": one}}, "u": change(chance), "multi": True}]}
        if way == 6:
            return {"delete": name, "deletes": [{"q": {"_id": {"$gte": 11 - one % 3}}, "limit": 0}]}
        if way == 7:
            return {"findAndModify": name, "query": {"_id": one}, "update": change(chance)}
        if way == 8:
            updates = [{"q": {"_id": one}, "u": change(chance)}, {"q": {"_id": one + 1}, "u": {"z": 1}, "upsert": True}]
            return {"update": name, "updates": updates, "ordered": chance.random() < 0.5}
        return {"insert": name, "documents": [{"k": one, "tags": [1, 2]} for _ in range(3)]}

    def _definition(self, client: Client) -> Document:
        one, other = client.chance.sample(NAMES, 2)
        way = client.chance.randrange(8)
        if way == 0:
            return {"drop": one}
        if way == 1:
            return {"renameCollection": f"{DB}.{one}", "to": f"{DB}.{other}", "dropTarget": True}
        if way == 2:
            return {"createIndexes": one, "indexes": [{"key": {"n": 1}, "name": "n_1"}]}
        if way == 3:
            return {"dropIndexes": one, "index": "*"}
        if way == 4:
            return {"aggregate": one, "pipeline": [{"$match": {}}, {"$out": other}], "cursor": {}}
        if way == 5:
            return {"aggregate": one, "pipeline": [{"$set": {"merged": True}}, {"$merge": {"into": other}}], "cursor": {}}
        if way == 6:
            return {"collMod": one, "validationLevel": "moderate"}
        return {"convertToCapped": one, "size": 4096} if client.chance.random() < 0.3 else {"create": one}


class Follower:
    """A reader of the whole server's change stream, up to an event that is marked as the last one. It resumes the stream after each
    error.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.tokens: list[str] = []
        self.resumed = 0
        self._token: Any = None

    def open(self, client: Client) -> Any:
        """Open the stream after the last event that was read, if any. Return the stream's cursor."""
        stage: Document = {"allChangesForCluster": True, "showExpandedEvents": True}
        if self._token is not None:
            stage[client.chance.choice(("resumeAfter", "startAfter"))] = self._token
        command = {"aggregate": 1, "pipeline": [{"$changeStream": stage}], "cursor": {"batchSize": client.chance.choice((0, 1, 10))}}
        while True:
            try:
                cursor = client.command("admin", command)["cursor"]
                break
            except Lost:
                continue
            except Failed as failed:
                if failed.code not in RESUMES:
                    raise
        self._take(cursor["firstBatch"], cursor["postBatchResumeToken"])
        return cursor["id"]

    def follow(self, client: Client) -> None:
        """Read the stream up to its last event."""
        cursor_id = self.open(client)
        while not self.is_done:
            more: Document = {"getMore": Int64(cursor_id), "collection": "$cmd.aggregate", "maxTimeMS": client.chance.choice((1, 50, 1000))}
            if client.chance.random() < 0.3:
                more["batchSize"] = client.chance.randrange(1, 4)
            try:
                cursor = client.command("admin", more)["cursor"]
            except (Lost, Failed) as error:
                if isinstance(error, Failed) and error.code not in RESUMES:
                    raise
                self.resumed += 1
                cursor_id = self.open(client)
            else:
                self._take(cursor["nextBatch"], cursor["postBatchResumeToken"])

    @property
    def is_done(self) -> bool:
        """Whether the last event was read."""
        return bool(self.events) and self.events[-1].get("documentKey", {}).get("_id") == END

    def _take(self, batch: list[Event], token: Any) -> None:
        for event in batch:
            if self.is_done:
                # A document may have expired after the last event.
                return
            self._take_token(event["_id"], strictly=True)
            self.events.append(event)
        self._take_token(token, strictly=False)

    def _take_token(self, token: Any, *, strictly: bool) -> None:
        """Store a resume token, after asserting that resume tokens only increase."""
        last = self.tokens[-1] if self.tokens else ""
        now: str = token["_data"]
        # The token of an event sorts after the high-water mark of its time.
        assert last < now or (not strictly and last == now), f"the token {now} follows {last}"
        self.tokens.append(now)
        self._token = token

    def check(self, client: Client) -> None:
        """Compare the model that was built from the events with the collections. Then read the stream again, starting at a random event."""
        replica = Replica()
        for event in self.events:
            if event["ns"]["db"] == DB:
                replica.apply(event)
        listed = client.all(DB, {"listCollections": 1, "nameOnly": True})
        there = {one["name"]: client.all(DB, {"find": one["name"]}) for one in listed}
        mine = {name: list(documents.values()) for name, documents in replica.collections.items()}
        assert _bytes_of(mine) == _bytes_of(there), f"the events give {mine}, there is {there}"
        place = client.chance.randrange(len(self.events) - 1)
        again = Follower()
        again._token = self.events[place]["_id"]
        again.follow(client)
        assert again.events == self.events[place + 1 :], "a stream that resumes does not have the same events"


def _bytes_of(collections: dict[str, list[Any]]) -> dict[str, list[bytes]]:
    """Return the sorted documents of each collection as BSON. Omit empty collections."""
    return {name: sorted(map(bson.encode, documents)) for name, documents in collections.items() if documents}
