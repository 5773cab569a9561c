"""Clients that write without pauses. Each writes to its own part of a shared collection, and to its own collections."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable
from typing import Any

from bson import Binary, Int64

from secantus_server.server import SecantusDBServer
from tests.net.raw_client import RawClient
from tests.power.file_system import PowerFileSystem
from tests.power.model import SHARED, Content, Document, History, State, Statement

DATABASE = "power"
IDS_PER_CLIENT = 1_000_000
MOST_DOCUMENTS = 120
INDEXES: dict[str, Document] = {"tags_1": {"tags": 1}, "n_1_text_1": {"n": 1, "text": 1}, "unique_1": {"unique": 1}}


class Client:
    """A client that writes in a thread.

    Arguments:
        number: the number of the client.
        always_durable: whether the server syncs each commit to disk.

    Threads: until `join` has returned, only the client's thread uses the attributes, except `history`. Its lock is locked during a
    statement.
    """

    def __init__(self, number: int, seed: int, history: History, file_system: PowerFileSystem, *, always_durable: bool) -> None:
        self.history = history
        self.problem: str | None = None
        self._number = number
        self._random = random.Random(seed)
        self._file_system = file_system
        self._always_durable = always_durable
        self._session = {"id": Binary(uuid.UUID(int=self._random.getrandbits(128), version=4).bytes, 4)}
        self._transaction_number = 0
        self._next_id = (
            number * IDS_PER_CLIENT + 1 + max((key % IDS_PER_CLIENT for one in history.before.values() for key in one.documents), default=0)
        )
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def start(self, server: SecantusDBServer) -> None:
        """Start the thread, which writes to the server."""
        self._thread = threading.Thread(target=self._run, args=(server,))
        self._thread.start()

    def stop(self) -> None:
        """Request that the thread ends after its current statement."""
        self._stop.set()

    def pause(self) -> None:
        """Sleep for a moment, so that the client's thread can work."""
        self._stop.wait(0.002)

    def join(self) -> None:
        """Wait until the thread ends."""
        assert self._thread is not None
        self._thread.join(120)
        assert not self._thread.is_alive()

    def _run(self, server: SecantusDBServer) -> None:
        connection = RawClient(server)
        makers = [self._insert] * 3 + [self._update, self._update_many, self._replace, self._delete, self._delete_many, self._modify]
        makers += [self._transaction] * 3 + [self._create, self._index, self._drop_index, self._rename, self._drop]
        try:
            while not self._stop.is_set():
                with self.history.lock:
                    self._random.choice(makers)(connection)
        except (AssertionError, OSError, EOFError) as error:
            self.problem = f"client {self._number}: {error!r}"
        finally:
            connection.close()

    def _state(self) -> State:
        """Return a copy of the newest state, which the next statement will change."""
        return {name: Content(dict(content.documents), content.indexes) for name, content in self.history.newest.items()}

    def _concern(self) -> Document:
        self._durable = self._random.random() < 0.3
        return {"writeConcern": {"w": 1, "j": True}} if self._durable else {}

    def _take(self, what: str, after: State, act: Callable[[], Any], *, splits: bool = False, retry: Document | None = None) -> None:
        """Run a statement. Record it in the history before it is sent and when it is acknowledged."""
        statement = Statement(what, after, self._durable or self._always_durable, splits, retry, begun=next(History.ticks))
        self.history.statements.append(statement)
        self._file_system.asked[self._number] += 1
        act()
        self._file_system.acknowledged[self._number] += 1
        statement.ended = next(History.ticks)

    def _run_one(self, connection: RawClient, command: Document) -> Document:
        reply = connection.run({**command, "$db": command.get("$db", DATABASE)})
        assert reply["ok"], (command, reply)
        assert not {"writeErrors", "writeConcernError"} & reply.keys(), (command, reply)
        return reply

    def _write(self, connection: RawClient, command: Document, after: State, *, splits: bool = False) -> None:
        """Run a write command. Most writes are retryable."""
        command = {**command, **self._concern()}
        retry = None
        statements = [*command.get("updates", []), *command.get("deletes", [])]
        if self._random.random() < 0.7 and not any(one.get("multi") or one.get("limit") == 0 for one in statements):
            self._transaction_number += 1
            retry = command = {**command, "lsid": self._session, "txnNumber": Int64(self._transaction_number)}
        what = f"{next(iter(command))} {command[next(iter(command))]}"
        self._take(what, after, lambda: self._run_one(connection, command), splits=splits, retry=retry)

    def _target(self) -> str:
        return self._random.choice([SHARED, *self.history.newest])

    def _new(self) -> Document:
        self._next_id += 1
        return {
            "_id": self._next_id,
            "n": self._random.randrange(10),
            "tags": [self._random.randrange(9) for _ in range(self._random.randrange(4))],
            "unique": f"{self._random.getrandbits(60):x}",
            "text": "x" * self._random.randrange(self._random.choice([40, 400, 4000])),
        }

    def _some(self, content: Content) -> Document | None:
        return dict(self._random.choice(list(content.documents.values()))) if content.documents else None

    def _insert(self, connection: RawClient) -> None:
        name, after = self._target(), self._state()
        if len(after[name].documents) > MOST_DOCUMENTS:
            return self._delete_many(connection)
        documents = [self._new() for _ in range(self._random.choice([1, 1, 3, 20]))]
        after[name].documents.update((one["_id"], one) for one in documents)
        return self._write(connection, {"insert": name, "documents": documents}, after, splits=True)

    def _update(self, connection: RawClient) -> None:
        name, after = self._target(), self._state()
        document = self._some(after[name])
        if document is not None:
            document["n"] += 1
            document["tags"] = [*document["tags"], 50]
            after[name].documents[document["_id"]] = document
            change = {"$inc": {"n": 1}, "$push": {"tags": 50}}
            self._write(connection, {"update": name, "updates": [{"q": {"_id": document["_id"]}, "u": change}]}, after)

    def _update_many(self, connection: RawClient) -> None:
        name, after = self._target(), self._state()
        n, low = self._random.randrange(10), self._number * IDS_PER_CLIENT
        for key, one in after[name].documents.items():
            if one["n"] == n:
                after[name].documents[key] = {**one, "n": 0, "text": "short"}
        query = {"n": n, "_id": {"$gt": low, "$lt": low + IDS_PER_CLIENT}}
        update = {"q": query, "u": {"$set": {"n": 0, "text": "short"}}, "multi": True}
        self._write(connection, {"update": name, "updates": [update]}, after, splits=True)

    def _replace(self, connection: RawClient) -> None:
        name, after = self._target(), self._state()
        document = {**self._new(), **({"_id": old["_id"]} if (old := self._some(after[name])) and self._random.random() < 0.7 else {})}
        after[name].documents[document["_id"]] = document
        self._write(connection, {"update": name, "updates": [{"q": {"_id": document["_id"]}, "u": document, "upsert": True}]}, after)

    def _delete(self, connection: RawClient) -> None:
        name, after = self._target(), self._state()
        document = self._some(after[name])
        if document is not None:
            del after[name].documents[document["_id"]]
            self._write(connection, {"delete": name, "deletes": [{"q": {"_id": document["_id"]}, "limit": 1}]}, after)

    def _delete_many(self, connection: RawClient) -> None:
        name, after = self._target(), self._state()
        n, low = self._random.randrange(10), self._number * IDS_PER_CLIENT
        for key in [key for key, one in after[name].documents.items() if one["n"] >= n]:
            del after[name].documents[key]
        query = {"n": {"$gte": n}, "_id": {"$gt": low, "$lt": low + IDS_PER_CLIENT}}
        self._write(connection, {"delete": name, "deletes": [{"q": query, "limit": 0}]}, after, splits=True)

    def _modify(self, connection: RawClient) -> None:
        name, after = self._target(), self._state()
        document = self._some(after[name])
        if document is not None:
            document["unique"] += "!"
            after[name].documents[document["_id"]] = document
            change = {"$set": {"unique": document["unique"]}}
            self._write(connection, {"findAndModify": name, "query": {"_id": document["_id"]}, "update": change, "new": True}, after)

    def _transaction(self, connection: RawClient) -> None:
        """Change several documents in several collections in one transaction, and sometimes abort it."""
        after, self._transaction_number = self._state(), self._transaction_number + 1
        commands: list[Document] = []
        for _ in range(self._random.randrange(2, 6)):
            name = self._target()
            document = self._some(after[name])
            if document is None or self._random.random() < 0.4:
                documents = [self._new() for _ in range(self._random.randrange(1, 6))]
                after[name].documents.update((one["_id"], one) for one in documents)
                commands.append({"insert": name, "documents": documents})
            elif self._random.random() < 0.5:
                del after[name].documents[document["_id"]]
                commands.append({"delete": name, "deletes": [{"q": {"_id": document["_id"]}, "limit": 1}]})
            else:
                after[name].documents[document["_id"]] = {**document, "n": 77, "tags": [1, 2, 3]}
                update = {"q": {"_id": document["_id"]}, "u": {"$set": {"n": 77, "tags": [1, 2, 3]}}}
                commands.append({"update": name, "updates": [update]})
        within = {"lsid": self._session, "txnNumber": Int64(self._transaction_number), "autocommit": False}
        for number, command in enumerate(commands):
            self._run_one(connection, {**command, **within, **({} if number else {"startTransaction": True})})
        if self._random.random() < 0.15:
            self._run_one(connection, {"abortTransaction": 1, "$db": "admin", **within})
            return
        commit = {"commitTransaction": 1, "$db": "admin", **within, **self._concern()}
        self._take("transaction", after, lambda: self._run_one(connection, commit))

    def _own(self) -> list[str]:
        return [name for name in self.history.newest if name != SHARED]

    def _create(self, connection: RawClient) -> None:
        after = self._state()
        name = f"own{self._number}_{self._random.randrange(3)}"
        if name not in after:
            after[name] = Content({})
            command = {"create": name, **self._concern()}
            self._take(f"create {name}", after, lambda: self._run_one(connection, command))

    def _index(self, connection: RawClient) -> None:
        after = self._state()
        missing = [(name, index) for name in self._own() for index in INDEXES if index not in after[name].indexes]
        if missing:
            name, index = self._random.choice(missing)
            after[name] = Content(after[name].documents, after[name].indexes | {index})
            spec = {"name": index, "key": INDEXES[index], "unique": index == "unique_1"}
            command = {"createIndexes": name, "indexes": [spec], **self._concern()}
            self._take(f"createIndexes {name} {index}", after, lambda: self._run_one(connection, command))

    def _drop_index(self, connection: RawClient) -> None:
        after = self._state()
        there = [(name, index) for name in self._own() for index in after[name].indexes]
        if there:
            name, index = self._random.choice(there)
            after[name] = Content(after[name].documents, after[name].indexes - {index})
            command = {"dropIndexes": name, "index": index, **self._concern()}
            self._take(f"dropIndexes {name} {index}", after, lambda: self._run_one(connection, command))

    def _rename(self, connection: RawClient) -> None:
        after = self._state()
        if self._own():
            name = self._random.choice(self._own())
            to = f"own{self._number}_{self._random.randrange(3)}"
            if to != name:
                after[to] = after.pop(name)
                command = {"renameCollection": f"{DATABASE}.{name}", "to": f"{DATABASE}.{to}", "dropTarget": True, "$db": "admin"}
                command |= self._concern()
                self._take(f"rename {name} {to}", after, lambda: self._run_one(connection, command))

    def _drop(self, connection: RawClient) -> None:
        after = self._state()
        if self._own() and self._random.random() < 0.5:
            name = self._random.choice(self._own())
            del after[name]
            command = {"drop": name, **self._concern()}
            self._take(f"drop {name}", after, lambda: self._run_one(connection, command))


