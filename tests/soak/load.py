"""A mixed load at a low rate on a bounded set of documents. After the warm-up, none of the server's resources should grow."""

from __future__ import annotations

import random
import threading
from datetime import datetime, timedelta, timezone
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure

IDS = 2000
CLIENTS = 3
TRANSIENT = "TransientTransactionError"


class Load:
    """Clients that run in threads until `stop` is called.

    Arguments:
        uri: the server.
        rate: operations per second of each client.
        seed: the seed of their choices.
    """

    def __init__(self, uri: str, rate: float, seed: int) -> None:
        self._uri = uri
        self._rate = rate
        self._stopping = threading.Event()
        self.operations = 0
        self.errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(random.Random(seed + number),)) for number in range(CLIENTS)]
        self._threads.append(threading.Thread(target=self._follow))

    def start(self) -> None:
        """Create the collections and start the clients."""
        with MongoClient(self._uri) as client:
            client.soak.documents.create_index([("a", 1), ("tags", 1)])
            client.soak.expiring.create_index("at", expireAfterSeconds=20)
            client.admin.command("setParameter", 1, ttlMonitorSleepSecs=5)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop the clients."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self, chance: random.Random) -> None:
        try:
            while not self._stopping.is_set():
                # Sometimes replace the client, so that connections, sessions and cursors end.
                with MongoClient(self._uri) as client:
                    for _ in range(chance.randrange(50, 400)):
                        if self._stopping.wait(chance.expovariate(self._rate)):
                            return
                        self.one(client, chance)
                        self.operations += 1
        except BaseException as error:  # noqa: BLE001 the main thread reports it
            self.errors.append(error)

    def one(self, client: MongoClient[dict[str, Any]], chance: random.Random) -> None:
        """Run a random operation."""
        documents, one, value = client.soak.documents, chance.randrange(IDS), chance.randrange(100)
        document = {"_id": one, "a": value, "tags": [value, one % 7], "text": "x" * chance.randrange(20, 2000)}
        way = chance.randrange(12)
        if way < 3:
            documents.replace_one({"_id": one}, document, upsert=True)
        elif way < 5:
            documents.update_many({"a": value}, {"$inc": {"n": 1}, "$set": {"tags": [value]}})
        elif way == 5:
            documents.delete_many({"a": value, "_id": {"$gt": one}})
        elif way == 6:
            list(documents.find({"a": {"$gte": value}}, batch_size=20).limit(60))
        elif way == 7:
            list(documents.aggregate([{"$group": {"_id": "$a", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}]))
        elif way == 8:
            client.soak.expiring.insert_one({"at": datetime.now(timezone.utc) - timedelta(seconds=value % 20)})
        elif way == 9:
            self._transaction(client, one)
        elif way == 10:
            name = f"short_{one % 5}"
            client.soak[name].insert_many([{"a": number} for number in range(20)])
            client.soak[name].create_index("a")
            client.soak.drop_collection(name)
        else:
            # Leave a cursor that is not read to its end.
            next(documents.find(batch_size=2), None)

    def _transaction(self, client: MongoClient[dict[str, Any]], one: int) -> None:
        try:
            with client.start_session() as session, session.start_transaction():
                client.soak.documents.update_one({"_id": one}, {"$inc": {"n": 1}}, session=session, upsert=True)
                client.soak.documents.update_one({"_id": (one + 1) % IDS}, {"$inc": {"n": -1}}, session=session)
        except OperationFailure as error:
            if not error.has_error_label(TRANSIENT):
                raise

    def _follow(self) -> None:
        """Follow a change stream."""
        try:
            with MongoClient(self._uri) as client, client.soak.watch(max_await_time_ms=500) as stream:
                while not self._stopping.is_set():
                    stream.try_next()
        except BaseException as error:  # noqa: BLE001 as in _run
            self.errors.append(error)
