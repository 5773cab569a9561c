"""Clients that write without pauses, and record which writes the server has acknowledged.

Each writer has its own documents. Acknowledged writes must exist after a crash. The one statement that was running when the server died
may have been executed or not.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

from pymongo import MongoClient, ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError
from pymongo.write_concern import WriteConcern

Document = dict[str, Any]
Change = tuple[int, Document | None]

IDS_PER_WRITER = 1_000_000


class Writer:
    """One client in a thread.

    Arguments:
        number: the writer's number. Writer 0 waits for the disk (`j: true`).
        seed: the seed of the writer's choices.

    Threads: only the writer's thread uses the attributes until `join` has returned.
    """

    def __init__(self, number: int, seed: int) -> None:
        self.acknowledged = 0
        self.known: dict[int, Document] = {}
        self.under_way: list[Change] = []
        self.waits_for_disk = number == 0
        self._next_id = number * IDS_PER_WRITER
        self._random = random.Random(seed)
        self._thread: threading.Thread | None = None

    def start(self, uri: str, tell: Callable[[], None]) -> None:
        """Write until the connection to the server breaks. Call `tell` after each acknowledged statement."""
        self.under_way = []
        self._thread = threading.Thread(target=self._run, args=(uri, tell))
        self._thread.start()

    def join(self) -> None:
        """Wait until the writer has noticed that the server was killed."""
        assert self._thread is not None
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _run(self, uri: str, tell: Callable[[], None]) -> None:
        with MongoClient(uri, retryWrites=False, serverSelectionTimeoutMS=2000) as client:
            collection = client.crash.documents.with_options(write_concern=WriteConcern(w=1, j=self.waits_for_disk or None))
            statements = [
                self._insert,
                self._insert,
                self._insert_many,
                self._update,
                self._replace,
                self._delete,
                self._modify,
                self._upsert,
                self._duplicate,
            ]
            try:
                while True:
                    self._random.choice(statements)(collection)
                    for number, document in self.under_way:
                        self._settle(number, document)
                    self.under_way = []
                    self.acknowledged += 1
                    tell()
            except DuplicateKeyError as error:
                raise AssertionError("the documents of a writer are its own") from error
            except PyMongoError:
                return

    def _settle(self, number: int, document: Document | None) -> None:
        if document is None:
            self.known.pop(number, None)
        else:
            self.known[number] = document

    def _new(self) -> Document:
        self._next_id += 1
        return {
            "_id": self._next_id,
            "unique": f"u{self._next_id}",
            "n": 0,
            "tags": [self._next_id % 7, "x"],
            "text": "x" * self._random.randrange(300),
        }

    def _some(self) -> Document:
        return dict(self.known[self._random.choice(list(self.known))]) if self.known else self._new()

    def _insert(self, collection: Any) -> None:
        document = self._new()
        self.under_way = [(document["_id"], document)]
        collection.insert_one(document)

    def _insert_many(self, collection: Any) -> None:
        documents = [self._new() for _ in range(self._random.randrange(2, 40))]
        self.under_way = [(document["_id"], document) for document in documents]
        collection.insert_many(documents)

    def _update(self, collection: Any) -> None:
        document = self._some()
        document["n"] += 1
        document["unique"] += "!"
        self.under_way = [(document["_id"], document)] if document["_id"] in self.known else []
        collection.update_one({"_id": document["_id"]}, {"$inc": {"n": 1}, "$set": {"unique": document["unique"]}})

    def _replace(self, collection: Any) -> None:
        document = {**self._some(), "n": 100, "tags": [self._random.randrange(9)]}
        self.under_way = [(document["_id"], document)] if document["_id"] in self.known else []
        collection.replace_one({"unique": document["unique"]}, document)

    def _delete(self, collection: Any) -> None:
        number = self._some()["_id"]
        self.under_way = [(number, None)]
        collection.delete_one({"_id": number})

    def _modify(self, collection: Any) -> None:
        document = self._some()
        document["n"] += 10
        self.under_way = [(document["_id"], document)] if document["_id"] in self.known else []
        found = collection.find_one_and_update({"_id": document["_id"]}, {"$inc": {"n": 10}}, return_document=ReturnDocument.AFTER)
        assert found == (document if self.under_way else None)

    def _upsert(self, collection: Any) -> None:
        document = self._new()
        self.under_way = [(document["_id"], document)]
        collection.replace_one({"_id": document["_id"]}, document, upsert=True)

    def _duplicate(self, collection: Any) -> None:
        document = {**self._new(), "unique": self._some()["unique"]}
        if not any(known["unique"] == document["unique"] for known in self.known.values()):
            return
        try:
            collection.insert_one(document)
        except DuplicateKeyError:
            return
        raise AssertionError(f"{document} was taken beside its equal")


def differences(writer: Writer, found: dict[int, Document]) -> list[str]:
    """Compare a writer's documents with those found after a restart, and return the differences.

    From then on, the writer takes the found documents as its own.
    """
    possible: dict[int, list[Document | None]] = {number: [document] for number, document in writer.known.items()}
    for number, document in writer.under_way:
        possible.setdefault(number, [None]).append(document)
    wrong = [f"{number}: {found.get(number)} is none of {states}" for number, states in possible.items() if found.get(number) not in states]
    wrong += [f"{number}: {document} was never written" for number, document in found.items() if number not in possible]
    writer.known = found
    return wrong