class Layers:
    """A sequence of snapshots, restores and checkpoints between the clients' statements. Only the test's thread uses this object."""

    def __init__(self, server: SecantusDBServer, histories: list[History], file_system: PowerFileSystem, seed: int) -> None:
        self._server = server
        self._histories = histories
        self._file_system = file_system
        self._random = random.Random(seed)
        self._taken: list[tuple[Any, list[State]]] = []

    def act(self) -> None:
        """Perform one random step: take, restore or release a snapshot, or write a checkpoint."""
        step = self._random.choice([self._checkpoint, self._checkpoint, self._take, self._restore, self._release])
        if step == self._checkpoint:
            return step()
        for history in self._histories:
            history.lock.acquire()
        try:
            step()
        finally:
            for history in self._histories:
                history.lock.release()
        return None

    def _checkpoint(self) -> None:
        self._server.services.engine.checkpoint()

    def _take(self) -> None:
        if len(self._taken) < 3:
            self._taken.append((self._server.snapshot(), [history.newest for history in self._histories]))

    def _restore(self) -> None:
        if not self._taken:
            return
        at = self._random.randrange(len(self._taken))
        snapshot, states = self._taken[at]
        self._taken = self._taken[: at + 1]
        for number, (history, state) in enumerate(zip(self._histories, states, strict=True)):
            history.statements.append(Statement("restore", state, False, begun=next(History.ticks)))
            self._file_system.asked[number] += 1
        self._server.restore(snapshot)
        for number, history in enumerate(self._histories):
            self._file_system.acknowledged[number] += 1
            history.statements[-1].ended = next(History.ticks)

    def _release(self) -> None:
        if self._taken:
            self._server.release(self._taken.pop()[0])
