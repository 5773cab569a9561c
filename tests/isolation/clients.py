"""Clients that append to lists and read them, inside and outside transactions, and record the outcomes.

A list is the field `v` of the document whose `_id` is the list's key. Values are unique within a list. A long list is replaced with a new
one, so that only few lists are in use and clients conflict often.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import Any

from pymongo import MongoClient, ReturnDocument, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from tests.isolation.history import APPEND, READ, History, Operation, append, read

Lists = Collection[dict[str, Any]]

LISTS_IN_PLAY = 8
LONGEST_LIST = 48

WRITE_CONFLICT, NO_SUCH_TRANSACTION, INTERRUPTED = 112, 251, 11601
#: The errors that may end a transaction in a correct server: a conflict, and those that killSessions causes.
EXPECTED_CODES = frozenset({WRITE_CONFLICT, NO_SUCH_TRANSACTION, INTERRUPTED})


class Keys:
    """The keys of the lists in use, and the next value for each list. Threads: any; the lock guards everything."""

    def __init__(self, count: int = LISTS_IN_PLAY) -> None:
        self._lock = threading.Lock()
        self._appended = dict.fromkeys(range(count), 0)
        self._next_key = count

    def choose(self, chance: random.Random) -> int:
        """Return the key of a list in use."""
        with self._lock:
            return chance.choice(list(self._appended))

    def next_value(self, chance: random.Random) -> tuple[int, int]:
        """Return the key of a list in use, and a new value that the list does not contain yet."""
        with self._lock:
            key = chance.choice(list(self._appended))
            self._appended[key] += 1
            value = self._appended[key]
            if value == LONGEST_LIST:
                del self._appended[key]
                self._appended[self._next_key] = 0
                self._next_key += 1
            return key, value


class Workload:
    """The state that all clients share.

    Arguments:
        aborts: the fraction of transactions that a client aborts at their end.
        outside: the fraction of single operations outside a transaction.

    Threads: any; the lock guards the counts.
    """

    def __init__(self, *, aborts: float = 0.08, outside: float = 0.1) -> None:
        self.history = History()
        self.keys = Keys()
        self.aborts = aborts
        self.outside = outside
        self.nearly_done = threading.Event()
        self._lock = threading.Lock()
        self._remaining = 0
        self._processes = 0

    def allow(self, transactions: int) -> None:
        """Increase the number of transactions that the clients may still run. Set `nearly_done` when a fifth of them remains."""
        self.nearly_done.clear()
        with self._lock:
            self._remaining = max(0, self._remaining) + transactions
            self._tell_at = transactions // 5

    def take(self) -> bool:
        """Reserve one of the remaining transactions. Return False if none remains."""
        with self._lock:
            self._remaining -= 1
            if self._remaining == self._tell_at:
                self.nearly_done.set()
            return self._remaining >= 0

    def new_process(self) -> int:
        """Return a process number that no other client uses."""
        with self._lock:
            self._processes += 1
            return self._processes


class Client(threading.Thread):
    """A client with its own session. It runs until the workload is done or the server has ended.

    Arguments:
        uri: the server's connection string.
        workload: the state that all clients share.
        seed: the seed of the client's choices.

    Attributes:
        session: the client's session, so that other code can kill it.
        error: an unexpected error that ended the client.
    """

    def __init__(self, uri: str, workload: Workload, seed: int) -> None:
        super().__init__()
        self.session: dict[str, Any] | None = None
        self.error: BaseException | None = None
        self._uri = uri
        self._workload = workload
        self._chance = random.Random(seed)
        self._process = workload.new_process()

    def run(self) -> None:
        """Run transactions until the workload is done or the server has ended."""
        try:
            with MongoClient(self._uri, serverSelectionTimeoutMS=2000) as client, client.start_session() as session:
                self.session = dict(session.session_id)
                while self._workload.take():
                    self._one(client.isolation.lists, session)
        except ConnectionFailure:
            return
        except BaseException as error:  # noqa: BLE001 the test's thread raises it again
            self.error = error

    def _one(self, lists: Lists, session: ClientSession) -> None:
        outside = self._chance.random() < self._workload.outside
        wanted = list(self._operations(1 if outside else self._chance.randrange(1, 5)))
        self._workload.history.invoke(self._process, wanted)
        if outside:
            self._complete_outside(lists, wanted)
        else:
            self._complete_inside(lists, session, wanted)

    def _operations(self, count: int) -> Iterator[Operation]:
        for _ in range(count):
            if self._chance.random() < 0.5:
                yield append(*self._workload.keys.next_value(self._chance))
            else:
                yield read(self._workload.keys.choose(self._chance))

    def _complete_outside(self, lists: Lists, wanted: list[Operation]) -> None:
        try:
            done = self._perform(lists, wanted, None)
        except ConnectionFailure:
            self._workload.history.complete("info", self._process, wanted)
            raise
        self._workload.history.complete("ok", self._process, done)

    def _complete_inside(self, lists: Lists, session: ClientSession, wanted: list[Operation]) -> None:
        try:
            concern = self._chance.choice([None, ReadConcern("snapshot"), ReadConcern("majority")])
            session.start_transaction(concern, WriteConcern("majority"))
            done = self._perform(lists, wanted, session)
            if self._chance.random() < self._workload.aborts:
                session.abort_transaction()
                self._workload.history.complete("fail", self._process, wanted)
                return
        except PyMongoError as error:
            self._workload.history.complete("fail", self._process, wanted)
            self._aborted(session, error)
            return
        self._commit(session, wanted, done)

    def _aborted(self, session: ClientSession, error: PyMongoError) -> None:
        if isinstance(error, ConnectionFailure):
            raise error
        if not isinstance(error, OperationFailure) or error.code not in EXPECTED_CODES:
            raise error
        assert error.has_error_label("TransientTransactionError") == (error.code != INTERRUPTED), error
        session.abort_transaction()

    def _commit(self, session: ClientSession, wanted: list[Operation], done: list[Operation]) -> None:
        try:
            session.commit_transaction()
        except ConnectionFailure:
            self._workload.history.complete("info", self._process, wanted)
            raise
        except OperationFailure as error:
            self._workload.history.complete("fail", self._process, wanted)
            if error.code not in EXPECTED_CODES or not error.has_error_label("TransientTransactionError"):
                raise
            return
        self._workload.history.complete("ok", self._process, done)

    def _perform(self, lists: Lists, wanted: list[Operation], session: ClientSession | None) -> list[Operation]:
        done: list[Operation] = []
        for kind, key, value in wanted:
            assert isinstance(key, int)
            if kind == APPEND:
                self._append(lists, key, value, session)
                done.append([APPEND, key, value])
            else:
                done.append([READ, key, self._read(lists, key, session)])
        return done

    def _append(self, lists: Lists, key: int, value: object, session: ClientSession | None) -> None:
        change = {"$push": {"v": value}, "$setOnInsert": {"k": key}}
        way = self._chance.randrange(3)
        if way == 0:
            lists.update_one({"_id": key}, change, upsert=True, session=session)
        elif way == 1:
            after = lists.find_one_and_update({"_id": key}, change, upsert=True, return_document=ReturnDocument.AFTER, session=session)
            assert after["v"][-1] == value, after
        else:
            lists.bulk_write([UpdateOne({"_id": key}, change, upsert=True)], session=session)

    def _read(self, lists: Lists, key: int, session: ClientSession | None) -> list[int]:
        way = self._chance.randrange(4)
        if way == 0:
            found = lists.find_one({"_id": key}, session=session)
        elif way == 1:
            found = next(iter(lists.find({"k": key}, session=session)), None)
        elif way == 2:
            found = next(iter(lists.aggregate([{"$match": {"k": key}}, {"$project": {"v": 1}}], session=session)), None)
        else:
            found = next(iter(lists.find({"_id": {"$in": [key, -1]}}, session=session)), None)
        values: list[int] = found["v"] if found else []
        return values
